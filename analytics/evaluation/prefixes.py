"""Sessions as they were earlier: cut to their first events, so that length cannot give them away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from analytics.evaluation.truth import Truth
from analytics.events import EventTable
from analytics.sessions import SessionEvents

EQUAL_SHARE: Final = 0.1
"""Share of the sessions that may be too short for the common length and are left out."""
LEAST_LENGTH: Final = 3
"""Events below which nobody judges a session."""


@dataclass(frozen=True)
class Cut:
    """How many events of each session are looked at.

    Attributes:
        lengths: events kept, shape (n_sessions,), in the order of the truth.
        chosen: mask of the sessions that take part.
        name: for the report.
    """

    lengths: np.ndarray
    chosen: np.ndarray
    name: str


def event_counts(truth: Truth, sessions: SessionEvents) -> np.ndarray:
    """Events of each session of the truth, shape (n_sessions,)."""
    lengths = dict(zip(sessions.session_ids, sessions.lengths, strict=True))
    return np.array([lengths[session_id] for session_id in truth.session_ids], dtype=np.int64)


def onset_ranks(truth: Truth, sessions: SessionEvents) -> np.ndarray:
    """Position of each session's first bad event, from 0, shape (n_sessions,); NaN where it is not known."""
    known = ~np.isnan(truth.onset_sequence)
    onset_of = {truth.session_ids[number]: truth.onset_sequence[number] for number in np.flatnonzero(known)}
    ranks = ranks_of(sessions, onset_of)
    return np.array([ranks.get(session_id, np.nan) for session_id in truth.session_ids])


def ranks_of(sessions: SessionEvents, sequence_of: Mapping[str, float]) -> dict[str, int]:
    """Position of the first event that has a ``sequence`` of at least so much, by session, where there is one."""
    sequences = sessions.table.values("sequence")
    ranks: dict[str, int] = {}
    for number, session_id in enumerate(sessions.session_ids):
        if session_id in sequence_of:
            own = sequences[sessions.starts[number] : sessions.starts[number + 1]]
            reached = np.flatnonzero(own >= sequence_of[session_id])
            if len(reached):
                ranks[session_id] = int(reached[0])
    return ranks


def equal_cut(truth: Truth, counts: np.ndarray, onsets: np.ndarray, length: int | None = None) -> Cut:
    """Every session cut to one length; sessions that never got there take no part.

    Nor do bad sessions in which nothing bad has happened by then, where that is known.

    Args:
        truth: of the sessions.
        counts: their events.
        onsets: positions of the first bad events, NaN unknown.
        length: events kept; by default the greatest that nine sessions in ten reach.
    """
    name = "equal length" if length is None else f"first {length} events"
    if length is None:
        length = max(LEAST_LENGTH, int(np.quantile(counts, EQUAL_SHARE, method="lower")))
    shows = ~truth.is_bad | np.isnan(onsets) | (onsets < length)
    return Cut(np.full(len(truth), length), (counts >= length) & shows, name)


def onset_cut(truth: Truth, counts: np.ndarray, onsets: np.ndarray, past: int, rng: np.random.Generator) -> Cut:
    """Bad sessions cut ``past`` events after the first bad one; good ones at ages drawn from the bad ones'."""
    bad = truth.is_bad & ~np.isnan(onsets)
    lengths = np.array(counts)
    lengths[bad] = np.minimum(onsets[bad] + 1 + past, counts[bad])
    good = np.flatnonzero(~truth.is_bad)
    if bad.any():
        drawn = rng.choice(onsets[bad] + 1 + past, size=len(good))
        lengths[good] = np.minimum(drawn, counts[good])
    return Cut(lengths, ~truth.is_bad | bad, f"onset + {past}")


def cut_events(sessions: SessionEvents, truth: Truth, cut: Cut) -> EventTable:
    """The events that a cut leaves of the sessions that take part."""
    limit = dict(zip(truth.session_ids, np.where(cut.chosen, cut.lengths, 0), strict=True))
    kept = np.array([limit.get(session_id, 0) for session_id in sessions.session_ids], dtype=np.int64)
    return sessions.table.take(sessions.rank < kept[sessions.index])
