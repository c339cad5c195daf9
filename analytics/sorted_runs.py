"""Sorted runs of numbers, one after the other, in which many numbers are looked up at once, each in its own run.

A session has a handful of sizes of each symbol; a call of numpy for each handful would cost far more than its work.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True)
class SortedRuns:
    """Run ``k`` is ``values[begin[k]:end[k]]``, rising and not empty.

    Attributes:
        values: of all runs, shape (n_values,).
        begin, end: bounds of each run in ``values``, shape (n_runs,).
    """

    values: np.ndarray
    begin: np.ndarray
    end: np.ndarray

    @classmethod
    def of(cls, runs: Sequence[np.ndarray]) -> SortedRuns:
        """Put some sorted runs one after the other."""
        lengths = np.array([len(run) for run in runs], dtype=np.int64)
        end = np.cumsum(lengths)
        return cls(np.concatenate(runs), end - lengths, end)

    @property
    def run_of_value(self) -> np.ndarray:
        """The run that each value belongs to, shape (n_values,)."""
        return np.repeat(np.arange(len(self.begin)), self.end - self.begin)

    @cached_property
    def shortest(self) -> int:
        """Values of the shortest run."""
        return int((self.end - self.begin).min())

    def positions(self, run: np.ndarray, wanted: np.ndarray) -> np.ndarray:
        """Where each number would stand in ``values`` to keep its run sorted, before its equals: a binary search.

        Args:
            run: of each number, shape (n,).
            wanted: the numbers, shape (n,).
        """
        low, high = self.begin[run], self.end[run]
        for _ in range(int((high - low).max(initial=0)).bit_length()):
            middle = (low + high) >> 1
            is_open = low < high
            is_above = is_open & (self.values[np.minimum(middle, len(self.values) - 1)] < wanted)
            low, high = np.where(is_above, middle + 1, low), np.where(is_open & ~is_above, middle, high)
        return low

    def nearest(self, run: np.ndarray, wanted: np.ndarray, position: np.ndarray) -> np.ndarray:
        """Position in ``values`` of the value that is nearest to each number; ``position`` as from ``positions``."""
        last = self.end[run] - 1
        before = np.maximum(np.minimum(position, last) - 1, self.begin[run])
        after = np.minimum(before + 1, last)
        is_before = np.abs(wanted - self.values[before]) <= np.abs(wanted - self.values[after])
        return np.where(is_before, before, after)

    def distances(self, run: np.ndarray, wanted: np.ndarray, position: np.ndarray, neighbour: int) -> np.ndarray:
        """Distance of each number to the n-th nearest value of its run, shape (n,).

        That neighbour is the farther one of the i-th below and the (n - i)-th above, for the i that brings it nearest.

        Args:
            run: of each number, shape (n,).
            wanted: the numbers, shape (n,).
            position: theirs, as from ``positions``.
            neighbour: the n, at most ``shortest``.
        """
        begin, end = self.begin[run], self.end[run]
        below, above = [np.zeros(len(wanted))], [np.zeros(len(wanted))]
        for step in range(1, neighbour + 1):
            left, right = position - step, position + step - 1
            gap = np.abs(wanted - self.values[np.maximum(left, begin)])
            below.append(np.where(left >= begin, gap, np.inf))
            gap = np.abs(wanted - self.values[np.minimum(right, end - 1)])
            above.append(np.where(right < end, gap, np.inf))
        pairs = [np.maximum(below[step], above[neighbour - step]) for step in range(neighbour + 1)]
        return np.minimum.reduce(pairs)
