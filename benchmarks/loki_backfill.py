"""Back-fill from a real Loki into stored features, beside logcli downloading the same entries to nowhere."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import requests

from analytics.simulation import SimulatedSession, as_otlp, merge_in_time
from analytics.simulation.stamps import milliseconds_of
from benchmarks.bench import Bench, say, wall_seconds
from benchmarks.child import in_child
from benchmarks.grown_sessions import enabled_analyses
from benchmarks.table import Row, rate, size, skipped
from benchmarks.telemetry import EVENTS_A_SESSION, simulated
from exporter.commands.simulate_command import push_sessions
from exporter.decoders import decode_to_table
from exporter.loki.client import LokiClient
from exporter.loki.settings import LokiSettings
from exporter.pipeline import run_cycle
from exporter.rule_file import load_rule_set
from exporter.sources.loki import LokiSource
from exporter.state import State
from exporter.world import World
from tests.loki_server import running_loki

EVENTS: Final = 60_000
EVENTS_FULL: Final = 300_000
DAYS: Final = 5.0
"""Loki takes no entries older than a week by default."""
SHAPES: Final = {
    "OTLP structured metadata": '{service_name="claude-code"}',
    "JSON lines": '{service_name="sigyn-events"}',
}
LOGCLI: Final = ("--limit=0", "--batch=5000", "--parallel-duration=1h", "--parallel-max-workers=4", "-o", "jsonl")
_DAY_NS: Final = 86_400_000_000_000
_OTLP_RECORDS: Final = 500
_OTLP_SPAN_MS: Final = 1_200_000
_TIMES: Final = 3
_RETRY_SECONDS: Final = 1.0
_TARGET: Final = "≤ the time of logcli"


class PushError(Exception):
    """Loki does not take what is pushed; the message says why, in its words."""


def rows(bench: Bench) -> Iterator[Row]:
    """One row for each shape."""
    events = EVENTS_FULL if bench.is_full else EVENTS
    names = {shape: f"Back-fill from Loki to stored features, {events:,} events, {shape}" for shape in SHAPES}
    if shutil.which("loki") is None:
        yield from (skipped(name, "needs a loki executable on PATH") for name in names.values())
        return
    say("loki: starting")
    folder = bench.folder / "loki"
    folder.mkdir()
    with running_loki(folder) as url:
        for number, (shape, name) in enumerate(names.items()):
            say(f"loki: pushing {events:,} events as {shape}")
            pushed = in_child(push_otlp if number == 0 else push_lines, url, events, bench.now_ns).answer
            yield _row(name, (url, SHAPES[shape]), pushed, bench)


def _row(name: str, where: tuple[str, str], pushed: int, bench: Bench) -> Row:
    """Ours and logcli in turns, so that Loki's caches serve both alike."""
    url, selector = where
    has_logcli = shutil.which("logcli") is not None
    ours, theirs, peak = [], [], 0
    if has_logcli:
        _download(url, selector, bench.now_ns)
    for number in range(_TIMES):
        say(f"loki: reading back, {number + 1} of {_TIMES}")
        folder = bench.folder / f"loki-state-{selector.strip('{}')}-{number}".replace('"', "")
        outcome = in_child(backfill, url, selector, str(folder), bench.now_ns)
        if outcome.answer["events"] != pushed:
            raise ValueError(f"{name}: {pushed} events were pushed and {outcome.answer['events']} read back")
        ours.append(outcome.answer["seconds"])
        peak = max(peak, outcome.peak_bytes)
        if has_logcli:
            theirs.append(wall_seconds(lambda: _download(url, selector, bench.now_ns)))
    took = float(np.median(ours))
    figure = f"{rate(pushed, took)}, peak {size(peak)}"
    if not has_logcli:
        return Row(name, figure, "logcli is not on PATH", _TARGET)
    logcli = float(np.median(theirs))
    beside = f"logcli download {rate(pushed, logcli)}: {took / logcli:.2f} times its time"
    return Row(name, figure, beside, _TARGET, took <= logcli)


def _download(url: str, selector: str, now_ns: int) -> None:
    """All entries with logcli, to nowhere."""
    begin, end = (_rfc3339(at) for at in (now_ns - int((DAYS + 1) * _DAY_NS), now_ns))
    command = ["logcli", "query", "--quiet", f"--addr={url}", *LOGCLI, "--timezone=UTC", f"--from={begin}"]
    subprocess.run(  # noqa: S603 - a fixed program; the arguments are this file's
        [*command, f"--to={end}", selector], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=True
    )


def _rfc3339(time_ns: int) -> str:
    return datetime.fromtimestamp(time_ns / 1e9, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def backfill(url: str, selector: str, folder: str, now_ns: int) -> dict[str, float]:
    """Events and seconds of the first cycle from Loki into a new state, without models."""
    settings = LokiSettings(url, selectors=(selector,), lookback_seconds=(DAYS + 1) * 86_400)
    with State.open(Path(folder)) as state, LokiClient(settings) as client:
        source = LokiSource(client, settings, decode_to_table)
        world = World((source,), state, load_rule_set(), enabled_analyses())
        begun = time.perf_counter()
        report = run_cycle(world, now_ns)
        return {"seconds": time.perf_counter() - begun, "events": report.events}


def push_lines(url: str, events: int, now_ns: int) -> int:
    """Push native lines as ``sigyn simulate --push`` does; returns how many."""
    sessions = _cut(simulated(-(-events // EVENTS_A_SESSION) + 40, now_ns, seed=5, days=DAYS), events)
    with LokiClient(LokiSettings(url)) as client:
        push_sessions(sessions, client, url)
    return sum(len(session.records) for session in sessions)


def _cut(sessions: list[SimulatedSession], events: int) -> list[SimulatedSession]:
    """As many whole sessions as have the number of events, about."""
    lengths = np.cumsum([len(session.records) for session in sessions])
    return sessions[: int(np.searchsorted(lengths, events)) + 1]


def push_otlp(url: str, events: int, now_ns: int) -> int:
    """Push Claude Code's records as OTLP logs; returns how many."""
    sessions = simulated(-(-events // EVENTS_A_SESSION) * 2, now_ns, seed=6, days=DAYS, agents={"claude-code": 1.0})
    pushed = 0
    for block in _batched(merge_in_time(sessions)):
        body = as_otlp(block)
        if not body["resourceLogs"]:  # Claude Code logs none of these events
            continue
        _post(f"{url}/otlp/v1/logs", body)
        pushed += sum(len(scope["logRecords"]) for one in body["resourceLogs"] for scope in one["scopeLogs"])
        if pushed >= events:
            return pushed
    raise ValueError(f"the simulated sessions have {pushed} events that Claude Code logs, {events} are needed")


def _batched(records: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Records in time for one body each.

    A body is grouped by version, so it is not in order of time; Loki takes no entry an hour behind the newest.
    """
    block: list[dict[str, Any]] = []
    for record in records:
        first = block[0] if block else record
        lasts_ms = milliseconds_of(record["timestamp"]) - milliseconds_of(first["timestamp"])
        if len(block) >= _OTLP_RECORDS or lasts_ms > _OTLP_SPAN_MS:
            yield block
            block = []
        block.append(record)
    if block:
        yield block


def _post(url: str, body: dict[str, Any]) -> None:
    """Send one body; Loki takes so many bytes a second, so wait where it asks for it."""
    while (answer := requests.post(url, json=body, timeout=60)).status_code == requests.codes.too_many_requests:
        time.sleep(_RETRY_SECONDS)
    if not answer.ok:
        raise PushError(f"{url}: {answer.status_code} {answer.text.strip()}")
