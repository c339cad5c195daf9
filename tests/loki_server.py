"""A real Loki, started for a test where one is on PATH."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
import yaml

READY_WITHIN_SECONDS = 60.0

needs_loki = pytest.mark.skipif(shutil.which("loki") is None, reason="needs a loki executable on PATH")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def server_settings(folder: Path, http_port: int) -> dict[str, object]:
    """One process, everything in one folder, entries of any recent age visible at once."""
    return {
        "auth_enabled": False,
        "analytics": {"reporting_enabled": False},
        "server": {
            "http_listen_address": "127.0.0.1",
            "http_listen_port": http_port,
            "grpc_listen_address": "127.0.0.1",
            "grpc_listen_port": free_port(),
            "log_level": "error",
        },
        "common": {
            "instance_addr": "127.0.0.1",
            "path_prefix": str(folder),
            "replication_factor": 1,
            "ring": {"kvstore": {"store": "inmemory"}},
            "storage": {
                "filesystem": {"chunks_directory": str(folder / "chunks"), "rules_directory": str(folder / "rules")}
            },
        },
        "schema_config": {
            "configs": [
                {
                    "from": "2024-01-01",
                    "store": "tsdb",
                    "object_store": "filesystem",
                    "schema": "v13",
                    "index": {"prefix": "index_", "period": "24h"},
                }
            ]
        },
        # A single process overrules the first with a limit of its own unless the second lifts that.
        "querier": {"query_ingesters_within": 0},
        "ingester": {"query_store_max_look_back_period": -1},
    }


@contextmanager
def running_loki(folder: Path) -> Iterator[str]:
    """The base address of a Loki that is ready; it ends with the block."""
    port = free_port()
    config, log = folder / "loki.yml", folder / "loki.log"
    config.write_text(yaml.safe_dump(server_settings(folder, port)))
    url = f"http://127.0.0.1:{port}"
    with log.open("wb") as output:
        process = subprocess.Popen(["loki", f"-config.file={config}"], stdout=output, stderr=output)
        try:
            wait_until_ready(url, process, log)
            yield url
        finally:
            process.kill()
            process.wait()


def wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Poll ``/ready``; Loki holds it back for 15 s after a start."""
    never = threading.Event()
    for _ in range(int(READY_WITHIN_SECONDS / 0.5)):
        try:
            if requests.get(f"{url}/ready", timeout=2).ok:
                return
        except requests.ConnectionError:
            assert process.poll() is None, f"loki ended: {log.read_text()[-2000:]}"
        never.wait(0.5)
    raise AssertionError(f"loki is not ready after {READY_WITHIN_SECONDS} s: {log.read_text()[-2000:]}")
