"""One cycle, one direction: read what is new, store it, judge the sessions it touched, publish.

This is the file to read first. ``run_cycle`` is the same for the exporter, ``sigyn once`` and ``sigyn replay``; each
event is handled once. The position of a source is stored together with the events it covers, so a crash at any
moment repeats work and loses none.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from analytics.features import SCHEMA
from analytics.verdicts import INITIALIZING, SessionVerdict
from exporter.absorbing import absorb
from exporter.judging import idle_sessions, judge, remeasure
from exporter.marks import read_marks
from exporter.measuring import Measured
from exporter.recent_sessions import describe_recent
from exporter.snapshot import Snapshot
from exporter.sources.source import Batch, Source, SourceError
from exporter.world import DAY_NS, World

logger = logging.getLogger(__name__)

Progress = Callable[[str, float], None]
"""Told which source is read and how far, 0…1."""


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
        for batch in _batches(world, source, now_ns, report):
            absorbed = absorb(world, source.name, batch)
            touched.update((one.info.session_id, one) for one in absorbed.measured)
            report.events += absorbed.events
            if progress:
                progress(source.name, batch.progress)
    waiting = (world.unjudged | idle_sessions(world, now_ns) | _never_scored(world)) - touched.keys()
    touched.update((one.info.session_id, one) for one in remeasure(world, waiting))
    judge(world, list(touched.values()), now_ns)
    world.unjudged.clear()
    forget(world, now_ns)
    report.judged = len(touched)
    problems = (*report.failed.values(), *(line for source in world.sources for line in source.problems))
    report.snapshot = take_snapshot(world, now_ns, problems)
    return report


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


def forget(world: World, now_ns: int) -> None:
    """Drop events of sessions past their grace period, and sessions past the retention."""
    settings = world.settings
    past = [
        session_id
        for session_id in world.holding
        if world.verdicts[session_id].is_final
        and now_ns - world.verdicts[session_id].ended_ns >= settings.keep_events_ns
    ]
    old = [v.session_id for v in world.verdicts.values() if now_ns - v.ended_ns >= settings.retention_ns]
    if not past and not old:
        return
    with world.state.begin() as transaction:
        transaction.drop_events(past)
        transaction.delete_sessions(old)
    world.holding.difference_update(past, old)
    for session_id in old:
        del world.verdicts[session_id]


def take_snapshot(world: World, now_ns: int, problems: tuple[str, ...] = ()) -> Snapshot:
    """What is known now, most risky session first."""
    since = now_ns - world.settings.lookback_ns
    shown = sorted((v for v in world.verdicts.values() if v.ended_ns >= since), key=by_risk)
    if "risk" not in world.models.fitted:
        shown = with_needed(shown, world, now_ns)
    return Snapshot(
        taken_at=now_ns / 1e9,
        sessions=tuple(shown),
        counters=world.state.counters(),
        models=tuple(world.models.states.values()),
        readings={**world.readings, **describe_recent(world, now_ns)},
        problems=problems,
        silenced=world.marks.silenced(shown),
    )


def with_needed(verdicts: list[SessionVerdict], world: World, now_ns: int) -> list[SessionVerdict]:
    """The verdicts with the number of finished sessions still missing before the first can be scored."""
    minimum = next((one.settings.minimum_sessions for one in world.analyses if one.analysis.name == "risk"), 0)
    until = now_ns - world.settings.idle_timeout_ns
    finished = sum(one.ended_ns <= until and one.status == INITIALIZING for one in verdicts)
    needed = max(minimum - finished, 0)
    return [replace(one, needed=needed) if one.status == INITIALIZING else one for one in verdicts]


def by_risk(verdict: SessionVerdict) -> tuple[float, int, str]:
    """Sort key: most risky first, then newest; sessions without a score last."""
    return (-verdict.risk if verdict.risk is not None else 1.0, -verdict.ended_ns, verdict.session_id)


def restore(world: World, now_ns: int) -> None:
    """Load the known verdicts from the state; open sessions are judged again in the next cycle."""
    world.marks = read_marks(world.state)
    for stored in world.state.sessions(since_ns=now_ns - world.settings.retention_ns):
        if stored.verdict is None:
            continue
        world.verdicts[stored.session_id] = stored.verdict
        if stored.features is not None and stored.feature_schema == SCHEMA and stored.last_ns >= now_ns - DAY_NS:
            world.recent[stored.session_id] = stored.features
        if stored.is_open:
            world.unjudged.add(stored.session_id)
        if stored.has_events:
            world.holding.add(stored.session_id)
