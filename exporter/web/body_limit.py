"""Bounds on the size of request bodies and on the time they take to arrive."""

from __future__ import annotations

from typing import Final

from anyio import fail_after
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from exporter.web.refusals import refusal

MAX_BODY: Final = 64 * 1024
"""Bytes; a verdict with the longest note is far below."""
BODY_SECONDS: Final = 10.0
"""Within which a body has to arrive as a whole."""

_BODILESS: Final = ("GET", "HEAD", "OPTIONS")


class BodyLimit:
    """Middleware that answers 413 to a body above MAX_BODY, having read no more than that, and else replays it.

    Args:
        app: what it stands before.
        seconds: within which the body has to be there; 408 after that.
    """

    def __init__(self, app: ASGIApp, seconds: float = BODY_SECONDS) -> None:
        self._app, self._seconds = app, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the body up to the limit before anything else runs."""
        if scope["type"] != "http" or scope["method"] in _BODILESS:
            await self._app(scope, receive, send)
            return
        try:
            with fail_after(self._seconds):
                body = await _read(receive)
        except TimeoutError:
            text = f"the request body did not arrive within {self._seconds:g} s"
            await refusal(scope, 408, text, {"Connection": "close"})(scope, receive, send)
            return
        if body is None:
            await refusal(scope, 413, f"the request body is larger than {MAX_BODY} bytes")(scope, receive, send)
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
