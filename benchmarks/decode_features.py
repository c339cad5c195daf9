"""Local event lines to features with rules, beside a bare pandas (and polars) scan that only parses the same files."""

from __future__ import annotations

import importlib
import importlib.util
import os
import resource
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from joblib.externals.loky import get_reusable_executor

from analytics.activity import WorkingHours
from benchmarks.bench import Bench, median_seconds, say, seconds, wall_seconds
from benchmarks.child import Outcome, in_child
from benchmarks.grown_sessions import enabled_analyses
from benchmarks.table import Row, rate, size, skipped
from benchmarks.telemetry import write_lines
from exporter.batch_run import Spreads, read_files
from exporter.file_groups import file_groups
from exporter.pipeline import run_cycle
from exporter.processes import reading_spread
from exporter.rule_file import load_rule_set
from exporter.sources.local import LocalSource
from exporter.state import State
from exporter.world import World

EVENTS: Final = 400_000
EVENTS_FULL: Final = 1_000_000
SCAN_ROWS: Final = 50_000
"""Rows the bare scan holds at once: what a batch of ours holds."""
LEAST_RATE: Final = 100_000
MOST_TIMES_THE_SCAN: Final = 2.5
MOST_MEMORY_GROWTH: Final = 1.5
_TARGET: Final = f"≥ {LEAST_RATE:,} events/s; ≤ {MOST_TIMES_THE_SCAN:g} times the scan"


def rows(bench: Bench) -> Iterator[Row]:
    """Plain and compressed lines; then through the cycle into the state, a quarter of the history and all of it."""
    events = EVENTS_FULL if bench.is_full else EVENTS
    times = 1 if bench.is_full else 3
    plain, packed = str(bench.folder / "events"), str(bench.folder / "packed")
    say(f"decode: simulating {events:,} events")
    in_child(write_lines, plain, packed, events, bench.now_ns)
    scans = {}
    for path, kind in ((packed, "gzip"), (plain, "plain")):
        say(f"decode: {kind} lines to features")
        measured = f"Decode → features with rules, {events:,} events, {kind} lines"
        scans[path] = in_child(scan_with_pandas, path, times)
        yield _row(measured, events, _ours(path, times), ("pandas", scans[path]))
    yield _beside_polars(plain, events, times)
    yield from _memory(bench, plain, events, scans[plain].answer)


@dataclass(frozen=True, slots=True)
class _Ours:
    """Our seconds with as many processes as ``sigyn train`` takes and with one, and the bytes all of them held."""

    took: float
    alone: float
    peak_bytes: int


def _ours(path: str, times: int) -> _Ours:
    """The median of some runs, each in processes of its own, whose start counts."""
    every = [in_child(decode_to_features, path, None) for _ in range(times)]
    alone = [in_child(decode_to_features, path, 1).answer["seconds"] for _ in range(times)]
    return _Ours(
        float(np.median([one.answer["seconds"] for one in every])),
        float(np.median(alone)),
        max(one.peak_bytes + one.answer["helpers_bytes"] for one in every),
    )


def _row(measured: str, events: int, ours: _Ours, other: tuple[str, Outcome]) -> Row:
    name, scan = other
    ratio = ours.took / scan.answer
    return Row(
        measured,
        f"{rate(events, ours.took)}, peak {size(ours.peak_bytes)}; in one process {rate(events, ours.alone)}",
        f"bare {name} scan {rate(events, scan.answer)}, peak {size(scan.peak_bytes)}: {ratio:.2f} times its time"
        f" (one process {ours.alone / scan.answer:.2f})",
        _TARGET,
        events / ours.took >= LEAST_RATE and ratio <= MOST_TIMES_THE_SCAN,
    )


def _beside_polars(plain: str, events: int, times: int) -> Row:
    measured = f"Decode → features with rules, {events:,} events, plain lines, beside polars"
    if importlib.util.find_spec("polars") is None:
        return skipped(measured, "polars is not installed")
    return _row(measured, events, _ours(plain, times), ("polars", in_child(scan_with_polars, plain, times)))


def _memory(bench: Bench, plain: str, events: int, scan_seconds: float) -> Iterator[Row]:
    """Only open sessions hold events: four times the history must not take four times the memory."""
    say("decode: through the cycle into the state")
    quarter = str(bench.folder / "quarter")
    in_child(write_lines, quarter, str(bench.folder / "quarter-packed"), events // 4, bench.now_ns)
    some = in_child(lines_to_state, quarter, str(bench.folder / "state-quarter"), bench.now_ns)
    every = in_child(lines_to_state, plain, str(bench.folder / "state-all"), bench.now_ns)
    growth, ratio = every.peak_bytes / some.peak_bytes, every.answer / scan_seconds
    yield Row(
        f"Back-fill from local lines through the first cycle into the state, {events:,} events",
        f"{rate(events, every.answer)}, peak {size(every.peak_bytes)}",
        f"{events // 4:,} of them: {rate(events // 4, some.answer)}, peak {size(some.peak_bytes)};"
        f" bare pandas scan of all: {ratio:.2f} times its time",
        f"≤ {MOST_MEMORY_GROWTH:g} times the memory for 4 times the events; ≤ {MOST_TIMES_THE_SCAN:g} times the scan",
        growth <= MOST_MEMORY_GROWTH and ratio <= MOST_TIMES_THE_SCAN,
    )


def decode_to_features(path: str, jobs: int | None) -> dict[str, float]:
    """Seconds from lines to feature rows with checkpoints and findings, as ``sigyn train`` does it.

    Beside them the most bytes that the processes it started can have held together.
    """
    rules = load_rule_set()

    def work() -> None:
        groups = file_groups([path])
        read_files(groups, rules, WorkingHours(), lambda _share: None, Spreads(reading_spread(groups, jobs)))

    took = wall_seconds(work)
    get_reusable_executor().shutdown(wait=True)
    largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    return {"seconds": took, "helpers_bytes": largest * (os.cpu_count() or 1) if jobs is None else 0}


def scan_with_pandas(path: str, times: int) -> float:
    """Median seconds to parse the lines with pandas, block by block, and forget them."""

    def work() -> None:
        for file in sorted(Path(path).iterdir()):
            with pd.read_json(file, lines=True, chunksize=SCAN_ROWS) as blocks:
                for _block in blocks:
                    pass

    return median_seconds(work, times)


def scan_with_polars(path: str, times: int) -> float:
    """Median seconds to parse the lines with polars."""
    polars: Any = importlib.import_module("polars")
    return median_seconds(lambda: polars.read_ndjson(f"{path}/*.jsonl"), times)


def lines_to_state(path: str, folder: str, now_ns: int) -> float:
    """Seconds of the first cycle over some lines into a new state, without models."""
    with State.open(Path(folder)) as state:
        world = World((LocalSource([path]),), state, load_rule_set(), enabled_analyses())
        return seconds(lambda: run_cycle(world, now_ns))
