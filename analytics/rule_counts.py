"""Conditions on how much of something a session holds: many matching events, or a large total of a number."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analytics.rule_matching import Match
from analytics.rule_occurrences import Occurrences
from analytics.sessions import SessionEvents


@dataclass(frozen=True)
class Count:
    """At least ``at_least`` matching events in the session or, where given, within ``within_ns`` nanoseconds."""

    matches: tuple[Match, ...]
    at_least: int
    within_ns: int | None = None

    def crowded(self, events: Occurrences) -> Occurrences:
        """The matching events that are part of a crowd of the wanted size."""
        count, size = len(events), self.at_least
        if count < size:
            return events.take(np.zeros(count, dtype=bool))
        last = np.arange(size - 1, count)
        first = last - size + 1
        is_crowd = events.session[last] == events.session[first]
        if self.within_ns is not None:
            is_crowd &= events.time_ns[last] - events.time_ns[first] <= self.within_ns
        change = np.zeros(count + 1, dtype=np.int64)
        np.add.at(change, first[is_crowd], 1)
        np.add.at(change, last[is_crowd] + 1, -1)
        return events.take(np.cumsum(change[:-1]) > 0)


@dataclass(frozen=True)
class Total:
    """The sum of some number columns over the session reaches ``at_least`` (tokens, or US dollars)."""

    columns: tuple[str, ...]
    at_least: float

    def occurrences(self, sessions: SessionEvents) -> Occurrences:
        """One match a session, at the event that reaches the total."""
        table = sessions.table
        values = np.sum([np.nan_to_num(table.values(name)) for name in self.columns], axis=0).clip(min=0.0)
        running = np.concatenate(([0.0], np.cumsum(values)))
        before, after = running[sessions.starts[:-1]], running[sessions.starts[1:]]
        found = np.flatnonzero(after - before >= self.at_least)
        rows = np.searchsorted(running[1:], before[found] + self.at_least)
        # Sums of fractions may differ in the last digit; the crossing lies in the session all the same.
        rows = np.minimum(rows, sessions.starts[found + 1] - 1)
        times = table.values("time_ns")[rows]
        return Occurrences(found, times, times)
