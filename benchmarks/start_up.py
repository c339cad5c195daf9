"""From the start of ``sigyn serve`` on a kept state to the first good ``/metrics``, beside importing its code."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.bench import Bench, say, wall_seconds
from benchmarks.child import in_child
from benchmarks.grown_sessions import measured_sessions
from benchmarks.known_sessions import make_state
from benchmarks.served import GIVE_UP_SECONDS, serving
from benchmarks.table import Row, duration, skipped

KNOWN: Final = 30_000
MOST_SECONDS: Final = 3.0
_TIMES: Final = 3


def rows(bench: Bench) -> Iterator[Row]:
    """One row."""
    measured = measured_sessions(bench)
    folder = bench.folder / f"start-{KNOWN}"
    say(f"start-up: a kept state with {KNOWN:,} sessions")
    in_child(make_state, measured, str(folder), KNOWN, bench.now_ns)
    name = f"Start-up to the first good /metrics, {KNOWN:,} kept sessions"
    took = [_start(folder) for _ in range(_TIMES)]
    if None in took:
        yield skipped(name, f"no good /metrics within {GIVE_UP_SECONDS:g} s")
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
    begun = time.perf_counter()
    with serving(folder) as url:
        return None if url is None else time.perf_counter() - begun


def _import() -> None:
    subprocess.run([sys.executable, "-c", "import exporter.service"], check=True)
