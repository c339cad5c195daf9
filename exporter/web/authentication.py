"""Who sends a request, and whether they may: basic authentication and bearer tokens.

Order of the checks: what is known already costs nothing and is never held up; a client whose last attempts failed
waits; bcrypt runs in a thread, one check at a time, and only few wait for it.
"""

from __future__ import annotations

import base64
import binascii
import logging
from collections.abc import Callable
from typing import Final

from anyio import CapacityLimiter, to_thread
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from exporter.logs import one_line
from exporter.web.access import Access
from exporter.web.permissions import EVERYTHING, NOTHING, Permission, needed
from exporter.web.rate_limit import Rate, RateLimiter, client_of, retry_after
from exporter.web.refusals import refusal

logger = logging.getLogger(__name__)

FAILURES: Final = Rate(interval=2.0, burst=10)
"""Of attempts to sign in that fail, for each client."""
MOST_WAITING: Final = 16
"""Attempts that may wait for bcrypt; what comes on top is asked to come again."""
MAY_READ: Final = "sigyn.may_read"
"""Key of the scope: whether whoever asks may see what routes that are open to all keep back."""

_MAY_NOT: Final = {
    Permission.OPERATE: "no token may reload (sign in as a user, or send SIGHUP)",
    Permission.JUDGE: "this token may read only",
    Permission.READ: "this token may not read",
}


class _HeldUpError(Exception):
    """The client has to wait; ``seconds`` says how long."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class Authentication:
    """Middleware that lets a request pass when whoever sends it may do what it asks for.

    Args:
        app: what it stands before.
        access: what is in force now.
        clock: seconds that never go back.
    """

    def __init__(self, app: ASGIApp, access: Callable[[], Access], clock: Callable[[], float]) -> None:
        self._app, self._access = app, access
        self._failures = RateLimiter(FAILURES, clock)
        self._turn: CapacityLimiter | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 401, 403 or 429, or pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        access, needs = self._access(), needed(scope["method"], scope["path"])
        try:
            may = EVERYTHING if access.is_open else await self._permissions(access, scope)
        except _HeldUpError as held_up:
            text = "too many failed attempts to sign in from this address"
            await refusal(scope, 429, text, retry_after(held_up.seconds))(scope, receive, send)
            return
        scope[MAY_READ] = bool(may & Permission.READ)
        if needs in may:
            await self._app(scope, receive, send)
        elif may:
            await refusal(scope, 403, f"refused: {_MAY_NOT[needs]}")(scope, receive, send)
        else:
            text = "who are you? (send a user's name and password, or a bearer token)"
            await refusal(scope, 401, text, _challenge(access))(scope, receive, send)

    async def _permissions(self, access: Access, scope: Scope) -> Permission:
        """What the sender may do, NOTHING without valid credentials. Raises ``_HeldUpError``."""
        given = Headers(scope=scope).get("authorization")
        if given is None:
            return NOTHING
        scheme, _, credentials = given.partition(" ")
        client = client_of(scope)
        if scheme.lower() == "bearer":
            may = access.tokens.permissions(credentials.strip().encode("utf-8", "surrogatepass"))
        elif scheme.lower() == "basic" and access.users.hashes:
            may = EVERYTHING if await self._is_user(access, client, credentials) else NOTHING
        else:
            may = NOTHING
        if not may and (wait := self._failures.take(client)):
            raise _HeldUpError(wait)
        return may

    async def _is_user(self, access: Access, client: str, credentials: str) -> bool:
        pair = _name_and_password(credentials)
        if pair is None:
            return False
        if access.users.remembers(*pair):
            return True
        if wait := self._failures.wait(client):
            raise _HeldUpError(wait)
        if self._turn is None:  # belongs to the event loop that serves
            self._turn = CapacityLimiter(1)
        if self._turn.statistics().tasks_waiting >= MOST_WAITING:
            raise _HeldUpError(1.0)
        is_right = await to_thread.run_sync(access.users.check, *pair, limiter=self._turn)
        if not is_right:
            logger.warning("sign-in failed", extra={"client": client, "user": one_line(pair[0], 100)})
        return is_right


def _name_and_password(credentials: str) -> tuple[str, bytes] | None:
    """The pair in basic credentials, None where there is none."""
    try:
        name, colon, password = base64.b64decode(credentials.strip(), validate=True).partition(b":")
        return (name.decode("utf-8"), password) if colon else None
    except (binascii.Error, ValueError):
        return None


def _challenge(access: Access) -> dict[str, str]:
    """How to sign in; a browser asks people for a name and password only where there are users."""
    scheme = 'Basic realm="Sigyn", charset="UTF-8"' if access.users.hashes else 'Bearer realm="Sigyn"'
    return {"WWW-Authenticate": scheme}
