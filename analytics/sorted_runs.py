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
        """Where each number would stand in ``values`` to keep its run sorted, before its equals.

        Args:
            run: of each number, shape (n,).
            wanted: the numbers, shape (n,).
        """
        order = np.argsort(wanted)  # numbers that come in order are found several times as fast
        order = order[np.argsort(run[order].astype(np.min_scalar_type(len(self.begin))), kind="stable")]
        asked, wanted = run[order], wanted[order]
        first = np.flatnonzero(np.diff(asked, prepend=-1))
        last = np.flatnonzero(np.diff(asked, append=-1)) + 1
        inside = np.empty(len(order), dtype=np.int64)
        bounds = (first, last, self.begin[asked[first]], self.end[asked[first]])
        for one, other, begin, end in zip(*(bound.tolist() for bound in bounds), strict=True):
            inside[one:other] = self.values[begin:end].searchsorted(wanted[one:other])
        result = np.empty_like(inside)
        result[order] = inside + self.begin[asked]
        return result

    def nearest(self, run: np.ndarray, wanted: np.ndarray, position: np.ndarray) -> np.ndarray:
        """Position in ``values`` of the value that is nearest to each number; ``position`` as from ``positions``."""
        at = position + self._shift[run]
        is_before = np.abs(wanted - self._apart.take(at - 1)) <= np.abs(wanted - self._apart.take(at))
        return position - is_before

    def distances(self, run: np.ndarray, wanted: np.ndarray, position: np.ndarray, neighbour: int) -> np.ndarray:
        """Distance of each number to the n-th nearest value of its run, shape (n,).

        That neighbour is the farther one of the i-th below and the (n - i)-th above, for the i that brings it nearest.

        Args:
            run: of each number, shape (n,).
            wanted: the numbers, shape (n,).
            position: theirs, as from ``positions``.
            neighbour: the n, at most ``shortest``.
        """
        at = position + self._shift[run]
        below = [np.abs(wanted - self._apart.take(at - step)) for step in range(1, neighbour + 1)]
        above = [np.abs(wanted - self._apart.take(at + step)) for step in range(neighbour)]
        pairs = [np.maximum(below[step], above[neighbour - step - 2]) for step in range(neighbour - 1)]
        return np.asarray(np.minimum.reduce([above[-1], *pairs, below[-1]]))

    @cached_property
    def _apart(self) -> np.ndarray:
        """The values with ``shortest`` infinite ones before, between and after the runs: no neighbours are there."""
        apart = np.full(len(self.values) + self.shortest * (len(self.begin) + 1), np.inf)
        apart[np.arange(len(self.values)) + self._shift[self.run_of_value]] = self.values
        return apart

    @cached_property
    def _shift(self) -> np.ndarray:
        """How much farther back the values of each run stand in ``_apart``, shape (n_runs,)."""
        return self.shortest * np.arange(1, len(self.begin) + 1)
