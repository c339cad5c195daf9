"""Bounds on what comes before a request's body."""

from __future__ import annotations

from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from exporter.web.refusals import refusal

MAX_HEAD: Final = 32 * 1024
"""Bytes of address and headers together; a session id of a few thousand characters fits, percent-encoded."""


class RequestBounds:
    """Middleware that answers 431 to a head above MAX_HEAD, which the server's own bound lets pass in one piece."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count before anything else looks at it."""
        if scope["type"] == "http" and _size(scope) > MAX_HEAD:
            await refusal(scope, 431, f"address and headers are larger than {MAX_HEAD} bytes")(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _size(scope: Scope) -> int:
    headers = sum(len(name) + len(value) + 4 for name, value in scope["headers"])
    return headers + len(scope["raw_path"] or b"") + len(scope["query_string"])
