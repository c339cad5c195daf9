"""How unlike the history the sizes of a step are: distance to the nearest sizes seen with the same symbol.

For each symbol and channel the model keeps a sample of the sizes seen. A new size's novelty is its distance to the
third nearest of them (S. Ramaswamy, R. Rastogi, K. Shim, "Efficient algorithms for mining outliers from large data
sets", SIGMOD 2000), over the distance that the sizes there have from each other, as in LOF: where they are spread thin
anyway, as in the long tail of durations that hold a person's waiting, another stray one is no news. It is taken as a
logarithm, so that one absurd size cannot speak for a whole session. A mixture of usual sizes (answers from a cache
and answers from a model, say) is no novelty, which it would be to a mean and a deviation.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from analytics.traces import CHANNELS, Trace

NEIGHBOUR: Final = 3
LEAST_SEEN: Final = 8
"""Sizes below which a symbol has no statistics of its own and is judged by all symbols together."""
MOST_SEEN: Final = 400
"""Sizes kept of one symbol and channel."""
LEAST_SPREAD: Final = 0.03
"""Least usual distance, in logarithms: about three per cent."""


@dataclass(frozen=True)
class KnownSizes:
    """Sorted sizes of one channel, shape (n,), and how far each lies from its neighbours, at least the usual."""

    values: np.ndarray
    spread: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray) -> KnownSizes:
        """Keep sizes; each one's own distance leaves itself out."""
        ordered = np.sort(values)
        own = _distances(ordered, ordered, NEIGHBOUR + 1)
        usual = float(np.quantile(own, 0.9)) + LEAST_SPREAD
        return cls(ordered, np.maximum(own, usual))

    def novelty(self, sizes: np.ndarray) -> np.ndarray:
        """Novelty of some sizes, 0 and up, shape (n,)."""
        after = np.clip(np.searchsorted(self.values, sizes), 1, max(len(self.values) - 1, 1))
        last = len(self.values) - 1
        is_before = np.abs(sizes - self.values[after - 1]) <= np.abs(sizes - self.values[np.minimum(after, last)])
        nearest = np.where(is_before, after - 1, np.minimum(after, last))
        return np.log1p(_distances(self.values, sizes, NEIGHBOUR) / self.spread[nearest])


def _distances(ordered: np.ndarray, sizes: np.ndarray, neighbour: int) -> np.ndarray:
    """Distance of each size to its n-th nearest among sorted values."""
    neighbour = min(neighbour, len(ordered))
    near = np.searchsorted(ordered, sizes)[:, None] + np.arange(-neighbour, neighbour)
    valid = (near >= 0) & (near < len(ordered))
    gaps = np.where(valid, np.abs(sizes[:, None] - ordered[np.clip(near, 0, len(ordered) - 1)]), np.inf)
    return np.sort(gaps, axis=1)[:, neighbour - 1]


@dataclass(frozen=True)
class SizeModel:
    """Known sizes by symbol and channel, and by channel alone (symbol None)."""

    known: dict[tuple[str | None, int], KnownSizes]

    def novelty(self, trace: Trace) -> np.ndarray:
        """Novelty of each step and channel, shape (n_steps, 4); 0 where a size or a history is unknown."""
        result = np.zeros(trace.sizes.shape)
        rows_of: dict[str, list[int]] = defaultdict(list)
        for row, symbol in enumerate(trace.symbols):
            rows_of[symbol].append(row)
        for symbol, rows in rows_of.items():
            for channel in range(len(CHANNELS)):
                sizes = trace.sizes[rows, channel].astype(float)
                usable = ~np.isnan(sizes)
                known = self.known.get((symbol, channel)) or self.known.get((None, channel))
                if known is not None and usable.any():
                    result[np.array(rows)[usable], channel] = known.novelty(sizes[usable])
        return result


def fit_size_model(traces: Sequence[Trace], seed: int) -> SizeModel:
    """Collect the sizes seen with each symbol."""
    if not any(trace.symbols for trace in traces):
        return SizeModel({})
    rng = np.random.default_rng(seed)
    symbols = np.concatenate([np.array(trace.symbols, dtype=object) for trace in traces])
    sizes = np.concatenate([trace.sizes for trace in traces]).astype(float)
    names, codes = np.unique(symbols.astype(str), return_inverse=True)
    order = np.argsort(codes, kind="stable")
    bounds = np.searchsorted(codes[order], np.arange(len(names) + 1))
    known: dict[tuple[str | None, int], KnownSizes] = {}
    for channel in range(len(CHANNELS)):
        _keep(known, (None, channel), sizes[:, channel], rng)
        for number, name in enumerate(names):
            rows = order[bounds[number] : bounds[number + 1]]
            _keep(known, (str(name), channel), sizes[rows, channel], rng)
    return SizeModel(known)


def _keep(
    known: dict[tuple[str | None, int], KnownSizes],
    key: tuple[str | None, int],
    sizes: np.ndarray,
    rng: np.random.Generator,
) -> None:
    """Remember a sample of the known sizes, if there are enough."""
    usable = sizes[~np.isnan(sizes)]
    if len(usable) >= LEAST_SEEN:
        sample = usable if len(usable) <= MOST_SEEN else rng.choice(usable, MOST_SEEN, replace=False)
        known[key] = KnownSizes.of(sample)
