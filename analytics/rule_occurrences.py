"""Where rules matched, as columns: hits and session-level matches in one form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analytics.events import EventTable
from analytics.intake import hash_texts
from analytics.row_groups import first_rows, numbers_within

TOOL_EVENTS = ("tool_call", "tool_decision", "tool_result")
"""Events of which several may tell of one use of a tool."""
_OTHER = -1
"""Kind of any other event."""


@dataclass(frozen=True, slots=True)
class Hit:
    """One event in which a rule matched while its details were there: all that persists of a match.

    Attributes:
        session_id: where.
        rule: the rule's id.
        time_ns: when, nanoseconds since the epoch.
        sequence: the emitter's order, -1 unknown.
        event: name of the event.
        use: hash of the ``tool_use_id``, the same for call, decision and result; 0 without one.
        event_id: identity of the event, 0 unknown.
    """

    session_id: str
    rule: str
    time_ns: int
    sequence: int
    event: str = "tool_call"
    use: int = 0
    event_id: int = 0


@dataclass(frozen=True)
class Occurrences:
    """Matches of one rule, shape (n,), in order of session and time.

    Attributes:
        session: number of the session.
        time_ns: when it began.
        end_ns: when it ended; equal to ``time_ns`` for a single event.
    """

    session: np.ndarray
    time_ns: np.ndarray
    end_ns: np.ndarray

    def __len__(self) -> int:
        return len(self.session)

    @classmethod
    def none(cls) -> Occurrences:
        """No matches."""
        empty = np.array([], dtype=np.int64)
        return cls(empty, empty, empty)

    @classmethod
    def ordered(cls, session: np.ndarray, time_ns: np.ndarray, end_ns: np.ndarray) -> Occurrences:
        """Bring matches into order."""
        order = np.lexsort((time_ns, session))
        return cls(session[order], time_ns[order], end_ns[order])

    def take(self, rows: np.ndarray) -> Occurrences:
        """The matches chosen by a mask or by ascending positions."""
        return Occurrences(self.session[rows], self.time_ns[rows], self.end_ns[rows])


def occurrences_in_table(table: EventTable, session: np.ndarray, rows: np.ndarray) -> Occurrences:
    """Matching rows of a table with the session number of every row; the rows of one tool use count once."""
    if not len(rows):
        return Occurrences.none()
    kinds = np.array([*map(_kind, table.categories("event")), _OTHER], dtype=np.int8)
    return _once_per_use(
        session[rows],
        table.values("time_ns")[rows],
        table.values("sequence")[rows],
        kinds[table.codes("event")[rows]],
        hash_texts(table.values("tool_use_id")[rows]),
    )


def occurrences_of_hits(hits: Sequence[Hit], session_numbers: Sequence[int]) -> Occurrences:
    """Hits of one rule with the session number of each; the hits of one tool use count once."""
    if not hits:
        return Occurrences.none()
    return _once_per_use(
        np.array(session_numbers, dtype=np.int64),
        np.array([hit.time_ns for hit in hits], dtype=np.int64),
        np.array([hit.sequence for hit in hits], dtype=np.int64),
        np.array([_kind(hit.event) for hit in hits], dtype=np.int8),
        np.array([hit.use for hit in hits], dtype=np.uint64),
    )


def _kind(event: str) -> int:
    return TOOL_EVENTS.index(event) if event in TOOL_EVENTS else _OTHER


def _once_per_use(
    session: np.ndarray, time_ns: np.ndarray, sequence: np.ndarray, kind: np.ndarray, use: np.ndarray
) -> Occurrences:
    """Order matches and drop those that tell of a use already counted; ``kind`` is the place in ``TOOL_EVENTS``.

    Without a tool_use_id the n-th call, the n-th decision and the n-th result count as one use, as far as their rows
    match at all.
    """
    order = np.lexsort((sequence, time_ns, session))
    session, times, kind, use = session[order], time_ns[order], kind[order], use[order]
    kept = np.ones(len(order), dtype=bool)
    named = np.flatnonzero(use != 0)
    kept[named] = first_rows(use[named], session[named])
    nameless = np.flatnonzero((use == 0) & (kind != _OTHER))
    number = numbers_within(kind[nameless], session[nameless])
    kept[nameless] = first_rows(number, session[nameless])
    return Occurrences(session[kept], times[kept], times[kept])
