"""Simulated event lines in files: what benchmarks read."""

from __future__ import annotations

import gzip
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson

from analytics.simulation import SimulatedSession, SimulationSettings, merge_in_time, simulate_team

EVENTS_A_SESSION: Final = 180
"""A little less than simulated sessions have on average, so that there are always enough events."""
BLOCK_EVENTS: Final = 100_000
_BLOCK_DAYS: Final = 3.0
_DAY_NS: Final = 86_400_000_000_000


def write_lines(plain: str, packed: str, events: int, now_ns: int) -> int:
    """Write exactly ``events`` native event lines to files of two folders, plain and gzip; returns the bytes of JSON.

    A file holds three days. The blocks follow one another up to ``now_ns``, so memory does not grow with the length.
    """
    written = 0
    for folder in (plain, packed):
        Path(folder).mkdir()
    for number, block in enumerate(_blocks(events, now_ns)):
        text = b"".join(orjson.dumps(record) + b"\n" for record in block)
        (Path(plain) / f"{number:03}.jsonl").write_bytes(text)
        (Path(packed) / f"{number:03}.jsonl.gz").write_bytes(gzip.compress(text, compresslevel=6))
        written += len(text)
    return written


def _blocks(events: int, now_ns: int) -> Iterator[list[dict[str, Any]]]:
    count = -(-events // BLOCK_EVENTS)
    for number in range(count):
        wanted = min(BLOCK_EVENTS, events - number * BLOCK_EVENTS)
        end_ns = now_ns - int((count - 1 - number) * _BLOCK_DAYS * _DAY_NS)
        sessions = simulated(-(-wanted // EVENTS_A_SESSION) + 40, end_ns, seed=number, days=_BLOCK_DAYS)
        records = list(merge_in_time(sessions))
        if len(records) < wanted:
            raise ValueError(f"{len(sessions)} simulated sessions have {len(records)} events, {wanted} are needed")
        yield records[-wanted:]


def simulated(
    sessions: int, end_ns: int, *, seed: int, days: float = 30.0, agents: dict[str, float] | None = None
) -> list[SimulatedSession]:
    """Simulated sessions, one in thirty of them misbehaving."""
    settings = SimulationSettings(end_ns=end_ns, sessions=sessions, days=days, anomalous_ratio=0.03)
    if agents is not None:
        settings = SimulationSettings(end_ns=end_ns, sessions=sessions, days=days, anomalous_ratio=0.03, agents=agents)
    return list(simulate_team(settings, np.random.default_rng(seed)))


def now_in_whole_seconds() -> int:
    """The present time, nanoseconds since the epoch, on a full second."""
    return int(time.time()) * 1_000_000_000
