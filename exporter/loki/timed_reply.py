"""Replies that must be whole within a time, headers and body together, however slowly their bytes trickle.

A socket's own time-out begins anew with every byte that comes, so that a server, or a proxy before it, that sends one
now and then would be waited for without end. Here what is left of the whole time is the time-out of each read.
"""

from __future__ import annotations

import io
import socket
import time
from collections.abc import Callable
from functools import cache
from http.client import HTTPResponse
from typing import Any, cast

from requests.adapters import HTTPAdapter
from urllib3.connectionpool import HTTPConnectionPool


class TimedAdapter(HTTPAdapter):
    """Takes the read time-out of a request for the whole reply, from when the request is sent; proxies' too.

    What comes too late is a ``TimeoutError`` beneath, which requests reports as it does a server that says nothing.
    """

    def get_connection_with_tls_context(self, *given: Any, **named: Any) -> HTTPConnectionPool:
        """The pool of connections for a request, whose connections read replies within the time."""
        pool = cast("HTTPConnectionPool", super().get_connection_with_tls_context(*given, **named))
        if getattr(pool.ConnectionCls, "response_class", None) is not TimedReply:
            pool.ConnectionCls = _timed(pool.ConnectionCls)
        return pool


class TimedReply(HTTPResponse):
    """A reply that is read from its connection within the time-out that the socket has when it begins."""

    def __init__(self, sock: socket.socket, *given: Any, **named: Any) -> None:
        super().__init__(sock, *given, **named)
        self.fp = io.BufferedReader(TimedBytes(sock, self.fp.detach(), sock.gettimeout()))


class TimedBytes(io.RawIOBase):
    """The bytes of a socket, all of them within a time.

    Args:
        sock: whose time-out is set for each read, and set back after it.
        raw: what is read, unbuffered; closed with this object.
        seconds: from now on; None for any time.
        now: seconds that only ever grow.
    """

    def __init__(
        self, sock: socket.socket, raw: io.RawIOBase, seconds: float | None, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._sock, self._raw, self._seconds, self._now = sock, raw, seconds, now
        self._end = None if seconds is None else now() + seconds

    def readable(self) -> bool:
        """True: this is what it is for."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """Read some bytes.

        Raises:
            TimeoutError: the time is over, before or while waiting for them.
        """
        if self._end is None:
            return self._raw.readinto(buffer)
        left = self._end - self._now()
        if left <= 0:
            raise TimeoutError("timed out")
        self._sock.settimeout(left)
        try:
            return self._raw.readinto(buffer)
        finally:
            self._sock.settimeout(self._seconds)  # the next request on this connection is sent with it

    def close(self) -> None:
        """Let go of the socket."""
        self._raw.close()
        super().close()


@cache
def _timed(connection: type[Any]) -> type[Any]:
    """A kind of connection with replies that are timed."""
    return type(f"Timed{connection.__name__}", (connection,), {"response_class": TimedReply})
