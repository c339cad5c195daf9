"""Sequences of symbols laid end to end as numbers, so that many sessions are looked up at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np


class _Numbers(dict[str, int]):
    """The number of each symbol, in the order in which they are first asked for."""

    def __missing__(self, symbol: str) -> int:
        number = self[symbol] = len(self)
        return number


@dataclass(frozen=True)
class StepSequences:
    """Some sequences, one after the other.

    Attributes:
        names: the different symbols.
        numbers: of each step's symbol in ``names``, shape (n_steps,).
        begin, length: of each sequence, shape (n_sequences,).
    """

    names: tuple[str, ...]
    numbers: np.ndarray
    begin: np.ndarray
    length: np.ndarray

    @classmethod
    def of(cls, sequences: Sequence[Sequence[str]]) -> StepSequences:
        """Number the symbols of some sequences."""
        length = np.fromiter(map(len, sequences), dtype=np.int64, count=len(sequences))
        end = np.cumsum(length)
        numbers = _Numbers()
        steps = int(end[-1]) if len(end) else 0
        codes = np.fromiter(map(numbers.__getitem__, chain.from_iterable(sequences)), dtype=np.int64, count=steps)
        return cls(tuple(numbers), codes, end - length, length)

    @property
    def sequence(self) -> np.ndarray:
        """The number of each step's sequence, shape (n_steps,)."""
        return np.repeat(np.arange(len(self.length)), self.length)

    def coded(self, code: Mapping[str, int], unknown: int) -> np.ndarray:
        """Each step's code, ``unknown`` for a symbol without one, shape (n_steps,)."""
        return np.array([code.get(name, unknown) for name in self.names], dtype=np.int64)[self.numbers]

    def split(self, of_steps: np.ndarray) -> list[np.ndarray]:
        """What is said of all steps, shape (n_steps, …), by sequence."""
        return np.split(of_steps, self.begin[1:]) if len(self.begin) else []
