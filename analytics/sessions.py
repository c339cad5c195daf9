"""Sessions: which events belong together, who acted, and whether a session is still running.

A session is all events with one session id. It ends with an explicit ``session_end`` or when it has been silent for
the idle time-out, and reopens with a late event. Real sessions hold silences of hours and go on, so an end is never
a reason to split a session id into two sessions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from analytics.events import EventTable

CHECKPOINTS: Final = tuple(2**power for power in range(3, 15))
"""Ages (event counts) at which a session's features are taken on the way, to compare running with finished ones."""


@dataclass(frozen=True)
class SessionEvents:
    """Events of whole sessions, in order, with the boundaries between sessions.

    Attributes:
        table: rows sorted by session, time, sequence and arrival.
        starts: first row of each session and the row count at the end, shape (n_sessions + 1,).
        session_ids: shape (n_sessions,), in the order of the rows.
    """

    table: EventTable
    starts: np.ndarray
    session_ids: tuple[str, ...]

    @classmethod
    def from_table(cls, table: EventTable) -> SessionEvents:
        """Sort the events, drop repeated ones and find the boundaries."""
        ordered = table.deduplicated().sorted()
        codes = ordered.codes("session_id")
        boundaries = np.flatnonzero(np.diff(codes)) + 1 if len(codes) else np.array([], dtype=np.int64)
        starts = np.concatenate(([0], boundaries, [len(codes)])) if len(codes) else np.array([0])
        categories = ordered.categories("session_id")
        return cls(ordered, starts.astype(np.int64), tuple(categories[code] for code in codes[starts[:-1]]))

    def __len__(self) -> int:
        return len(self.session_ids)

    @cached_property
    def lengths(self) -> np.ndarray:
        """Events of each session, shape (n_sessions,)."""
        return np.diff(self.starts)

    @cached_property
    def index(self) -> np.ndarray:
        """Session number of each event, shape (n_events,)."""
        return np.repeat(np.arange(len(self)), self.lengths)

    @cached_property
    def rank(self) -> np.ndarray:
        """Position of each event within its session, from 0, shape (n_events,)."""
        return np.arange(len(self.table)) - self.starts[self.index]

    def at_ages(self, ages: Sequence[int]) -> SessionEvents:
        """The sessions as they were at some ages, age by age, each with its first ``age`` events.

        Only those that have more events than that: of the others this is no earlier moment.
        """
        older = [np.flatnonzero(self.lengths > age) for age in ages]
        chosen = np.concatenate(older)
        lengths = np.repeat(np.array(ages, dtype=np.int64), [len(numbers) for numbers in older])
        starts = np.concatenate(([0], np.cumsum(lengths)))
        rows = np.arange(starts[-1]) + np.repeat(self.starts[chosen] - starts[:-1], lengths)
        return SessionEvents(self.table.take(rows), starts, tuple(self.session_ids[number] for number in chosen))

    def first_text(self, name: str) -> list[str | None]:
        """The first known value of a text column in each session."""
        codes = self.table.codes(name)
        rows = np.flatnonzero(codes >= 0)
        values: list[str | None] = [None] * len(self)
        categories = self.table.categories(name)
        sessions, first = np.unique(self.index[rows], return_index=True)
        for session, row in zip(sessions, rows[first], strict=True):
            values[session] = categories[codes[row]]
        return values


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """Who and when of one session.

    Attributes:
        ended_ns: time of the last event so far, nanoseconds since the epoch.
        events: how many events, its age.
        has_end: an explicit ``session_end`` is the last word of the session.
    """

    session_id: str
    started_ns: int
    ended_ns: int
    events: int
    agent: str | None
    user_id: str | None
    team: str | None
    project: str | None
    model: str | None
    parent_session_id: str | None
    has_end: bool

    def is_idle(self, now_ns: int, idle_timeout_ns: int) -> bool:
        """Whether the session has ended by ``now_ns``: it said so, or has been silent for the time-out."""
        return self.has_end or now_ns - self.ended_ns >= idle_timeout_ns


def describe_sessions(sessions: SessionEvents) -> list[SessionInfo]:
    """One ``SessionInfo`` a session, in the order of ``sessions.session_ids``."""
    if not len(sessions):
        return []
    times = sessions.table.values("time_ns")
    first, last = sessions.starts[:-1], sessions.starts[1:] - 1
    ends = sessions.table.is_one_of("event", ("session_end",))[last]
    agent, user, team, project, model, parent = (
        sessions.first_text(name) for name in ("agent", "user_id", "team", "project", "model", "parent_session_id")
    )
    return [
        SessionInfo(
            session_id=session_id,
            started_ns=int(times[first[k]]),
            ended_ns=int(times[last[k]]),
            events=int(sessions.lengths[k]),
            agent=agent[k],
            user_id=user[k],
            team=team[k],
            project=project[k],
            model=model[k],
            parent_session_id=parent[k],
            has_end=bool(ends[k]),
        )
        for k, session_id in enumerate(sessions.session_ids)
    ]
