"""What listens: the web server over the exporter, its socket, and the signals that end, reload and train.

The socket is taken before anything else, so that an address in use is one line and not a half-started exporter.
"""

from __future__ import annotations

import logging
import signal
import socket
import sys
import threading
from pathlib import Path

import uvicorn

from exporter.config import Config
from exporter.config_values import ListenAddress
from exporter.listening import open_listener
from exporter.page_services import page_services
from exporter.service import Exporter
from exporter.web.app import create_app

logger = logging.getLogger(__name__)

ENDING = (signal.SIGTERM, signal.SIGINT)


def serve(config: Config, config_file: Path, listen: ListenAddress | None) -> None:
    """Run the exporter until a signal ends it."""
    _end_on_signals()
    with open_listener(listen or config.web.listen) as listener:
        exporter = Exporter(config, config_file)
        signal.signal(signal.SIGHUP, lambda *_: threading.Thread(target=exporter.reload, daemon=True).start())
        signal.signal(signal.SIGUSR1, lambda *_: exporter.train_now())
        run_until_signal(exporter, listener)


def run_until_signal(exporter: Exporter, listener: socket.socket) -> None:
    """Run schedule and web server until SIGTERM or SIGINT, either of which is the regular end: exit status 0."""
    _end_on_signals()
    try:
        exporter.start()
        _web_server(exporter).run(sockets=[listener])
    finally:
        for number in ENDING:  # stopping is quick, and a second request must not cut it short
            signal.signal(number, signal.SIG_IGN)
        exporter.stop()


def _end_on_signals() -> None:
    # While uvicorn runs it takes these signals itself, and raises them again once it has ended.
    for number in ENDING:
        signal.signal(number, lambda *_: sys.exit(0))


def _web_server(exporter: Exporter) -> uvicorn.Server:
    return uvicorn.Server(
        uvicorn.Config(
            create_app(page_services(exporter)),
            log_config=None,
            log_level=logging.WARNING,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=1,
        )
    )
