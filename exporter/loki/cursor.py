"""How far one selector has been read, and what was read of the stretch where late entries may still arrive."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from exporter.loki.entry import LokiEntry, identity

MAX_SEEN: Final = 100_000
"""Most entries remembered; beyond that the stretch in which late entries are told from known ones is shortened."""

Key = tuple[int, str]
"""An entry's time and identity."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where reading stands.

    Attributes:
        through_ns: everything before this time has been read, late entries aside.
        seen_from_ns: from this time on ``seen`` is complete; nothing earlier may be read again.
        seen: the entries read between the two (and later ones, where the clock has been set back).
    """

    through_ns: int
    seen_from_ns: int
    seen: frozenset[Key] = field(default=frozenset(), repr=False)

    @classmethod
    def at(cls, start_ns: int) -> Cursor:
        """A cursor that has read nothing and begins at that time."""
        return cls(start_ns, start_ns)

    @classmethod
    def from_json(cls, document: Any) -> Cursor:
        """Read what ``to_json`` made.

        Raises:
            ValueError: anything else.
        """
        try:
            seen = frozenset((int(time_ns), str(digest)) for time_ns, digest in document["seen"])
            return cls(int(document["through_ns"]), int(document["seen_from_ns"]), seen)
        except (TypeError, KeyError, ValueError) as error:
            raise ValueError("not a cursor of Loki") from error

    def to_json(self) -> Mapping[str, Any]:
        """The cursor as a JSON object; the same cursor gives the same text."""
        return {
            "through_ns": self.through_ns,
            "seen_from_ns": self.seen_from_ns,
            "seen": [[time_ns, digest] for time_ns, digest in sorted(self.seen)],
        }

    def start_ns(self, overlap_ns: int) -> int:
        """Where the next read begins: so far back that late entries are found, and no further than is known."""
        return max(self.through_ns - overlap_ns, self.seen_from_ns)

    def held_back(self, now_ns: int) -> Cursor:
        """The cursor, not later than now: after a clock was set back, what it had run ahead of is read again.

        After a step longer than the overlap, entries dated ahead may be delivered twice; none is lost.
        """
        if self.through_ns <= now_ns:
            return self
        return Cursor(now_ns, min(self.seen_from_ns, now_ns), self.seen)

    def fresh(self, entries: list[LokiEntry]) -> list[LokiEntry]:
        """The entries not read before."""
        if not self.seen:
            return entries
        newest = max(time_ns for time_ns, _ in self.seen)
        return [
            entry for entry in entries if entry.time_ns > newest or (entry.time_ns, identity(entry)) not in self.seen
        ]

    def advanced(self, entries: list[LokiEntry], reached_ns: int, overlap_ns: int) -> Cursor:
        """The cursor after reading these entries, complete up to ``reached_ns``."""
        through_ns = max(self.through_ns, reached_ns)
        from_ns = max(self.seen_from_ns, through_ns - overlap_ns)
        kept = {key for key in self.seen if key[0] >= from_ns}
        kept.update((entry.time_ns, identity(entry)) for entry in entries if entry.time_ns >= from_ns)
        if len(kept) > MAX_SEEN:
            from_ns = min(through_ns, sorted(kept, reverse=True)[MAX_SEEN][0] + 1)
            kept = {key for key in kept if key[0] >= from_ns}
        return Cursor(through_ns, from_ns, frozenset(kept))
