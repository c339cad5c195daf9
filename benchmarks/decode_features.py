"""Local event lines to features with rules, beside a bare pandas (and polars) scan that only parses the same files."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final

import pandas as pd

from analytics.activity import WorkingHours
from benchmarks.bench import Bench, median_seconds, say, seconds
from benchmarks.child import Outcome, in_child
from benchmarks.grown_sessions import enabled_analyses
from benchmarks.table import Row, rate, size, skipped
from benchmarks.telemetry import write_lines
from exporter.batch_run import read_inputs
from exporter.pipeline import run_cycle
from exporter.rule_file import load_rule_set
from exporter.sources.local import LocalSource
from exporter.state import State
from exporter.world import World

EVENTS: Final = 100_000
EVENTS_FULL: Final = 1_000_000
SCAN_ROWS: Final = 50_000
"""Rows the bare scan holds at once: what a batch of ours holds."""
LEAST_HISTORY: Final = 4 * SCAN_ROWS
"""Events of the history whose memory is measured: a quarter of it fills a batch, as any part of a longer one does."""
LEAST_RATE: Final = 100_000
MOST_TIMES_THE_SCAN: Final = 2.5
MOST_MEMORY_GROWTH: Final = 1.5
_TARGET: Final = f"≥ {LEAST_RATE:,} events/s; ≤ {MOST_TIMES_THE_SCAN:g} times the scan"


def rows(bench: Bench) -> Iterator[Row]:
    """Plain and compressed lines; then through the cycle into the state, a quarter of the history and all of it."""
    events = EVENTS_FULL if bench.is_full else EVENTS
    times = 1 if bench.is_full else 3
    plain, packed = str(bench.folder / "events.jsonl"), str(bench.folder / "events.jsonl.gz")
    say(f"decode: simulating {events:,} events")
    in_child(write_lines, plain, packed, events, bench.now_ns)
    for path, kind in ((packed, "gzip"), (plain, "plain")):
        say(f"decode: {kind} lines to features")
        measured = f"Decode → features with rules, {events:,} events, {kind} lines"
        ours = in_child(decode_to_features, path, times)
        yield _row(measured, events, ours, ("pandas", in_child(scan_with_pandas, path, times)))
    yield _beside_polars(plain, events, ours, times)
    yield from _memory(bench, plain, events)


def _row(measured: str, events: int, ours: Outcome, other: tuple[str, Outcome]) -> Row:
    name, scan = other
    ratio = ours.answer / scan.answer
    return Row(
        measured,
        f"{rate(events, ours.answer)}, peak {size(ours.peak_bytes)}",
        f"bare {name} scan {rate(events, scan.answer)}, peak {size(scan.peak_bytes)}: {ratio:.2f} times its time",
        _TARGET,
        events / ours.answer >= LEAST_RATE and ratio <= MOST_TIMES_THE_SCAN,
    )


def _beside_polars(plain: str, events: int, ours: Outcome, times: int) -> Row:
    measured = f"Decode → features with rules, {events:,} events, plain lines, beside polars"
    if importlib.util.find_spec("polars") is None:
        return skipped(measured, "polars is not installed")
    return _row(measured, events, ours, ("polars", in_child(scan_with_polars, plain, times)))


def _memory(bench: Bench, plain: str, events: int) -> Iterator[Row]:
    """Only open sessions hold events: four times the history must not take four times the memory."""
    say("decode: through the cycle into the state")
    if events < LEAST_HISTORY:
        events, plain = LEAST_HISTORY, str(bench.folder / "history.jsonl")
        in_child(write_lines, plain, str(bench.folder / "history.jsonl.gz"), events, bench.now_ns)
    quarter = str(bench.folder / "quarter.jsonl")
    in_child(cut_lines, plain, quarter, events // 4)
    some = in_child(lines_to_state, quarter, str(bench.folder / "state-quarter"), bench.now_ns)
    every = in_child(lines_to_state, plain, str(bench.folder / "state-all"), bench.now_ns)
    growth = every.peak_bytes / some.peak_bytes
    yield Row(
        f"Back-fill from local lines through the first cycle into the state, {events:,} events",
        f"{rate(events, every.answer)}, peak {size(every.peak_bytes)}",
        f"{events // 4:,} of them: {rate(events // 4, some.answer)}, peak {size(some.peak_bytes)}",
        f"≤ {MOST_MEMORY_GROWTH:g} times the memory for 4 times the events",
        growth <= MOST_MEMORY_GROWTH,
    )


def decode_to_features(path: str, times: int) -> float:
    """Median seconds from lines to feature rows with checkpoints and findings, as ``sigyn train`` does it."""
    rules = load_rule_set()

    def work() -> None:
        source = LocalSource([path], must_exist=True, is_final=True)
        read_inputs(source, rules, WorkingHours(), 0, lambda _share: None)

    return median_seconds(work, times)


def scan_with_pandas(path: str, times: int) -> float:
    """Median seconds to parse the lines with pandas, block by block, and forget them."""

    def work() -> None:
        with pd.read_json(path, lines=True, chunksize=SCAN_ROWS) as blocks:
            for _block in blocks:
                pass

    return median_seconds(work, times)


def scan_with_polars(path: str, times: int) -> float:
    """Median seconds to parse the lines with polars."""
    polars: Any = importlib.import_module("polars")
    return median_seconds(lambda: polars.read_ndjson(path), times)


def cut_lines(path: str, out: str, count: int) -> None:
    """Write the first lines of a file to another."""
    with Path(path).open("rb") as lines, Path(out).open("wb") as kept:
        kept.writelines(islice(lines, count))


def lines_to_state(path: str, folder: str, now_ns: int) -> float:
    """Seconds of the first cycle over some lines into a new state, without models."""
    with State.open(Path(folder)) as state:
        world = World((LocalSource([path]),), state, load_rule_set(), enabled_analyses())
        return seconds(lambda: run_cycle(world, now_ns))
