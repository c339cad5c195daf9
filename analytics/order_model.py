"""How surprising the order of a session's steps is: a smoothed variable-order Markov model of their symbols.

Each context, from none to the last three symbols, predicts the next symbol by its counts and falls back on the
shorter context as far as it has seen new symbols before (Witten-Bell smoothing; I. H. Witten, T. C. Bell, "The
zero-frequency problem", IEEE Trans. Information Theory 37, 1991).

The contexts form a tree that is read backwards: a context of three symbols hangs below the one of its last two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from analytics.step_sequences import StepSequences

ORDER: Final = 3
_BEGIN: Final = 0
"""Code of what stands before a session's first symbol."""
_UNKNOWN: Final = 1
"""Code of a symbol that was never seen."""
_FIRST: Final = 2
_UNSEEN: Final = -1
_MOST_DIRECT: Final = 2**18
"""Greatest key up to which keys are looked up directly, in a megabyte at most, rather than searched."""


@dataclass(frozen=True)
class _Steps:
    """The symbols of some sequences as codes, ORDER times ``_BEGIN`` before each: ``codes[at]`` are the symbols."""

    codes: np.ndarray
    at: np.ndarray

    @classmethod
    def of(cls, sequences: StepSequences, code: dict[str, int]) -> _Steps:
        count, steps = len(sequences.length), len(sequences.numbers)
        at = np.arange(steps) + ORDER * (1 + sequences.sequence)
        codes = np.full(steps + ORDER * count, _BEGIN, dtype=np.int64)
        codes[at] = sequences.coded(code, _UNKNOWN)
        return cls(codes, at)

    def before(self, distance: int) -> np.ndarray:
        """The code that stands so many steps before each symbol; the symbol itself at 0."""
        return self.codes[self.at - distance]


@dataclass(frozen=True)
class _Level:
    """The contexts of one length.

    A key is the number of a context times the number of codes plus a code. All keys are sorted.

    Attributes:
        contexts: by number, the key of the context's parent and the symbol before it, shape (n_contexts,).
        totals: times that each was seen.
        kinds: different symbols that followed it.
        followed: keys of contexts and the symbol that followed, shape (n_followers,).
        counts: times that it did.
    """

    contexts: np.ndarray
    totals: np.ndarray
    kinds: np.ndarray
    followed: np.ndarray
    counts: np.ndarray

    def context(self, keys: np.ndarray) -> np.ndarray:
        """The number of the context with each key, ``_UNSEEN`` where there is none."""
        return _find(self.contexts, self._context_at, keys)

    def follower(self, keys: np.ndarray) -> np.ndarray:
        """The position in ``followed`` of each key, ``_UNSEEN`` where it is not one of them."""
        return _find(self.followed, self._follower_at, keys)

    @cached_property
    def _context_at(self) -> np.ndarray | None:
        return _directory(self.contexts)

    @cached_property
    def _follower_at(self) -> np.ndarray | None:
        return _directory(self.followed)


@dataclass(frozen=True)
class OrderModel:
    """What followed each context, by the context's length, and the codes of the symbols that were seen."""

    code: dict[str, int]
    levels: tuple[_Level, ...]

    def surprise(self, symbols: Sequence[str]) -> np.ndarray:
        """Bits of surprise of each symbol given those before it, shape (n_symbols,)."""
        return self.surprises([symbols])[0]

    def surprises(self, sequences: Sequence[Sequence[str]]) -> list[np.ndarray]:
        """The surprise of each sequence."""
        together = StepSequences.of(sequences)
        return together.split(self.bits(together)[1])

    def bits(self, sequences: StepSequences) -> tuple[np.ndarray, np.ndarray]:
        """The surprise of each symbol alone, and given the ORDER symbols before it, shape (n_steps,) each."""
        steps, base = _Steps.of(sequences, self.code), len(self.code) + _FIRST
        symbol = steps.before(0)
        chance = np.full(len(symbol), 1.0 / (len(self.code) + 1))
        context = np.zeros(len(symbol), dtype=np.int64)
        alone = chance.copy()
        for length, level in enumerate(self.levels):
            if length:
                parent, before = context, steps.before(length)
                context = level.context(np.where(parent == _UNSEEN, _UNSEEN, parent * base + before))
            seen = np.flatnonzero(context != _UNSEEN)
            inside = context[seen]
            follower = level.follower(inside * base + symbol[seen])
            count = np.where(follower == _UNSEEN, 0, level.counts[follower])
            kinds = level.kinds[inside]
            chance[seen] = (count + kinds * chance[seen]) / (level.totals[inside] + kinds)
            if not length:
                alone = chance.copy()
        return -np.log2(alone), -np.log2(chance)


def _directory(keys: np.ndarray) -> np.ndarray | None:
    """The position of each key by the key itself, ``_UNSEEN`` in the end; None where that would take much memory."""
    if keys[-1] >= _MOST_DIRECT:
        return None
    positions = np.full(int(keys[-1]) + 2, _UNSEEN, dtype=np.int32)
    positions[keys] = np.arange(len(keys))
    return positions


def _find(keys: np.ndarray, directory: np.ndarray | None, wanted: np.ndarray) -> np.ndarray:
    """Position of each wanted key among the sorted keys, ``_UNSEEN`` where it is not one of them."""
    if directory is not None:  # the key _UNSEEN looks at its end, as do those beyond the last
        return directory[np.minimum(wanted, len(directory) - 1)]
    position = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[position] == wanted, position, _UNSEEN)


def fit_order_model(sequences: Sequence[Sequence[str]]) -> OrderModel:
    """Count what followed what in some sessions."""
    together = StepSequences.of(sequences)
    code = {symbol: number for number, symbol in enumerate(together.names, start=_FIRST)}
    if not code:
        return OrderModel(code, ())
    steps, base = _Steps.of(together, code), len(code) + _FIRST
    symbol = steps.before(0)
    contexts, context = np.zeros(1, dtype=np.int64), np.zeros(len(symbol), dtype=np.int64)
    levels = []
    for length in range(ORDER + 1):
        if length:
            contexts, context = np.unique(context * base + steps.before(length), return_inverse=True)
        followed, counts = np.unique(context * base + symbol, return_counts=True)
        kinds = np.bincount(followed // base, minlength=len(contexts))
        levels.append(_Level(contexts, np.bincount(context, minlength=len(contexts)), kinds, followed, counts))
    return OrderModel(code, tuple(levels))
