"""Who may change something: our own pages and programs, but no other site through a visitor's browser.

A browser says where a request comes from and no page can forge that: ``Sec-Fetch-Site`` on trustworthy connections,
``Origin`` on every POST. Programs such as curl send neither.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from urllib.parse import SplitResult, urlsplit

from fastapi import HTTPException, Request

_OWN_SITES: Final = ("same-origin", "none")
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


def same_origin_guard(external_url: str | None) -> Callable[[Request], None]:
    """A dependency that refuses, with 403, what another site's page makes a browser send.

    Args:
        external_url: URL under which people reach the pages; its origin counts as our own, so that forms work behind
            a proxy that changes the ``Host`` header.
    """
    own = None if external_url is None else _split(external_url)

    def refuse_other_sites(request: Request) -> None:
        if not _is_own(request, own):
            raise HTTPException(403, "refused: the request comes from another site (call it without an Origin header)")

    return refuse_other_sites


def _is_own(request: Request, own: SplitResult | None) -> bool:
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in _OWN_SITES
    origin = request.headers.get("origin")
    if origin is None:
        return True
    given = _split(origin)
    if given is None or given.scheme not in _DEFAULT_PORTS or given.hostname is None:
        return False
    if own is not None and _address(given, given.scheme) == _address(own, own.scheme):
        return given.scheme == own.scheme
    host = _split(f"//{request.headers.get('host', '')}")
    return host is not None and _address(given, given.scheme) == _address(host, given.scheme)


def _split(url: str) -> SplitResult | None:
    """The parts of a URL, None where it is none."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts


def _address(parts: SplitResult, scheme: str) -> tuple[str | None, int | None]:
    """Host and port, the scheme's own port filled in."""
    return parts.hostname, parts.port or _DEFAULT_PORTS.get(scheme)
