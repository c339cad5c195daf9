"""``sigyn simulate``: realistic telemetry with labelled misbehaviour, to a file, to Loki or to standard output."""

from __future__ import annotations

import csv
import signal
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from analytics.simulation import (
    LABEL_COLUMNS,
    SimulatedSession,
    SimulationSettings,
    labels_rows,
    merge_in_time,
    simulate_team,
)
from exporter.commands.clock import utc_now
from exporter.commands.replay_command import parse_time
from exporter.commands.simulate_follow import FollowSettings, follow, has_lines
from exporter.commands.terminal import progress_bar, say
from exporter.loki.client import LokiClient
from exporter.loki.push import push_lines
from exporter.loki.settings import LokiSettings
from exporter.world import DAY_NS

STREAM = {"service_name": "sigyn-events"}
"""Labels of the pushed native lines; the default selector reads them."""


def run_simulate(
    *,
    sessions: int,
    anomalous: float,
    seed: int,
    days: float,
    details: bool,
    out: Path | None,
    push: str | None,
    follow: bool,
    end: str,
) -> None:
    """Make the sessions and write them where they are wanted."""
    settings = SimulationSettings(
        sessions=sessions,
        days=days,
        end_ns=int(parse_time(end, utc_now()).timestamp() * 1e9),
        anomalous_ratio=anomalous,
        details=details,
    )
    if push:
        _run_push(settings, seed, push, goes_on=follow)
        return
    made = make_sessions(settings, seed)
    if out:
        count = write_sessions(made, out)
        say(f"{out}: {count:,} events of {len(made):,} sessions; truth in {labels_file(out)}")
    else:
        for record in merge_in_time(made):
            sys.stdout.write(orjson.dumps(record).decode() + "\n")


def make_sessions(settings: SimulationSettings, seed: int) -> list[SimulatedSession]:
    """All simulated sessions, with a progress bar."""
    made = []
    with progress_bar("simulating") as bar:
        for session in simulate_team(settings, np.random.default_rng(seed)):
            made.append(session)
            bar(min(1.0, len(made) / settings.sessions))
    return made


def write_sessions(sessions: Sequence[SimulatedSession], out: Path) -> int:
    """Write the lines in order of time and the truth beside them; returns the number of lines.

    The file appears whole: it is written under another name first.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_name(out.name + ".partial")
    count = 0
    with partial.open("wb") as lines:
        for record in merge_in_time(sessions):
            lines.write(orjson.dumps(record) + b"\n")
            count += 1
    partial.replace(out)
    with labels_file(out).open("w", newline="", encoding="utf-8") as labels:
        writer = csv.DictWriter(labels, LABEL_COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(labels_rows(sessions))
    return count


def labels_file(out: Path) -> Path:
    """Where the truth about ``x.jsonl`` goes: ``x.labels.csv``."""
    return out.with_name(out.name.removesuffix(".jsonl") + ".labels.csv")


def _run_push(settings: SimulationSettings, seed: int, url: str, *, goes_on: bool) -> None:
    """Push the history, unless it is there already when this is a restart, and go on if asked to."""
    with LokiClient(LokiSettings(url=url.rstrip("/"))) as client:
        begin_ns = settings.end_ns - int(settings.days * DAY_NS)
        if goes_on and has_lines(client, STREAM, begin_ns, settings.end_ns):
            # Loki refuses lines far older than the newest of their stream.
            say(f"{url} has simulated telemetry already: going on from now")
        else:
            push_sessions(make_sessions(settings, seed), client, url)
        if goes_on:
            _go_on(client, FollowSettings(seed=seed, details=settings.details))


def _go_on(client: LokiClient, settings: FollowSettings) -> None:
    """Send sessions as they happen, until SIGTERM or SIGINT."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    follow(lambda records: _push(client, records), settings, time.time, stop.wait)


def push_sessions(sessions: Iterable[SimulatedSession], client: LokiClient, url: str) -> None:
    """Push the lines to Loki in order of time."""
    records = list(merge_in_time(sessions))
    with progress_bar("pushing") as bar:
        for first in range(0, len(records), 5_000):
            block = records[first : first + 5_000]
            _push(client, block)
            bar((first + len(block)) / len(records))
    say(f"pushed {len(records):,} events to {url} as {STREAM}")


def _push(client: LokiClient, records: Iterable[dict[str, Any]]) -> None:
    push_lines(client, STREAM, [_pushed(record) for record in records])


def _pushed(record: dict[str, Any]) -> tuple[int, str, dict[str, str]]:
    stamp = np.datetime64(str(record["timestamp"]).rstrip("Z"), "ns").astype(np.int64)
    return int(stamp), orjson.dumps(record).decode(), {"session_id": str(record["session_id"])}
