"""How many entries of each hour were read, so that one late by hours shows as an hour that has grown in Loki.

Entries carry the time of what they tell, and may reach Loki long after it: an agent was offline, a collector's queue
was full, a clock is slow. Reading a day again to find them would cost a day's reading each time; Loki counts its
entries for far less.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import Any, Final

import numpy as np

from exporter.loki.entry import LokiEntry

HOUR_SECONDS: Final = 3600
HOUR_NS: Final = HOUR_SECONDS * 10**9
_ENTRY_TIME: Final = itemgetter(0)

Hours = Mapping[int, int]
"""Entries by hour. An hour is named by its end in Unix seconds; that moment belongs to it, as where Loki counts."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """Entries of one selector by hour.

    Attributes:
        since_ns: what lies before was not counted; hours that began before are of no use.
        hours: how many entries were read of each, or counted as lost; 0 for those that are missing.
        looked_ns: when all hours were last compared with Loki; 0 for never.
    """

    since_ns: int
    hours: Hours = field(default_factory=dict)
    looked_ns: int = 0

    @classmethod
    def from_json(cls, document: Any) -> Ledger:
        """Read what ``to_json`` made.

        Raises:
            ValueError: anything else.
        """
        try:
            hours = {int(hour): int(count) for hour, count in document["hours"]}
            return cls(int(document["since_ns"]), hours, int(document.get("looked_ns", 0)))
        except (TypeError, KeyError, ValueError) as error:
            raise ValueError("not a ledger of Loki") from error

    def to_json(self) -> Mapping[str, Any]:
        """The ledger as a JSON object; the same ledger gives the same text."""
        hours = [list(hour) for hour in sorted(self.hours.items())]
        return {"since_ns": self.since_ns, "hours": hours, "looked_ns": self.looked_ns}

    def with_read(self, entries: Iterable[LokiEntry]) -> Ledger:
        """The ledger after these entries were read."""
        times = np.fromiter(map(_ENTRY_TIME, entries), dtype=np.int64)
        ends, counts = np.unique(-(-times // HOUR_NS) * HOUR_SECONDS, return_counts=True)
        hours = dict(self.hours)
        for hour, count in zip(ends.tolist(), counts.tolist(), strict=True):
            hours[hour] = hours.get(hour, 0) + count
        return replace(self, hours=hours)

    def with_hour(self, hour: int, count: int) -> Ledger:
        """The ledger with another number for one hour."""
        return replace(self, hours={**self.hours, hour: count})

    def looked_at(self, now_ns: int) -> Ledger:
        """The ledger after all its hours were compared with Loki."""
        return replace(self, looked_ns=now_ns)

    def from_then(self, since_ns: int) -> Ledger:
        """The ledger without the hours that began before a time."""
        if since_ns <= self.since_ns:
            return self
        kept = {hour: count for hour, count in self.hours.items() if hour * 10**9 - HOUR_NS >= since_ns}
        return replace(self, since_ns=since_ns, hours=kept)

    def whole_hours(self, through_ns: int, from_ns: int = 0) -> range:
        """The hours that began and ended within what was read, none that began before the second time."""
        first = hour_of(max(self.since_ns, from_ns)) + HOUR_SECONDS
        return range(first, through_ns // HOUR_NS * HOUR_SECONDS + 1, HOUR_SECONDS)


def hour_of(time_ns: int) -> int:
    """The hour that a time belongs to."""
    return -(-time_ns // HOUR_NS) * HOUR_SECONDS
