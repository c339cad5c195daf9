"""``sigyn serve`` as a process of its own, to be killed, suspended and measured."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from tests.loki_server import free_port

SOON = 60.0


class Serving:
    """A running exporter."""

    def __init__(self, config: Path) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        self.log = config.with_suffix(".log")
        root = Path(__file__).parents[2]
        command = [sys.executable, "-m", "exporter", "serve", "--config", config, "--listen", self.url[7:]]
        with self.log.open("ab") as log:
            # The configuration's paths are absolute; the project need not be installed.
            self._process = subprocess.Popen(command, stderr=log, cwd=root)
        self.pid = self._process.pid

    def get(self, path: str) -> requests.Response:
        return requests.get(self.url + path, timeout=2)

    def until(self, is_so: Callable[[], bool]) -> None:
        """Wait until the predicate holds."""
        never, deadline = threading.Event(), time.monotonic() + SOON
        while time.monotonic() < deadline:
            assert self._process.poll() is None, self.log.read_text()
            try:
                if is_so():
                    return
            except requests.RequestException:
                pass
            never.wait(0.05)
        raise AssertionError(f"not within {SOON:.0f} s: {self.log.read_text()[-2000:]}")

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


@contextmanager
def serving(config: Path) -> Iterator[Serving]:
    """An exporter that is killed when the block is left."""
    process = Serving(config)
    try:
        yield process
    finally:
        process.kill()
