"""What a run of the benchmarks knows: where its files are, how large it is, what time it pretends."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

Timed = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Bench:
    """One run.

    Attributes:
        folder: for everything that is made on the way.
        is_full: the large sizes.
        now_ns: end of all simulated telemetry, nanoseconds since the epoch.
    """

    folder: Path
    is_full: bool
    now_ns: int


def say(line: str) -> None:
    """One line on how far the run is, on standard error."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def seconds(work: Timed) -> float:
    """How long some work takes that waits for nobody: wall clock, or this process's processor time where that is less.

    Processor time is less where other processes took turns on the cores; it is more where the work uses several.
    """
    begun, used = time.perf_counter(), time.process_time()
    work()
    return min(time.process_time() - used, time.perf_counter() - begun)


def wall_seconds(work: Timed) -> float:
    """How long some work takes by the clock: for what waits for other processes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def median_seconds(work: Timed, times: int = 3) -> float:
    """The median of several measurements: one disturbed run does not count."""
    return float(np.median([seconds(work) for _ in range(times)]))


def percentiles(durations: list[float]) -> dict[str, float]:
    """Median and 99th percentile of some durations, in seconds."""
    p50, p99 = np.quantile(durations, [0.5, 0.99])
    return {"p50": float(p50), "p99": float(p99)}
