"""Where rules matched, as columns: hits and session-level matches in one form."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analytics.events import EventTable
from analytics.intake import hash_texts

TOOL_EVENTS = ("tool_call", "tool_decision", "tool_result")
"""Events of which several may tell of one use of a tool."""


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
    return _once_per_use(
        session[rows],
        table.values("time_ns")[rows],
        table.values("sequence")[rows],
        np.array([*table.categories("event"), ""], dtype=object)[table.codes("event")[rows]],
        hash_texts(table.values("tool_use_id")[rows]),
    )


def occurrences_of_hits(hits: Iterable[Hit], session_numbers: Sequence[int]) -> Occurrences:
    """Hits of one rule with the session number of each; the hits of one tool use count once."""
    hits = list(hits)
    return _once_per_use(
        np.array(session_numbers, dtype=np.int64),
        np.array([hit.time_ns for hit in hits], dtype=np.int64),
        np.array([hit.sequence for hit in hits], dtype=np.int64),
        np.array([hit.event for hit in hits], dtype=object),
        np.array([hit.use for hit in hits], dtype=np.uint64),
    )


def _once_per_use(
    session: np.ndarray, time_ns: np.ndarray, sequence: np.ndarray, event: np.ndarray, use: np.ndarray
) -> Occurrences:
    """Order matches and drop those that tell of a use already counted.

    Without a tool_use_id the n-th call, the n-th decision and the n-th result count as one use, as far as their rows
    match at all.
    """
    if not len(session):
        return Occurrences.none()
    order = np.lexsort((sequence, time_ns, session))
    frame = pd.DataFrame({"session": session[order], "event": event[order], "use": use[order], "time": time_ns[order]})
    is_nameless = (frame["use"] == 0) & frame["event"].isin(TOOL_EVENTS)
    frame["nth"] = frame.groupby(["session", "event", "use"], sort=False).cumcount().where(is_nameless, -1)
    is_repeated = frame.duplicated(["session", "use", "nth"]) & ((frame["use"] != 0) | is_nameless)
    kept = frame[~is_repeated]
    times = kept["time"].to_numpy(np.int64)
    return Occurrences(kept["session"].to_numpy(np.int64), times, times)
