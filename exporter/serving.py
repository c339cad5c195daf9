"""What listens: the web server over the exporter, its socket, and the signals that end, reload and train.

The socket is taken before anything else, so that an address in use is one line and not a half-started exporter.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import ssl
import sys
import threading
from pathlib import Path

import uvicorn

from exporter.config import Config
from exporter.config_values import ListenAddress
from exporter.config_web import is_loopback
from exporter.heap import share_one_heap
from exporter.listening import address_of, open_listener
from exporter.page_services import page_services
from exporter.service import Exporter
from exporter.web.app import create_app
from exporter.web.connections import MOST_CONNECTIONS, BoundedConnection
from exporter.web.request_bounds import MAX_HEAD
from exporter.web.services import WebServices
from exporter.web_access import WebAccess, load_web_security

logger = logging.getLogger(__name__)

ENDING = (signal.SIGTERM, signal.SIGINT)


def serve(config: Config, config_file: Path, listen: ListenAddress | None) -> None:
    """Run the exporter until a signal ends it."""
    share_one_heap(os.environ)  # before there are threads
    _end_on_signals()
    address = listen or config.web.listen
    security = load_web_security(config.web, address)  # before anything is opened: a mistake is one line
    if security.context is None and not security.access.is_open and not is_loopback(address):
        logger.warning("passwords and tokens cross the network readable: set tls_server_config in web.config_file")
    with open_listener(address) as listener:
        exporter = Exporter(config, config_file)
        signal.signal(signal.SIGHUP, lambda *_: threading.Thread(target=exporter.reload, daemon=True).start())
        signal.signal(signal.SIGUSR1, lambda *_: exporter.train_now())
        run_until_signal(exporter, listener)


def run_until_signal(exporter: Exporter, listener: socket.socket) -> None:
    """Run schedule and web server until SIGTERM or SIGINT, either of which is the regular end: exit status 0."""
    _end_on_signals()
    try:
        access = WebAccess(lambda: exporter.config.web, address_of(listener))
        exporter.check_reload = access.check
        exporter.start()
        web_server(page_services(exporter, access), access.context()).run(sockets=[listener])
    finally:
        for number in ENDING:  # stopping is quick, and a second request must not cut it short
            signal.signal(number, signal.SIG_IGN)
        exporter.stop()


def _end_on_signals() -> None:
    # While uvicorn runs it takes these signals itself, and raises them again once it has ended.
    for number in ENDING:
        signal.signal(number, lambda *_: sys.exit(0))


def web_server(services: WebServices, context: ssl.SSLContext | None) -> uvicorn.Server:
    """The server of pages, API and exposition, over TLS where there is a context for it.

    The client is who the connection comes from: ``X-Forwarded-For`` is anybody's word and changes nothing.
    """
    return uvicorn.Server(
        uvicorn.Config(
            create_app(services),
            http=BoundedConnection,
            ws="none",
            h11_max_incomplete_event_size=MAX_HEAD,
            limit_concurrency=MOST_CONNECTIONS,
            ssl_context_factory=None if context is None else lambda _config, _default: context,
            proxy_headers=False,
            log_config=None,
            log_level=logging.WARNING,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=1,
        )
    )
