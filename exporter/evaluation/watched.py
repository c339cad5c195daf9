"""Sessions measured and judged again and again as they grow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np

from analytics.activity import WorkingHours
from analytics.analysis import SessionRows
from analytics.evaluation.alarm_delay import first_alarms, session_threshold
from analytics.evaluation.prefix_grid import PrefixGrid, prefix_names, prefixes_of
from analytics.evaluation.trial import ANOMALY, RISK, Scores
from analytics.rule_occurrences import Hit
from analytics.rules import RuleSet
from analytics.sessions import SessionEvents
from exporter.evaluation.corpus import trivial_scores
from exporter.measuring import Measured, measure_sessions, session_rows

MOST_EVENTS: Final = 500_000
"""Events of prefixes measured at once: a long session is as many as the sum of its looks' ages."""
WATCHED: Final = (RISK, ANOMALY, "events", "tool calls")
"""The scorers whose alarms are told."""


@dataclass(frozen=True)
class Prefixes:
    """Some sessions as they were at each look.

    Attributes:
        session_ids: whose they are.
        grid: the looks, in the same order.
        measured: one a prefix, session by session.
    """

    session_ids: tuple[str, ...]
    grid: PrefixGrid
    measured: tuple[Measured, ...]

    def only(self, session_ids: Sequence[str]) -> Prefixes:
        """The prefixes of some sessions, in that order."""
        numbers = np.array([self._place[one] for one in session_ids], dtype=np.int64)
        ends = np.cumsum(self.grid.counts)
        begins = ends - self.grid.counts
        measured = [one for number in numbers for one in self.measured[begins[number] : ends[number]]]
        return Prefixes(tuple(session_ids), self.grid.only(numbers), tuple(measured))

    @cached_property
    def _place(self) -> dict[str, int]:
        return {session_id: number for number, session_id in enumerate(self.session_ids)}

    def rows(self) -> SessionRows:
        """The prefixes to judge."""
        return session_rows(self.measured)

    def latched(self, scores: Scores) -> Scores:
        """The highest score so far at each look, shape (n_sessions, n_looks) each, of the product and of counting."""
        known = {**scores, **trivial_scores(self.measured, {})}
        return {name: self.grid.latched(known[name]) for name in WATCHED}


def measure_prefixes(
    sessions: SessionEvents, onsets: Mapping[str, int], rules: RuleSet, hours: WorkingHours
) -> Prefixes:
    """Measure sessions at every look.

    Args:
        sessions: whole ones, details included where there are any; those without onset are left out.
        onsets: position of the first bad event, from 0, known or drawn, by session.
        rules: the findings' rules.
        hours: for the off-hours feature.
    """
    hits = _placed_hits(sessions, rules)
    bare = SessionEvents(sessions.table.without_details(), sessions.starts, sessions.session_ids)
    chosen = np.array([n for n, one in enumerate(sessions.session_ids) if one in onsets], dtype=np.int64)
    ids = tuple(sessions.session_ids[number] for number in chosen)
    grid = PrefixGrid.of(sessions.lengths[chosen], np.array([onsets[one] for one in ids], dtype=np.int64))
    measured: list[Measured] = []
    for part in _parts(grid):
        own = grid.only(part)
        prefixes = prefixes_of(bare, chosen[part], own)
        found = _hits_by_look(hits, [ids[number] for number in part], own)
        measured += measure_sessions(prefixes, found, rules, hours)
    return Prefixes(ids, grid, tuple(measured))


def _placed_hits(sessions: SessionEvents, rules: RuleSet) -> dict[str, list[Hit]]:
    """Hits by session, their ``sequence`` the position of the event, so that one can tell at which ages they are in."""
    table = sessions.table.with_columns({"sequence": sessions.rank})
    hits: dict[str, list[Hit]] = {}
    for hit in rules.hits(table):
        hits.setdefault(hit.session_id, []).append(hit)
    return hits


def _parts(grid: PrefixGrid) -> Iterator[np.ndarray]:
    """Numbers of sessions, in order, whose prefixes hold about MOST_EVENTS events together."""
    if not len(grid.counts):
        return
    events = np.bincount(grid.flat_sessions, weights=grid.flat_ages)
    block = (np.cumsum(events) // MOST_EVENTS).astype(np.int64)
    yield from np.split(np.arange(len(block)), np.flatnonzero(np.diff(block)) + 1)


def _hits_by_look(hits: Mapping[str, Sequence[Hit]], session_ids: Sequence[str], grid: PrefixGrid) -> Iterable[Hit]:
    """The hits in each prefix, under its name."""
    owners = [session_ids[number] for number in grid.flat_sessions]
    for owner, age, name in zip(owners, grid.flat_ages, prefix_names(owners, grid.flat_ages), strict=True):
        for hit in hits.get(owner, ()):
            if hit.sequence < age:
                yield replace(hit, session_id=name)


def alarms(latched: Scores, past: np.ndarray, unseen: Scores) -> Scores:
    """Events past the onset at each session's alarm, by scorer, shape (n_sessions,), NaN for none.

    Args:
        latched: highest scores so far of the sessions, shape (n_sessions, n_looks).
        past: events past the onset at each look, likewise.
        unseen: highest scores so far of unseen good sessions, which set the threshold, at least one.
    """
    return {name: first_alarms(values, past, session_threshold(unseen[name])) for name, values in latched.items()}
