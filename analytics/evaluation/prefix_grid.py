"""At which ages growing sessions are looked at, and the sessions as they were then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from analytics.sessions import CHECKPOINTS, SessionEvents

EVERY: Final = 24
"""A session of up to so many events is looked at after each of them."""
AFTER_ONSET: Final = (0, 1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 75, 100)
"""Events past the first bad one at which a longer session is looked at, besides the checkpoints and its end."""


def prefix_ages(length: int, onset: int) -> np.ndarray:
    """The ages, ascending, at which a session of ``length`` events is looked at; ``onset`` is a position from 0."""
    if length <= EVERY:
        return np.arange(1, length + 1)
    ages = {*CHECKPOINTS, onset, *(onset + 1 + past for past in AFTER_ONSET)}
    return np.array(sorted({age for age in ages if 0 < age < length} | {length}))


def drawn_onsets(lengths: np.ndarray, shares: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Positions that stand for the onset in sessions without one, so that all are looked at alike, shape (n_sessions,).

    Args:
        lengths: events of each session.
        shares: which part of a session lay before its onset, in those that have one, shape (n_known,), in 0…1.
        rng: draws from the shares.
    """
    drawn = rng.choice(shares, size=len(lengths))
    return np.minimum((drawn * lengths).astype(np.int64), lengths - 1)


@dataclass(frozen=True)
class PrefixGrid:
    """The looks at some sessions.

    Attributes:
        ages: events of the session at each look, ascending, shape (n_sessions, n_looks); of a session with fewer
            looks the last one is repeated.
        counts: looks of each session, shape (n_sessions,).
        onsets: position of the first bad event, from 0, shape (n_sessions,).
    """

    ages: np.ndarray
    counts: np.ndarray
    onsets: np.ndarray

    @classmethod
    def of(cls, lengths: np.ndarray, onsets: np.ndarray) -> PrefixGrid:
        """The looks at sessions of so many events, at least 1 each, whose first bad events are known or drawn."""
        looks = [prefix_ages(int(length), int(onset)) for length, onset in zip(lengths, onsets, strict=True)]
        counts = np.array([len(ages) for ages in looks], dtype=np.int64)
        ages = np.zeros((len(looks), int(counts.max(initial=0))), dtype=np.int64)
        for number, own in enumerate(looks):
            ages[number] = own[np.minimum(np.arange(ages.shape[1]), len(own) - 1)]
        return cls(ages, counts, np.asarray(onsets, dtype=np.int64))

    @property
    def past(self) -> np.ndarray:
        """Events past the first bad one at each look, negative before it, shape (n_sessions, n_looks)."""
        return self.ages - self.onsets[:, None] - 1

    @property
    def flat_sessions(self) -> np.ndarray:
        """Session number of each prefix, session by session, shape (n_prefixes,)."""
        return np.repeat(np.arange(len(self.counts)), self.counts)

    @property
    def flat_ages(self) -> np.ndarray:
        """Events of each prefix, in the same order."""
        return self.ages[np.arange(self.ages.shape[1]) < self.counts[:, None]]

    def only(self, numbers: np.ndarray) -> PrefixGrid:
        """The looks at some of the sessions."""
        return PrefixGrid(self.ages[numbers], self.counts[numbers], self.onsets[numbers])

    def latched(self, scores: np.ndarray) -> np.ndarray:
        """The highest score so far at each look, shape (n_sessions, n_looks): an alarm once given is not taken back.

        Args:
            scores: of the prefixes, session by session, shape (n_prefixes,).
        """
        first = np.cumsum(self.counts) - self.counts
        place = first[:, None] + np.minimum(np.arange(self.ages.shape[1]), self.counts[:, None] - 1)
        return np.asarray(np.maximum.accumulate(scores[place], axis=1))


def prefixes_of(sessions: SessionEvents, chosen: np.ndarray, grid: PrefixGrid) -> SessionEvents:
    """Some sessions as they were at each look, session by session, every prefix under a name of its own.

    Args:
        sessions: whole ones.
        chosen: numbers of those looked at.
        grid: the looks at them, in the same order.
    """
    numbers, ages = chosen[grid.flat_sessions], grid.flat_ages
    starts = np.concatenate(([0], np.cumsum(ages)))
    rows = np.arange(starts[-1]) + np.repeat(sessions.starts[numbers] - starts[:-1], ages)
    names = prefix_names([sessions.session_ids[number] for number in numbers], ages)
    codes = np.repeat(np.arange(len(names)), ages)
    renamed = pd.Categorical.from_codes(codes, categories=pd.Index(names, dtype=object))
    table = sessions.table.take(rows).with_columns({"session_id": renamed})
    return SessionEvents(table, starts, names)


def prefix_names(session_ids: Sequence[str], ages: np.ndarray) -> tuple[str, ...]:
    """What sessions are called at some ages."""
    return tuple(f"{session_id} {age}" for session_id, age in zip(session_ids, ages, strict=True))
