"""The web server as it runs in the exporter, on a free port of the loopback interface."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from exporter.serving import web_server
from exporter.web.services import WebServices


@contextmanager
def running(services: WebServices, context: ssl.SSLContext | None = None) -> Iterator[int]:
    """The port it listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = web_server(services, context)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(10)


def until_closed(connection: socket.socket, seconds: float) -> tuple[bytes, float]:
    """What the server says before it closes the connection, and how many seconds that takes."""
    begun, said = time.monotonic(), b""
    connection.settimeout(seconds)
    try:
        while piece := connection.recv(65_536):
            said += piece
    except ConnectionError:
        pass  # closed without a word
    return said, time.monotonic() - begun
