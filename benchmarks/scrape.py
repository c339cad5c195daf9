"""A scrape of the collector, idle and while cycles run, beside prometheus-client serving as many samples."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from benchmarks.bench import Bench, percentiles, say
from benchmarks.child import in_child
from benchmarks.exporter_parts import Exporter
from benchmarks.grown_sessions import measure_sessions
from benchmarks.known_sessions import make_state
from benchmarks.table import Row, duration

KNOWN: Final = 30_000
MOST_SECONDS: Final = 0.02
MOST_TIMES_THE_CLIENT: Final = 1.5
_SCRAPES: Final = 200


def rows(bench: Bench) -> Iterator[Row]:
    """One row at rest, one while a cycle runs."""
    measured = str(bench.folder / "measured.joblib")
    if not Path(measured).exists():
        in_child(measure_sessions, measured, bench.now_ns)
    folder = bench.folder / f"scrape-{KNOWN}"
    say(f"scrape: {KNOWN:,} verdicts")
    in_child(make_state, measured, str(folder), KNOWN, bench.now_ns)
    answer = in_child(scrapes, str(folder), bench.now_ns).answer
    for name, when in (("idle", "between cycles"), ("busy", "while cycles run in another thread")):
        ours, bare = answer[name]["ours"], answer[name]["bare"]
        ratio = ours["p50"] / bare["p50"]
        yield Row(
            f"Scrape {when}, 50 tracked sessions of {KNOWN:,}, {answer['samples']:,} samples",
            f"p50 {duration(ours['p50'])}, p99 {duration(ours['p99'])}",
            f"prometheus-client gauges, as many samples: p50 {duration(bare['p50'])}, "
            f"p99 {duration(bare['p99'])}: {ratio:.2f} times its time",
            f"≤ {duration(MOST_SECONDS)}; ≤ {MOST_TIMES_THE_CLIENT:g} times prometheus-client",
            ours["p50"] <= MOST_SECONDS and ratio <= MOST_TIMES_THE_CLIENT,
        )


def scrapes(folder: str, now_ns: int) -> dict[str, Any]:
    """Seconds of scrapes, ours and the bare client's, with nothing else to do and beside running cycles."""
    lines = Path(folder) / "none.jsonl"
    lines.touch()
    with Exporter.open(Path(folder), lines) as exporter:
        exporter.cycle(now_ns)
        samples = sum(len(family.samples) for family in exporter.registry.collect())
        bare = _gauges(samples)
        answer: dict[str, Any] = {"samples": samples, "idle": _both(exporter.registry, bare)}
        stop = threading.Event()
        cycles = threading.Thread(target=_cycle_until, args=(stop, exporter, now_ns))
        cycles.start()
        answer["busy"] = _both(exporter.registry, bare)
        stop.set()
        cycles.join()
    return answer


def _both(ours: CollectorRegistry, bare: CollectorRegistry) -> dict[str, dict[str, float]]:
    return {"ours": _percentiles(ours), "bare": _percentiles(bare)}


def _percentiles(registry: CollectorRegistry) -> dict[str, float]:
    durations = []
    for _ in range(_SCRAPES):
        begun = time.perf_counter()
        generate_latest(registry)
        durations.append(time.perf_counter() - begun)
    return percentiles(durations)


def _gauges(samples: int) -> CollectorRegistry:
    """A registry with one gauge of as many series, four labels each, as our largest family has."""
    registry = CollectorRegistry()
    gauge = Gauge(
        "bare_risk_score", "As many samples.", ("session_id", "agent", "user_id", "project"), registry=registry
    )
    for number in range(samples):
        gauge.labels(f"{number:032x}", "claude-code", f"user-{number % 50}", "/home/dev/project").set(number / samples)
    return registry


def _cycle_until(stop: threading.Event, exporter: Exporter, now_ns: int) -> None:
    while not stop.is_set():
        exporter.cycle(now_ns)
