"""The socket that the web server listens on.

Errors: ``ListenError``, when the address cannot be listened on.
"""

from __future__ import annotations

import socket

from exporter.config_values import ListenAddress


class ListenError(Exception):
    """The address cannot be listened on; the message names it."""


def open_listener(address: ListenAddress) -> socket.socket:
    """A listening socket on the address.

    Raises:
        ListenError: the address is in use, not this host's, or not permitted.
    """
    try:
        family = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((address.host, address.port), family=family)
    except OSError as error:
        raise ListenError(
            f"{address}: cannot be listened on ({error.strerror}); stop what uses it, or give another address "
            "with --listen or web.listen"
        ) from error


def address_of(listener: socket.socket) -> ListenAddress:
    """Where a listening socket can be reached; its port is known even where any free one was asked for."""
    host, port = listener.getsockname()[:2]
    return ListenAddress(host, port)
