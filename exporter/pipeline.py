"""One cycle, one direction: read what is new, store it, judge the sessions it touched, publish.

This is the file to read first. ``run_cycle`` is the same for the exporter, ``sigyn once`` and ``sigyn replay``; each
event is handled once. The position of a source is stored together with the events it covers, so a crash at any
moment repeats work and loses none.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from analytics.features import SCHEMA
from analytics.verdicts import INITIALIZING, SessionVerdict
from exporter.absorbing import absorb
from exporter.judging import idle_sessions, judge, released_sessions, remeasure
from exporter.marks import read_marks
from exporter.measuring import Measured
from exporter.novelties.settling import settling_readings
from exporter.novelties.upkeep import begin_novelties, forget_unseen, restore_familiarity
from exporter.recent_sessions import describe_recent, remember_recent
from exporter.retention import forget
from exporter.snapshot import Snapshot
from exporter.sources.source import Batch, Source, SourceError
from exporter.world import DAY_NS, World

logger = logging.getLogger(__name__)

Progress = Callable[[str, float], None]
"""Told which source is read and how far, 0…1; 0 as soon as it is asked, before anything has come."""

MOST_MEASURED: Final = 5_000
"""Sessions whose measurements a cycle keeps at hand; of more than that, they are taken again from the state."""


@dataclass
class CycleReport:
    """What a cycle did.

    Attributes:
        snapshot: what is known now.
        events: new events stored.
        judged: sessions scored anew.
        failed: sources that could not be read, with the error's line.
    """

    snapshot: Snapshot
    events: int = 0
    judged: int = 0
    failed: dict[str, str] = field(default_factory=dict)


def run_cycle(world: World, now_ns: int, progress: Progress | None = None) -> CycleReport:
    """Read every source up to ``now_ns`` (nanoseconds since the epoch), judge, and take stock."""
    report = CycleReport(Snapshot(now_ns / 1e9))
    touched: dict[str, Measured] = {}
    for source in world.sources:
        if progress:
            progress(source.name, 0.0)
        for batch in _batches(world, source, now_ns, report):
            absorbed = absorb(world, source.name, batch, now_ns)
            touched.update((one.info.session_id, one) for one in absorbed.measured)
            if len(touched) > MOST_MEASURED:
                touched.clear()  # a back-fill must not hold all it has read: these wait in ``world.unjudged``
            report.events += absorbed.events
            if progress:
                progress(source.name, batch.progress)
    if not report.failed:
        begin_novelties(world, now_ns)
    report.judged = _judge_all(world, touched, now_ns)
    forget_unseen(world, now_ns)
    forget(world, now_ns)
    problems = (*report.failed.values(), *(line for source in world.sources for line in source.problems))
    report.snapshot = take_snapshot(world, now_ns, problems)
    return report


def _judge_all(world: World, touched: dict[str, Measured], now_ns: int) -> int:
    """Judge the sessions that were touched and those that wait for it, some at a time; returns how many."""
    due = idle_sessions(world, now_ns) | released_sessions(world) | _never_scored(world)
    waiting = sorted((world.unjudged | due) - touched.keys())
    # Once even without any: the analyses' gauges follow the models.
    judge(world, list(touched.values()), now_ns)
    for first in range(0, len(waiting), MOST_MEASURED):
        judge(world, remeasure(world, waiting[first : first + MOST_MEASURED]), now_ns)
    world.unjudged.clear()
    return len(touched) + len(waiting)


def _batches(world: World, source: Source, now_ns: int, report: CycleReport) -> Iterator[Batch]:
    """What a source has; one that fails keeps what it delivered before, and the report says so."""
    try:
        yield from source.read(world.state.positions().get(source.name, {}), now_ns)
    except SourceError as error:
        report.failed[source.name] = str(error)
        logger.warning("cannot read %s: %s", source.name, error)


def _never_scored(world: World) -> set[str]:
    """Sessions that ended before there was a model, once there is one."""
    if "risk" not in world.models.fitted:
        return set()
    return {
        session_id
        for session_id, verdict in world.verdicts.items()
        if verdict.status == INITIALIZING and not verdict.is_final
    }


def take_snapshot(world: World, now_ns: int, problems: tuple[str, ...] = ()) -> Snapshot:
    """What is known now, most risky session first."""
    shown = world.ranking.of(world.verdicts, now_ns - world.settings.lookback_ns)
    if "risk" not in world.models.fitted:
        shown = with_needed(shown, world, now_ns)
    return Snapshot(
        taken_at=now_ns / 1e9,
        sessions=shown,
        counters=world.state.counters(),
        models=tuple(world.models.states.values()),
        readings={**world.readings, **describe_recent(world, now_ns), **settling_readings(world, now_ns)},
        problems=problems,
        silenced=world.marks.silenced(world.verdicts),
    )


def with_needed(verdicts: tuple[SessionVerdict, ...], world: World, now_ns: int) -> tuple[SessionVerdict, ...]:
    """The verdicts with the number of finished sessions still missing before the first can be scored."""
    minimum = next((one.settings.minimum_sessions for one in world.analyses if one.analysis.name == "risk"), 0)
    until = now_ns - world.settings.idle_timeout_ns
    finished = sum(one.ended_ns <= until and one.status == INITIALIZING for one in verdicts)
    needed = max(minimum - finished, 0)
    return tuple([replace(one, needed=needed) if one.status == INITIALIZING else one for one in verdicts])


def restore(world: World, now_ns: int) -> None:
    """Load the known verdicts from the state; open sessions are judged again in the next cycle."""
    world.marks = read_marks(world.state)
    for stored in world.state.sessions(now_ns - world.settings.retention_ns, with_checkpoints=False):
        if stored.verdict is None:
            continue
        world.verdicts[stored.session_id] = stored.verdict
        if stored.features is not None and stored.feature_schema == SCHEMA and stored.last_ns >= now_ns - DAY_NS:
            remember_recent(world, {stored.session_id: stored.features})
        if stored.is_open:
            world.unjudged.add(stored.session_id)
        if stored.has_events:
            world.holding.add(stored.session_id)
    restore_familiarity(world)
