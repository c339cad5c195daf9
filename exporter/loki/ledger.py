"""How many entries of each hour were read, so that one late by hours shows as an hour that has grown in Loki.

Entries carry the time of what they tell, and may reach Loki long after it: an agent was offline, a collector's queue
was full, a clock is slow. Reading a day again to find them would cost a day's reading each time; Loki counts its
entries for far less.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from exporter.loki.entry import LokiEntry

HOUR_SECONDS: Final = 3600
HOUR_NS: Final = HOUR_SECONDS * 10**9

Hours = Mapping[int, int]
"""Entries by hour. An hour is named by its end in Unix seconds; that moment belongs to it, as where Loki counts."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """Entries of one selector by hour.

    Attributes:
        since_ns: what lies before was not counted; hours that began before are of no use.
        hours: how many entries were read of each, 0 for those that are missing.
    """

    since_ns: int
    hours: Hours = field(default_factory=dict)

    @classmethod
    def from_json(cls, document: Any) -> Ledger:
        """Read what ``to_json`` made.

        Raises:
            ValueError: anything else.
        """
        try:
            hours = {int(hour): int(count) for hour, count in document["hours"]}
            return cls(int(document["since_ns"]), hours)
        except (TypeError, KeyError, ValueError) as error:
            raise ValueError("not a ledger of Loki") from error

    def to_json(self) -> Mapping[str, Any]:
        """The ledger as a JSON object; the same ledger gives the same text."""
        return {"since_ns": self.since_ns, "hours": [list(hour) for hour in sorted(self.hours.items())]}

    def with_read(self, entries: Iterable[LokiEntry]) -> Ledger:
        """The ledger after these entries were read."""
        counts = Counter(self.hours)
        counts.update(hour_of(entry.time_ns) for entry in entries)
        return Ledger(self.since_ns, counts)

    def with_hour(self, hour: int, count: int) -> Ledger:
        """The ledger with another number for one hour."""
        return Ledger(self.since_ns, {**self.hours, hour: count})

    def from_then(self, since_ns: int) -> Ledger:
        """The ledger without the hours that began before a time."""
        if since_ns <= self.since_ns:
            return self
        kept = {hour: count for hour, count in self.hours.items() if hour * 10**9 - HOUR_NS >= since_ns}
        return Ledger(since_ns, kept)

    def whole_hours(self, through_ns: int) -> range:
        """The hours that began and ended within what was read."""
        first = hour_of(self.since_ns) + HOUR_SECONDS
        return range(first, through_ns // HOUR_NS * HOUR_SECONDS + 1, HOUR_SECONDS)


def hour_of(time_ns: int) -> int:
    """The hour that a time belongs to."""
    return -(-time_ns // HOUR_NS) * HOUR_SECONDS
