"""A real Prometheus, started for a test where one is on PATH."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.loki_server import free_port

SCRAPES = 5
"""Scrapes to wait for, enough for a rate."""
WITHIN_SECONDS = 60.0

needs_prometheus = pytest.mark.skipif(
    shutil.which("prometheus") is None, reason="needs prometheus on PATH (Debian package prometheus)"
)


def settings(target: str) -> dict[str, Any]:
    return {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
        "scrape_configs": [{"job_name": "sigyn", "static_configs": [{"targets": [target]}]}],
    }


@contextmanager
def running_prometheus(folder: Path, target: str) -> Iterator[str]:
    """The base address of a Prometheus that has scraped ``target`` a few times; it ends with the block."""
    address = f"127.0.0.1:{free_port()}"
    config, log = folder / "prometheus.yml", folder / "prometheus.log"
    config.write_text(json.dumps(settings(target)))
    command = [
        "prometheus",
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={address}",
        "--log.level=warn",
    ]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
        try:
            _wait_for_scrapes(f"http://{address}", process, log)
            yield f"http://{address}"
        finally:
            process.kill()
            process.wait()


def _wait_for_scrapes(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    never = threading.Event()
    for _ in range(int(WITHIN_SECONDS / 0.25)):
        assert process.poll() is None, f"prometheus ended: {log.read_text()[-2000:]}"
        try:
            found = ask(url, "sum_over_time(up[5m])", is_instant=True)
        except requests.ConnectionError:
            found = []
        if found and float(found[0]["value"][1]) >= SCRAPES:
            return
        never.wait(0.25)
    raise AssertionError(f"no {SCRAPES} scrapes within {WITHIN_SECONDS} s: {log.read_text()[-2000:]}")


def ask(url: str, expression: str, *, is_instant: bool) -> list[dict[str, Any]]:
    """The series of an answer, now or over the last seconds."""
    now = time.time()
    if is_instant:
        reply = requests.get(f"{url}/api/v1/query", params={"query": expression, "time": now}, timeout=10)
    else:
        span = {"query": expression, "start": now - 3, "end": now, "step": 1}
        reply = requests.get(f"{url}/api/v1/query_range", params=span, timeout=10)
    if reply.status_code == 503:
        return []
    assert reply.ok, f"{expression}: {reply.text}"
    return list(reply.json()["data"]["result"])
