"""A scrape: of the collector, idle and while cycles read new events, and of the whole exporter over HTTP.

Beside each stands prometheus-client with as many samples.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count, islice
from pathlib import Path
from typing import Any, Final

import requests
from prometheus_client import CollectorRegistry, Gauge, generate_latest, start_http_server

from analytics.simulation import merge_in_time
from benchmarks.bench import Bench, percentiles, say
from benchmarks.child import in_child
from benchmarks.cycle import append
from benchmarks.exporter_parts import Exporter
from benchmarks.grown_sessions import measured_sessions
from benchmarks.known_sessions import make_state
from benchmarks.served import serving
from benchmarks.table import Row, duration, skipped
from benchmarks.telemetry import simulated

KNOWN: Final = 30_000
MOST_TIMES_THE_CLIENT: Final = 1.5
NEW_EVENTS: Final = 100
"""New events that each cycle finds while it is scraped."""
_SCRAPES: Final = 200
_SECOND_NS: Final = 1_000_000_000


def rows(bench: Bench) -> Iterator[Row]:
    """One row at rest, one while a cycle runs, one over HTTP."""
    measured = measured_sessions(bench)
    folder = bench.folder / f"scrape-{KNOWN}"
    say(f"scrape: {KNOWN:,} verdicts")
    in_child(make_state, measured, str(folder), KNOWN, bench.now_ns)
    answer = in_child(scrapes, str(folder), bench.now_ns).answer
    for name, when in (("idle", "between cycles"), ("busy", f"while cycles of {NEW_EVENTS} events run in a thread")):
        yield _row(when, "gauges", answer["samples"], answer[name])
    say("scrape: over HTTP")
    with serving(folder) as url:
        if url is None:
            yield skipped("Scrape over HTTP", "no good /metrics from sigyn serve")
            return
        samples = sum(not line.startswith("#") for line in requests.get(url, timeout=30).text.splitlines())
        ours = _percentiles(_over_http(url))
    bare = in_child(bare_server_scrapes, samples).answer
    yield _row("of `sigyn serve` over HTTP", "server", samples, {"ours": ours, "bare": bare})


def _row(when: str, peer: str, samples: int, found: dict[str, dict[str, float]]) -> Row:
    ours, bare = found["ours"], found["bare"]
    ratio = ours["p50"] / bare["p50"]
    return Row(
        f"Scrape {when}, 50 tracked sessions of {KNOWN:,}, {samples:,} samples",
        f"p50 {duration(ours['p50'])}, p99 {duration(ours['p99'])}",
        f"prometheus-client's {peer}, as many samples: p50 {duration(bare['p50'])}, "
        f"p99 {duration(bare['p99'])}: {ratio:.2f} times its time",
        f"≤ {MOST_TIMES_THE_CLIENT:g} times prometheus-client",
        ratio <= MOST_TIMES_THE_CLIENT,
    )


def _over_http(url: str) -> Callable[[], object]:
    """One scrape over a connection that is kept, as Prometheus keeps it."""
    session = requests.Session()
    return lambda: session.get(url, timeout=30).content


def bare_server_scrapes(samples: int) -> dict[str, float]:
    """Percentiles of scrapes of prometheus-client's own HTTP server, from another thread of its process."""
    server, thread = start_http_server(0, "127.0.0.1", _gauges(samples))
    try:
        return _percentiles(_over_http(f"http://127.0.0.1:{server.server_port}/metrics"))
    finally:
        server.shutdown()
        thread.join()


def scrapes(folder: str, now_ns: int) -> dict[str, Any]:
    """Seconds of scrapes, ours and the bare client's, with nothing else to do and beside running cycles."""
    lines = Path(folder) / "new.jsonl"
    lines.touch()
    with Exporter.open(Path(folder), lines) as exporter:
        exporter.cycle(now_ns)
        samples = sum(len(family.samples) for family in exporter.registry.collect())
        bare = _gauges(samples)
        answer: dict[str, Any] = {"samples": samples, "idle": _both(exporter.registry, bare)}
        stop = threading.Event()
        cycles = threading.Thread(target=_cycle_until, args=(stop, exporter, lines, now_ns))
        cycles.start()
        answer["busy"] = _both(exporter.registry, bare)
        stop.set()
        cycles.join()
    return answer


def _both(ours: CollectorRegistry, bare: CollectorRegistry) -> dict[str, dict[str, float]]:
    return {name: _percentiles(partial(generate_latest, one)) for name, one in (("ours", ours), ("bare", bare))}


def _percentiles(scrape: Callable[[], object]) -> dict[str, float]:
    durations = []
    for _ in range(_SCRAPES):
        begun = time.perf_counter()
        scrape()
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


def _cycle_until(stop: threading.Event, exporter: Exporter, lines: Path, now_ns: int) -> None:
    """Cycle after cycle, each with new events of new sessions."""
    records = list(islice(merge_in_time(simulated(4, now_ns, seed=11)), NEW_EVENTS))
    for number in count():
        if stop.is_set():
            return
        now_ns += _SECOND_NS
        append(lines, records, f"scraped-{number}-", now_ns)
        exporter.cycle(now_ns)
