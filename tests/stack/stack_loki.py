"""The stack's own Loki: its committed configuration, with the container's paths and ports moved."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.loki_server import free_port, wait_until_ready
from tests.stack.stack_files import mounted_file, option


@contextmanager
def running_stack_loki(folder: Path, alertmanager: str = "") -> Iterator[str]:
    """The base address of the stack's Loki, which tells the Alertmanager at that URL; it ends with the block."""
    config = mounted_file("loki", option("loki", "config.file"))
    shutil.copytree(config.parent / "rules", folder / "rules")
    port = free_port()
    moved = {
        "config.file": config,
        "config.expand-env": "true",
        "server.http-listen-address": "127.0.0.1",
        "server.http-listen-port": port,
        "server.grpc-listen-address": "127.0.0.1",
        "server.grpc-listen-port": free_port(),
        "common.path-prefix": folder,
        "common.storage.filesystem.chunk-directory": folder / "chunks",
        "compactor.working-directory": folder / "compactor",
        "ruler.rule-path": folder / "rules-temp",
        "ruler.storage.local.directory": folder / "rules",
        "ruler.alertmanager-url": alertmanager,
    }
    url, log = f"http://127.0.0.1:{port}", folder / "loki.log"
    with log.open("wb") as output:
        command = ["loki", *(f"-{name}={value}" for name, value in moved.items())]
        process = subprocess.Popen(command, stdout=output, stderr=output)
        try:
            wait_until_ready(url, process, log)
            yield url
        finally:
            process.kill()
            process.wait()
