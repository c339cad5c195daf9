"""From the start of ``sigyn serve`` on a kept state to the first good ``/metrics``, beside importing its code."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import requests
import yaml

from benchmarks.bench import Bench, say, wall_seconds
from benchmarks.child import in_child
from benchmarks.grown_sessions import measure_sessions
from benchmarks.known_sessions import make_state
from benchmarks.table import Row, duration, skipped
from tests.loki_server import free_port

KNOWN: Final = 30_000
MOST_SECONDS: Final = 3.0
_TIMES: Final = 3
_GIVE_UP_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.02
_GOOD: Final = 'sigyn_sessions{level="low"}'
"""In the exposition once the kept sessions are published."""


def rows(bench: Bench) -> Iterator[Row]:
    """One row."""
    measured = str(bench.folder / "measured.joblib")
    if not Path(measured).exists():
        in_child(measure_sessions, measured, bench.now_ns)
    folder = bench.folder / f"start-{KNOWN}"
    say(f"start-up: a kept state with {KNOWN:,} sessions")
    in_child(make_state, measured, str(folder), KNOWN, bench.now_ns)
    name = f"Start-up to the first good /metrics, {KNOWN:,} kept sessions"
    took = [_start(folder) for _ in range(_TIMES)]
    if None in took:
        yield skipped(name, f"no good /metrics within {_GIVE_UP_SECONDS:g} s")
        return
    middle = float(np.median([one for one in took if one is not None]))
    imports = float(np.median([wall_seconds(_import) for _ in range(_TIMES)]))
    yield Row(
        name,
        duration(middle),
        f"of which starting Python and importing the exporter {duration(imports)}",
        f"≤ {duration(MOST_SECONDS)}",
        middle <= MOST_SECONDS,
    )


def _start(folder: Path) -> float | None:
    """Seconds until the exposition holds the kept sessions; None when that takes too long."""
    port = free_port()
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
    begun = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "exporter", "serve", "--config", str(config)])  # noqa: S603 - this very program
    try:
        while process.poll() is None and time.perf_counter() - begun < _GIVE_UP_SECONDS:
            if _is_good(f"http://127.0.0.1:{port}/metrics"):
                return time.perf_counter() - begun
            time.sleep(_POLL_SECONDS)
        return None
    finally:
        process.terminate()
        process.wait()


def _is_good(url: str) -> bool:
    try:
        answer = requests.get(url, timeout=5)
    except requests.RequestException:  # not listening yet, or too busy to answer
        return False
    return answer.ok and _GOOD in answer.text


def _import() -> None:
    subprocess.run([sys.executable, "-c", "import exporter.service"], check=True)
