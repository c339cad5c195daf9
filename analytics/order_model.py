"""How surprising the order of a session's steps is: a smoothed variable-order Markov model of their symbols.

Each context, from none to the last three symbols, predicts the next symbol by its counts and falls back on the
shorter context as far as it has seen new symbols before (Witten-Bell smoothing; I. H. Witten, T. C. Bell, "The
zero-frequency problem", IEEE Trans. Information Theory 37, 1991).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

ORDER: Final = 3
BEGIN: Final = "<begin>"


@dataclass(frozen=True)
class OrderModel:
    """Counts of what followed each context; a context of length k is a tuple of the last k symbols."""

    counts: dict[tuple[str, ...], dict[str, int]]
    symbols: int

    def surprise(self, symbols: Sequence[str]) -> np.ndarray:
        """Bits of surprise of each symbol given those before it, shape (n_symbols,)."""
        known: dict[tuple[str, ...], float] = {}
        padded = (BEGIN,) * ORDER + tuple(symbols)
        result = np.empty(len(symbols))
        for position in range(len(symbols)):
            window = padded[position : position + ORDER + 1]
            chance = known.get(window)
            if chance is None:
                chance = known[window] = self._chance(window[:-1], window[-1])
            result[position] = chance
        return -np.log2(result)

    def _chance(self, context: tuple[str, ...], symbol: str) -> float:
        chance = 1.0 / (self.symbols + 1)
        for length in range(ORDER + 1):
            followers = self.counts.get(context[len(context) - length :] if length else ())
            if followers is None:
                break
            total, kinds = sum(followers.values()), len(followers)
            chance = (followers.get(symbol, 0) + kinds * chance) / (total + kinds)
        return chance


def fit_order_model(sequences: Sequence[Sequence[str]]) -> OrderModel:
    """Count what followed what in some sessions."""
    counts: dict[tuple[str, ...], dict[str, int]] = {}
    seen: set[str] = set()
    for symbols in sequences:
        padded = (BEGIN,) * ORDER + tuple(symbols)
        seen.update(symbols)
        for end in range(ORDER, len(padded)):
            symbol = padded[end]
            for length in range(ORDER + 1):
                followers = counts.setdefault(padded[end - length : end], {})
                followers[symbol] = followers.get(symbol, 0) + 1
    return OrderModel(counts, len(seen))
