"""A bound on the size of request bodies."""

from __future__ import annotations

from typing import Final

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY: Final = 64 * 1024
"""Bytes; a verdict with the longest note is far below."""

_BODILESS: Final = ("GET", "HEAD", "OPTIONS")


class BodyLimit:
    """Middleware that answers 413 to a body above MAX_BODY, having read no more than that, and else replays it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the body up to the limit before anything else runs."""
        if scope["type"] != "http" or scope["method"] in _BODILESS:
            await self._app(scope, receive, send)
            return
        body = await _read(receive)
        if body is None:
            refusal = JSONResponse({"detail": f"the request body is larger than {MAX_BODY} bytes"}, 413)
            await refusal(scope, receive, send)
            return
        await self._app(scope, _replay(body, receive), send)


async def _read(receive: Receive) -> bytes | None:
    """The body, None above the limit; what a disconnected client sent so far stands for the whole."""
    body = b""
    is_complete = False
    while not is_complete:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > MAX_BODY:
            return None
        is_complete = not message.get("more_body", False)
    return body


def _replay(body: bytes, receive: Receive) -> Receive:
    """A ``receive`` that hands out the body once and then what comes after it."""
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return pending.pop() if pending else await receive()

    return replayed
