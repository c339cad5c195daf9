"""Which names the exporter may be asked for under while nobody has to authenticate.

A page on any site can have its own name point to a loopback address (DNS rebinding); to the browser the exporter is
then part of that site, which may read every answer. The ``Host`` header still bears the site's name.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from exporter.web.access import Access
from exporter.web.refusals import refusal

MISDIRECTED: Final = 421

_HOST: Final = re.compile(r"(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::[0-9]*)?")


class HostCheck:
    """Middleware that answers 421 to a request for a name that is not ours."""

    def __init__(self, app: ASGIApp, access: Callable[[], Access]) -> None:
        self._app, self._access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Look at the ``Host`` header; a request without one comes from no browser and passes."""
        hosts = self._access().hosts if scope["type"] == "http" else None
        given = Headers(scope=scope).getlist("host") if hosts is not None else []
        if hosts is not None and not all(is_own_host(one, hosts) for one in given):
            text = "the Host header names a host that is not this one's (add it to web.allowed_hosts)"
            await refusal(scope, MISDIRECTED, text)(scope, receive, send)
            return
        await self._app(scope, receive, send)


def is_own_host(given: str, hosts: frozenset[str]) -> bool:
    """Whether a ``Host`` header names this machine: by address, as ``localhost``, or by one of ``hosts``."""
    match = _HOST.fullmatch(given.lower())
    if match is None:
        return False
    name = (match[1] or match[2]).removesuffix(".")
    if name in hosts or name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
