"""A cycle with nothing new, 100 and 10,000 new events, with many known sessions: cost follows what is new."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson

from analytics.simulation import merge_in_time
from benchmarks.bench import Bench, say, seconds
from benchmarks.child import in_child
from benchmarks.exporter_parts import Exporter
from benchmarks.grown_sessions import measured_sessions
from benchmarks.known_sessions import make_state
from benchmarks.table import Row, duration
from benchmarks.telemetry import simulated

KNOWN: Final = 30_000
FEW: Final = 1_000
"""Known sessions of the cycle to compare with: cost should hardly differ."""
NEW_EVENTS: Final = (0, 100, 10_000)
TARGETS: Final = {0: 0.1, 100: 0.25}
"""Most seconds of a cycle, by number of new events."""
_TIMES: Final = 5
_SECOND_NS: Final = 1_000_000_000


def rows(bench: Bench) -> Iterator[Row]:
    """One row for each number of new events."""
    measured = measured_sessions(bench)
    took = {}
    for known in (FEW, KNOWN):
        say(f"cycle: a state with {known:,} known sessions")
        folder = str(bench.folder / f"cycle-{known}")
        in_child(make_state, measured, folder, known, bench.now_ns)
        took[known] = in_child(cycles, folder, bench.now_ns).answer
    for new in NEW_EVENTS:
        mine, few = took[KNOWN][str(new)], took[FEW][str(new)]
        yield Row(
            f"Cycle with {new:,} new events, {KNOWN:,} known sessions"
            if new
            else f"Idle cycle, {KNOWN:,} known sessions",
            duration(mine),
            f"with {FEW:,} known sessions {duration(few)}",
            f"≤ {duration(TARGETS[new])}" if new in TARGETS else "",
            mine <= TARGETS[new] if new in TARGETS else None,
        )


def cycles(folder: str, now_ns: int) -> dict[str, float]:
    """Median seconds of a cycle, publication included, by number of new events."""
    records = list(islice(merge_in_time(simulated(120, now_ns, seed=11)), max(NEW_EVENTS)))
    lines = Path(folder) / "new.jsonl"
    lines.touch()
    took = {}
    with Exporter.open(Path(folder), lines) as exporter:
        exporter.cycle(now_ns)
        for new in NEW_EVENTS:
            durations = []
            for number in range(_TIMES):
                now_ns += 60 * _SECOND_NS
                append(lines, records[:new], f"{new}-{number}-", now_ns)
                durations.append(seconds(lambda at=now_ns: exporter.cycle(at)))  # type: ignore[misc]  # a bound default
            took[str(new)] = float(np.median(durations))
    return took


def append(lines: Path, records: list[dict[str, Any]], prefix: str, now_ns: int) -> None:
    """Append events of new sessions that happened in the last seconds."""
    with lines.open("ab") as file:
        for number, record in enumerate(records):
            time = now_ns / _SECOND_NS - (len(records) - number) * 0.001
            changed = {**record, "timestamp": time, "session_id": prefix + record["session_id"]}
            file.write(orjson.dumps(changed) + b"\n")
