"""One batch of events enters the state: once, whole, with everything that is counted about it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analytics.assessment import assess
from analytics.events import EventTable
from analytics.features import SCHEMA
from analytics.rule_occurrences import Hit
from analytics.verdicts import SessionVerdict
from exporter.counting import count_batch, count_dropped, count_findings
from exporter.measuring import Measured, measure, session_rows
from exporter.sources.source import Batch
from exporter.state import StoredSession
from exporter.world import World


@dataclass(frozen=True)
class Absorbed:
    """What came of a batch: how many events were new, and the sessions they touched, measured anew."""

    events: int
    measured: list[Measured]


def absorb(world: World, source: str, batch: Batch) -> Absorbed:
    """Store a batch with its position in one transaction.

    Events the state already has are recognised by their ids and dropped, so that reading twice changes nothing.
    """
    stored = world.state.events(set(batch.table.categories("session_id")))
    fresh = _unknown_rows(stored, batch.table)
    hits = world.rules.hits(fresh)
    fresh = fresh.without_details()
    whole = EventTable.concat([stored, fresh])
    measured = _measure_touched(world, fresh, whole, hits)
    rows = [_stored(one) for one in measured]
    known = {
        one.info.session_id: world.verdicts[one.info.session_id].findings
        for one in measured
        if one.info.session_id in world.verdicts
    }
    with world.state.begin() as transaction:
        transaction.append_events(fresh)
        transaction.add_hits(hits)
        transaction.put_sessions(rows)
        for metric, counts in count_batch(fresh, whole).items():
            transaction.add_counts(metric, counts)
        transaction.add_counts(
            "sigyn_events_dropped_total", count_dropped(batch.dropped, len(batch.table) - len(fresh))
        )
        transaction.add_counts("sigyn_findings_total", count_findings(measured, known))
        transaction.set_position(source, batch.position)
    for row in rows:
        if row.verdict is not None:
            world.verdicts[row.session_id] = row.verdict
        world.holding.add(row.session_id)
        world.unjudged.add(row.session_id)
    return Absorbed(len(fresh), measured)


def _measure_touched(world: World, fresh: EventTable, whole: EventTable, hits: list[Hit]) -> list[Measured]:
    """The sessions that have new events, measured whole."""
    names = fresh.categories("session_id")
    touched = {names[code] for code in np.unique(fresh.codes("session_id"))}
    if not touched:
        return []
    table = whole.take(whole.is_one_of("session_id", touched))
    return measure(table, [*world.state.hits(touched), *hits], world.rules, world.settings.working_hours)


def provisional(measured: Measured) -> SessionVerdict:
    """The verdict of a session that has new events and is not judged yet: its facts and findings, without a score."""
    return assess(session_rows([measured]), {}, None, {measured.info.session_id: measured.tool_uses})[0]


def _stored(measured: Measured) -> StoredSession:
    info = measured.info
    return StoredSession(
        session_id=info.session_id,
        started_ns=info.started_ns,
        last_ns=info.ended_ns,
        events=info.events,
        is_open=True,
        closed_ns=None,
        has_events=True,
        feature_schema=SCHEMA,
        features=measured.values,
        checkpoints={},
        verdict=provisional(measured),
    )


def _unknown_rows(stored: EventTable, new: EventTable) -> EventTable:
    """The new events that are neither stored already nor repeated among themselves."""
    both = EventTable.concat([stored, new])
    return new.take(~both.repeated()[len(stored) :])
