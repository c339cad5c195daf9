"""Sessions judged, ended and forgotten: what follows once a cycle's events are stored."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import islice

import numpy as np

from analytics.analysis import AnalysisResult, SessionRows
from analytics.assessment import assess
from analytics.features import SCHEMA
from analytics.latching import latch, unreleased
from analytics.verdicts import INITIALIZING, Peak, SessionVerdict
from exporter.announcements import News
from exporter.measuring import Measured, checkpoints_of, measure, session_rows
from exporter.novelties.in_role import judging_of
from exporter.novelties.settling import settling_now, with_notes
from exporter.recent_sessions import remember_recent
from exporter.state import StoredSession
from exporter.world import EnabledAnalysis, Models, World

BLOCK = 500
"""Sessions handled at once: bounds the memory their events take."""


def judge(world: World, measured: Sequence[Measured], now_ns: int) -> None:
    """Score sessions, end the idle ones, store and remember their verdicts and the analyses' gauges.

    A session that has ended keeps the score of that moment: its verdict is final. One that runs is held at the highest
    risk it has reached, if that was an alarm.
    """
    judging = judging_of(world, measured, settling_now(world, now_ns))
    rows = replace(session_rows(judging.measured), leniency=world.marks.leniency, wariness=world.marks.wariness)
    models = world.models  # once: a training may put others in place meanwhile
    results = run_analyses(world.analyses, models, rows)
    uses = {one.info.session_id: one.tool_uses for one in measured}
    verdicts = with_notes(assess(rows, results, models.version, uses), judging)
    for first in range(0, len(measured), BLOCK):
        _store(world, measured[first : first + BLOCK], verdicts[first : first + BLOCK], now_ns)
    for result in results.values():
        world.readings.update(result.readings)


def run_analyses(analyses: Sequence[EnabledAnalysis], models: Models, rows: SessionRows) -> dict[str, AnalysisResult]:
    """Run every analysis on the rows, in order; of those one needs it gets what is enabled."""
    results: dict[str, AnalysisResult] = {}
    for enabled in analyses:
        analysis = enabled.analysis
        upstream = {name: results[name] for name in analysis.needs if name in results}
        results[analysis.name] = analysis.run(rows, models.fitted.get(analysis.name), enabled.settings, upstream)
    return results


def _store(world: World, measured: Sequence[Measured], verdicts: Sequence[SessionVerdict], now_ns: int) -> None:
    """Store a block of judged sessions; the idle ones are closed with their checkpoint rows."""
    idle = {one.info.session_id for one in measured if one.info.is_idle(now_ns, world.settings.idle_timeout_ns)}
    checkpoints = checkpoints_of(world.state.events(idle), world.settings.working_hours) if idle else {}
    final = [
        latch(
            replace(verdict, is_final=verdict.session_id in idle and verdict.status != INITIALIZING),
            _peak(world, verdict.session_id),
        )
        for verdict in verdicts
    ]
    news = world.announcements.news_of(final, now_ns) if world.announcements else News()
    with world.state.begin() as transaction:
        transaction.put_sessions(
            _row(
                one, verdict, now_ns if one.info.session_id in idle else None, checkpoints.get(one.info.session_id, {})
            )
            for one, verdict in zip(measured, final, strict=True)
        )
        transaction.put_traces({one.info.session_id: one.trace for one in measured if one.info.session_id in idle})
        news.store(transaction)
    if world.announcements:
        world.announcements.remember(news)
    for verdict in final:
        world.verdicts[verdict.session_id] = verdict
    remember_recent(world, {one.info.session_id: one.values for one in measured})


def _peak(world: World, session_id: str) -> Peak | None:
    """The highest risk of a session so far, unless a person's verdict has released it."""
    known = world.verdicts.get(session_id)
    return unreleased(known.peak, world.marks.benign_since_ns.get(session_id)) if known else None


def _row(
    measured: Measured, verdict: SessionVerdict, closed_ns: int | None, checkpoints: dict[int, np.ndarray]
) -> StoredSession:
    info = measured.info
    return StoredSession(
        session_id=info.session_id,
        started_ns=info.started_ns,
        last_ns=info.ended_ns,
        events=info.events,
        is_open=closed_ns is None,
        closed_ns=closed_ns,
        has_events=True,
        feature_schema=SCHEMA,
        features=measured.values,
        checkpoints=checkpoints,
        verdict=verdict,
    )


def remeasure(world: World, session_ids: Iterable[str]) -> list[Measured]:
    """Sessions measured again from their stored events, a block at a time."""
    remaining = iter(sorted(session_ids))
    measured: list[Measured] = []
    while block := list(islice(remaining, BLOCK)):
        table = world.state.events(block)
        measured += measure(table, world.state.hits(block), world.rules, world.settings.working_hours)
    return measured


def idle_sessions(world: World, now_ns: int) -> set[str]:
    """Open sessions that have been silent for the time-out."""
    limit = now_ns - world.settings.idle_timeout_ns
    open_ids = world.state.open_session_ids()
    return {
        session_id
        for session_id in open_ids
        if session_id not in world.verdicts or world.verdicts[session_id].ended_ns <= limit
    }


def released_sessions(world: World) -> set[str]:
    """Running sessions held at a peak that a person's verdict has released since they were judged."""
    marked = ((session_id, world.verdicts.get(session_id)) for session_id in world.marks.benign_since_ns)
    return {
        session_id
        for session_id, verdict in marked
        if verdict is not None and verdict.live_risk is not None and _peak(world, session_id) is None
    }
