"""What uvicorn leaves open: how long a request's head may take, and how many connections one client may hold."""

from __future__ import annotations

import asyncio
from typing import Final

from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS: Final = 10.0
"""Within which address and headers of a request have to arrive, counted from the connection or the first byte."""
MOST_CONNECTIONS: Final = 512
"""Connections that are open at the same time."""
MOST_OF_ONE_CLIENT: Final = 64
"""Connections of one address that are open at the same time."""


class BoundedConnection(H11Protocol):
    """uvicorn's HTTP/1.1 connection, dropped when its head is slow or it is one too many."""

    _head_due: asyncio.TimerHandle | None = None
    head_seconds = HEAD_SECONDS

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Accept a connection, or drop it at once."""
        super().connection_made(transport)  # type: ignore[arg-type]  # asyncio hands every protocol of a stream a Transport
        of_peer = sum(_host(other) == _host(self) for other in self.connections)
        if len(self.connections) > MOST_CONNECTIONS or of_peer > MOST_OF_ONE_CLIENT:
            self.transport.abort()
            return
        self._expect_head()

    def data_received(self, data: bytes) -> None:
        """Pass data on; a head that is complete has its request running afterwards."""
        super().data_received(data)
        if self.cycle is None or self.cycle.response_complete:
            self._expect_head()
        else:
            self._head_came()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is expected any more."""
        self._head_came()
        super().connection_lost(exc)

    def _expect_head(self) -> None:
        if self._head_due is None:
            self._head_due = self.loop.call_later(self.head_seconds, self._drop)

    def _head_came(self) -> None:
        if self._head_due is not None:
            self._head_due.cancel()
            self._head_due = None

    def _drop(self) -> None:
        self._head_due = None
        if self.cycle is None or self.cycle.response_complete:
            self.transport.abort()


def _host(connection: object) -> str | None:
    client = getattr(connection, "client", None)
    return client[0] if client else None
