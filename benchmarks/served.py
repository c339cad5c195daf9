"""``sigyn serve`` as a process of its own over a kept state."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import requests
import yaml

from tests.loki_server import free_port

_GOOD: Final = 'sigyn_sessions{level="low"}'
"""In the exposition once the kept sessions are published."""
GIVE_UP_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.02


@contextmanager
def serving(folder: Path) -> Iterator[str | None]:
    """The address of its exposition once that holds the kept sessions; None when that takes too long."""
    port = free_port()
    url = f"http://127.0.0.1:{port}/metrics"
    process = subprocess.Popen(  # noqa: S603 - this very program
        [sys.executable, "-m", "exporter", "serve", "--config", str(_configured(folder, port))]
    )
    try:
        begun, is_good = time.perf_counter(), False
        while not is_good and process.poll() is None and time.perf_counter() - begun < GIVE_UP_SECONDS:
            time.sleep(_POLL_SECONDS)
            is_good = _is_good(url)
        yield url if is_good else None
    finally:
        process.terminate()
        process.wait()


def _configured(folder: Path, port: int) -> Path:
    (folder / "lines").mkdir(exist_ok=True)
    config = folder / "sigyn.yml"
    config.write_text(
        yaml.safe_dump(
            {
                "state": {"directory": str(folder)},
                "sources": {"local": {"paths": [str(folder / "lines")]}},
                "web": {"listen": f"127.0.0.1:{port}"},
                "log": {"level": "error"},
            }
        ),
        encoding="utf-8",
    )
    return config


def _is_good(url: str) -> bool:
    try:
        answer = requests.get(url, timeout=5)
    except requests.RequestException:  # not listening yet, or too busy to answer
        return False
    return answer.ok and _GOOD in answer.text
