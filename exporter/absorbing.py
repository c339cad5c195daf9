"""One batch of events enters the state: once, whole, with everything that is counted about it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from analytics.assessment import assess
from analytics.events import EventTable
from analytics.features import SCHEMA
from analytics.rule_occurrences import Hit
from analytics.verdicts import SessionVerdict
from exporter.counting import count_batch, count_dropped, count_findings, count_lost_values
from exporter.measuring import Measured, measure, session_rows
from exporter.novelties.sightings import sightings_of
from exporter.novelties.telling import log_novelties, store_meeting
from exporter.sources.source import Batch
from exporter.state import StoredSession
from exporter.world import World

SESSION_FULL: Final = "session_full"
"""Why an event is dropped whose session has as many as are kept of one."""

NO_ROOM: Final = "too_many_sessions"
"""Why an event is dropped of a session that would be one more than are kept."""

FUTURE: Final = "future_timestamp"
"""Why an event is dropped that is dated more than ``MOST_AHEAD_NS`` ahead: its session would never end."""

MOST_AHEAD_NS: Final = 25 * 3_600_000_000_000
"""A clock in another time zone, or a day wrong, is still believed."""


@dataclass(frozen=True)
class Absorbed:
    """What came of a batch: how many events were new, and the sessions they touched, measured anew."""

    events: int
    measured: list[Measured]


def absorb(world: World, source: str, batch: Batch, now_ns: int) -> Absorbed:
    """Store a batch with its position in one transaction.

    Events the state already has are recognised by their ids and dropped, so that reading twice changes nothing; where
    a source says that it repeats itself, also those of ended sessions whose events are no longer kept.
    Events for which their session has no room are counted and dropped, but what rules find in them stays.
    Events of sessions for which there is no room are counted and dropped.
    """
    dated = batch.table.take(batch.table.values("time_ns") <= now_ns + MOST_AHEAD_NS)
    believed = _admitted(world, dated)
    stored = world.state.events(set(believed.categories("session_id")))
    unknown = _unknown_rows(stored, _not_judged(world, believed) if batch.is_repeated else believed)
    hits = world.rules.hits(unknown)
    kept = _with_room(stored, unknown, world.settings.most_events).without_details()
    fresh = kept if world.pseudonyms is None else world.pseudonyms.table(kept)
    whole = EventTable.concat([stored, fresh])
    measured = _measure_touched(world, fresh, whole, hits)
    rows = [_stored(one, world.verdicts.get(one.info.session_id)) for one in measured]
    known = {
        one.info.session_id: world.verdicts[one.info.session_id].findings
        for one in measured
        if one.info.session_id in world.verdicts
    }
    meeting = world.familiarity.meet(sightings_of(fresh, stored))
    with world.state.begin() as transaction:
        transaction.append_events(fresh)
        transaction.add_hits(hits)
        transaction.put_sessions(rows)
        for metric, counts in count_batch(fresh, stored, whole).items():
            transaction.add_counts(metric, counts)
        transaction.add_counts(
            "sigyn_events_dropped_total",
            count_dropped(
                {
                    **batch.dropped,
                    SESSION_FULL: len(unknown) - len(fresh),
                    FUTURE: len(batch.table) - len(dated),
                    NO_ROOM: len(dated) - len(believed),
                },
                0 if batch.is_repeated else len(believed) - len(unknown),
            ),
        )
        transaction.add_counts("sigyn_values_lost_total", count_lost_values(batch.dropped))
        transaction.add_counts("sigyn_findings_total", count_findings(measured, known))
        store_meeting(meeting, transaction, world.announcements, now_ns)
        transaction.set_position(source, batch.position)
    world.familiarity.adopt(meeting)
    log_novelties(meeting.novelties)
    for row in rows:
        if row.verdict is not None:
            world.verdicts[row.session_id] = row.verdict
        world.holding.add(row.session_id)
        world.unjudged.add(row.session_id)
    return Absorbed(len(fresh), measured)


def _admitted(world: World, table: EventTable) -> EventTable:
    """The rows of known sessions, and of so many new ones as there is room for, those that come first."""
    names, codes = table.categories("session_id"), table.codes("session_id")
    room = world.settings.most_sessions - len(world.verdicts)
    if len(names) <= room:
        return table
    present, first = np.unique(codes, return_index=True)
    new = [code for code in present[np.argsort(first)] if names[code] not in world.verdicts]
    return table.take(~np.isin(codes, new[max(0, room) :]))


def _measure_touched(world: World, fresh: EventTable, whole: EventTable, hits: list[Hit]) -> list[Measured]:
    """The sessions that have new events, measured whole."""
    names = fresh.categories("session_id")
    touched = {names[code] for code in np.unique(fresh.codes("session_id"))} | {hit.session_id for hit in hits}
    if not touched:
        return []
    table = whole.take(whole.is_one_of("session_id", touched))
    return measure(table, [*world.state.hits(touched), *hits], world.rules, world.settings.working_hours)


def provisional(measured: Measured) -> SessionVerdict:
    """The verdict of a session that has new events and is not judged yet: its facts and findings, without a score."""
    return assess(session_rows([measured]), {}, None, {measured.info.session_id: measured.tool_uses})[0]


def _stored(measured: Measured, known: SessionVerdict | None) -> StoredSession:
    """The session to be judged; of what is known of it only the peak of its risk outlasts the new events."""
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
        verdict=replace(provisional(measured), peak=known.peak if known else None),
    )


def _not_judged(world: World, table: EventTable) -> EventTable:
    """The rows without those within a session that has ended and keeps no events: they were judged with it."""
    never = np.iinfo(np.int64).min
    ended = [
        world.verdicts[name].ended_ns if name in world.verdicts and name not in world.holding else never
        for name in table.categories("session_id")
    ]
    return table.take(table.values("time_ns") > np.array([*ended, never])[table.codes("session_id")])


def _unknown_rows(stored: EventTable, new: EventTable) -> EventTable:
    """The new events that are neither stored already nor repeated among themselves."""
    both = EventTable.concat([table.only(("session_id", "event_id")) for table in (stored, new)])
    return new.take(~both.repeated()[len(stored) :])


def _with_room(stored: EventTable, unknown: EventTable, most: int) -> EventTable:
    """The unknown events up to the number that is kept of a session, in the order they came."""
    both = EventTable.concat([table.only(("session_id",)) for table in (stored, unknown)])
    sizes = np.bincount(both.codes("session_id"), minlength=1)
    if sizes.max() <= most:
        return unknown
    order = np.argsort(both.codes("session_id"), kind="stable")
    number = np.empty(len(both), dtype=np.int64)
    starts = np.cumsum(sizes) - sizes
    number[order] = np.arange(len(both)) - np.repeat(starts, sizes)
    return unknown.take(number[len(stored) :] < most)
