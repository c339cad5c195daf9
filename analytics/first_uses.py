"""First uses: at which step of a session each of its words came up, and how news that comes in a burst is told."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import Final

import numpy as np

from analytics.traces import NOT_TOOLS, Trace
from analytics.words import split_words

BURST_USES: Final = 4
"""Tool uses that make a burst."""
BURST_WORDS: Final = 4
"""Words that count in a burst, the least expected ones."""


@dataclass(frozen=True)
class FirstUses:
    """The different words of a trace, in order of first use.

    Attributes:
        words: shape (n_words,).
        step: the step of each word's first use, from 0, shape (n_words,), never falling.
        use: the tool use that step is, from 1, shape (n_words,), never falling.
    """

    words: list[str]
    step: np.ndarray
    use: np.ndarray

    @classmethod
    def of(cls, trace: Trace) -> FirstUses:
        """Those of the steps that count."""
        found = first_steps(trace)
        uses = np.fromiter(accumulate(symbol not in NOT_TOOLS for symbol in trace.symbols), np.int64)
        steps = np.fromiter(found.values(), np.int64, len(found))
        return cls(list(found), steps, uses[steps])

    def until(self, length: int) -> int:
        """How many words were used within so many steps."""
        return int(np.searchsorted(self.step, length))

    def bursts(self, surprise: np.ndarray) -> np.ndarray:
        """What the loudest burst so far amounted to when each word came, shape (n_words,).

        A burst is ``BURST_USES`` tool uses in a row; it amounts to the mean of the squared surprise of the
        ``BURST_WORDS`` least expected words that came up in it, those that are missing being expected. Squares, since a
        word that nobody ever used tells more than two that others use.

        Args:
            surprise: of each word, 0 and up, shape (n_words,).
        """
        if not len(surprise):
            return np.zeros(0)
        own, at, number = _strongest(self.use, surprise**2)
        together = np.concatenate(
            [np.where((at - shifted < BURST_USES)[:, None], own[row], 0.0) for row, shifted in _before(at)], axis=1
        )
        loudest = np.sort(together, axis=1)[:, -BURST_WORDS:].sum(axis=1) / BURST_WORDS
        return np.asarray(np.maximum.accumulate(loudest)[number])

    def in_loudest_burst(self, surprise: np.ndarray) -> np.ndarray:
        """The numbers of the words that came up in the loudest burst, shape (n,)."""
        if not len(surprise):
            return np.zeros(0, dtype=np.int64)
        end = self.use[int(np.argmax(self.bursts(surprise)))]
        return np.flatnonzero((self.use <= end) & (self.use > end - BURST_USES))


def first_steps(trace: Trace) -> dict[str, int]:
    """The step of each word's first use, in that order."""
    first: dict[str, int] = {}
    for step, joined in enumerate(trace.words[: trace.length]):
        first.setdefault(joined, step)
    found: dict[str, int] = {}
    for joined, step in first.items():
        for word in split_words(joined):
            found.setdefault(word, step)
    return found


def _strongest(use: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The greatest weights of each tool use that brought a word.

    Returns:
        The weights, shape (n_uses, BURST_WORDS), 0 where there are fewer; the uses, shape (n_uses,); and the row of
        each word's use, shape (n_words,).
    """
    at, begin, number = np.unique(use, return_index=True, return_inverse=True)
    order = np.lexsort((-weights, use))
    rank = np.arange(len(use)) - begin[number]
    own = np.zeros((len(at), BURST_WORDS))
    kept = rank < BURST_WORDS
    own[number[kept], rank[kept]] = weights[order][kept]
    return own, at, number


def _before(at: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each use the rows of itself and of the ones before it, with their uses; too far away where there are none."""
    far = at[0] - BURST_USES
    rows = [np.arange(len(at)) - shift for shift in range(BURST_USES)]
    return [(np.maximum(row, 0), np.where(row >= 0, at[np.maximum(row, 0)], far)) for row in rows]
