"""How often one client may ask: a token bucket for each, in bounded memory."""

from __future__ import annotations

import ipaddress
import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from exporter.web.refusals import refusal

MOST_CLIENTS: Final = 4096
"""Clients whose buckets are kept; the one that asked longest ago is forgotten first."""


@dataclass(frozen=True, slots=True)
class Rate:
    """One request every ``interval`` seconds, and ``burst`` of them at once; interval 0 has no limit."""

    interval: float
    burst: int


USUAL: Final = Rate(interval=0.02, burst=200)
"""Far above what people and Prometheus ask for."""


class RateLimiter:
    """Buckets by client, each one number: the time at which it will be full again (generic cell rate algorithm).

    Args:
        rate: of every client.
        clock: seconds that never go back.
    """

    def __init__(self, rate: Rate, clock: Callable[[], float]) -> None:
        self.rate: Final = rate
        self._clock = clock
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def wait(self, client: str) -> float:
        """Seconds until the client may ask again, 0.0 for now; takes nothing."""
        if self.rate.interval == 0:
            return 0.0
        now = self._clock()
        ahead = self._full_at.get(client, now) - now
        return max(0.0, ahead - (self.rate.burst - 1) * self.rate.interval)

    def take(self, client: str) -> float:
        """Like ``wait``, and where that is 0.0, one request is taken from the client's bucket."""
        wait = self.wait(client)
        if wait == 0 and self.rate.interval:
            now = self._clock()
            self._full_at[client] = max(self._full_at.get(client, now), now) + self.rate.interval
            self._full_at.move_to_end(client)
            while len(self._full_at) > MOST_CLIENTS:
                self._full_at.popitem(last=False)
        return wait

    def __len__(self) -> int:
        return len(self._full_at)


def client_of(scope: Scope) -> str:
    """Who asks: the address, of IPv6 the network of 64 bits, which is what one client usually has to itself."""
    host = (scope.get("client") or ("", 0))[0]
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return str(host)[:64]
    mapped = getattr(address, "ipv4_mapped", None)
    if address.version == 4 or mapped is not None:
        return str(mapped or address)
    return str(ipaddress.ip_network((address, 64), strict=False))


def retry_after(seconds: float) -> dict[str, str]:
    """The header that says when to come again."""
    return {"Retry-After": str(max(1, math.ceil(seconds)))}


class RateLimit:
    """Middleware that answers 429 to clients that ask too often.

    Args:
        app: what it stands before.
        rate: the rate in force now.
        clock: seconds that never go back.
    """

    def __init__(self, app: ASGIApp, rate: Callable[[], Rate], clock: Callable[[], float]) -> None:
        self._app, self._rate, self._clock = app, rate, clock
        self._limiter = RateLimiter(rate(), clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take from the client's bucket before anything else runs."""
        if scope["type"] == "http":
            if self._limiter.rate != self._rate():
                self._limiter = RateLimiter(self._rate(), self._clock)
            wait = self._limiter.take(client_of(scope))
            if wait:
                text = "too many requests from this address (wait, or raise rate_limit in web.config_file)"
                await refusal(scope, 429, text, retry_after(wait))(scope, receive, send)
                return
        await self._app(scope, receive, send)
