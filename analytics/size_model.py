"""How unlike the history the sizes of a step are: distance to the nearest sizes seen with the same symbol.

For each symbol and channel the model keeps a sample of the sizes seen. A new size's novelty is its distance to the
third nearest of them (S. Ramaswamy, R. Rastogi, K. Shim, "Efficient algorithms for mining outliers from large data
sets", SIGMOD 2000), over the distance that the sizes there have from each other, as in LOF: where they are spread thin
anyway, as in the long tail of durations that hold a person's waiting, another stray one is no news. It is taken as a
logarithm, so that one absurd size cannot speak for a whole session. A mixture of usual sizes (answers from a cache
and answers from a model, say) is no novelty, which it would be to a mean and a deviation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from analytics.sorted_runs import SortedRuns
from analytics.step_sequences import StepSequences
from analytics.traces import CHANNELS, Trace

NEIGHBOUR: Final = 3
LEAST_SEEN: Final = 8
"""Sizes below which a symbol has no statistics of its own and is judged by all symbols together."""
MOST_SEEN: Final = 400
"""Sizes kept of one symbol and channel."""
LEAST_SPREAD: Final = 0.03
"""Least usual distance, in logarithms: about three per cent."""
_UNKNOWN: Final = -1


@dataclass(frozen=True)
class KnownSizes:
    """Sorted sizes of one channel, shape (n,), and how far each lies from its neighbours, at least the usual."""

    values: np.ndarray
    spread: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray) -> KnownSizes:
        """Keep sizes, shape (n,)."""
        return cls.of_each([values])[0]

    @classmethod
    def of_each(cls, samples: Sequence[np.ndarray]) -> list[KnownSizes]:
        """Keep the sizes of each sample; each size's own distance leaves itself out."""
        runs = SortedRuns.of([np.sort(sample) for sample in samples])
        run, values = runs.run_of_value, runs.values
        own = runs.distances(run, values, runs.positions(run, values), min(NEIGHBOUR + 1, runs.shortest))
        return [
            cls(values[begin:end], _spread(own[begin:end])) for begin, end in zip(runs.begin, runs.end, strict=True)
        ]

    @cached_property
    def usual(self) -> tuple[float, float]:
        """Nine in ten of the sizes lie between these, as they were before their logarithm was taken."""
        low, high = np.expm1(np.quantile(self.values, [0.05, 0.95]))
        return float(low), float(high)

    def novelty(self, sizes: np.ndarray) -> np.ndarray:
        """Novelty of some sizes, 0 and up, shape (n,)."""
        return _novelty(SortedRuns.of([self.values]), self.spread, np.zeros(len(sizes), dtype=np.int64), sizes)


def _spread(own: np.ndarray) -> np.ndarray:
    """How far sizes lie from their neighbours, at least what nine in ten of them do not exceed."""
    return np.maximum(own, float(np.quantile(own, 0.9)) + LEAST_SPREAD)


def _novelty(known: SortedRuns, spread: np.ndarray, run: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Novelty of each size in its run; ``spread`` is that of the known values."""
    position = known.positions(run, sizes)
    distances = known.distances(run, sizes, position, min(NEIGHBOUR, known.shortest))
    return np.log1p(distances / spread[known.nearest(run, sizes, position)])


@dataclass(frozen=True)
class SizeModel:
    """Known sizes by symbol and channel, and by channel alone (symbol None)."""

    known: dict[tuple[str | None, int], KnownSizes]

    def novelty(self, trace: Trace) -> np.ndarray:
        """Novelty of each step and channel, shape (n_steps, 4); 0 where a size or a history is unknown."""
        return self.novelties(StepSequences.of([trace.symbols]), trace.sizes)

    def novelties(self, steps: StepSequences, sizes: np.ndarray) -> np.ndarray:
        """Novelty of each step and channel of many traces, shape (n_steps, 4), their sizes one under the other."""
        sizes = sizes.astype(float)
        result = np.zeros(sizes.shape)
        if self.known:
            table = self._table
            run = table.run_of[steps.coded(table.code, 0)]
            usable = np.nonzero(~np.isnan(sizes) & (run != _UNKNOWN))
            result[usable] = _novelty(table.known, table.spread, run[usable], sizes[usable])
        return result

    @cached_property
    def _table(self) -> _Table:
        return _Table.of(self.known)


@dataclass(frozen=True)
class _Table:
    """All known sizes in one row.

    Attributes:
        known: a run for each symbol and channel.
        spread: of each of its values.
        code: row of ``run_of`` by symbol; row 0 is for those without sizes of their own.
        run_of: the run to look in, by code and channel, ``_UNKNOWN`` where there is none.
    """

    known: SortedRuns
    spread: np.ndarray
    code: dict[str, int]
    run_of: np.ndarray

    @classmethod
    def of(cls, known: dict[tuple[str | None, int], KnownSizes]) -> _Table:
        number = {key: position for position, key in enumerate(known)}
        symbols = sorted({symbol for symbol, _ in known if symbol is not None})
        widest = [number.get((None, channel), _UNKNOWN) for channel in range(len(CHANNELS))]
        run_of = np.array(
            [widest]
            + [[number.get((symbol, channel), run) for channel, run in enumerate(widest)] for symbol in symbols],
            dtype=np.int64,
        )
        return cls(
            SortedRuns.of([one.values for one in known.values()]),
            np.concatenate([one.spread for one in known.values()]),
            {symbol: code for code, symbol in enumerate(symbols, start=1)},
            run_of,
        )


def fit_size_model(traces: Sequence[Trace]) -> SizeModel:
    """Collect the sizes seen with each symbol."""
    steps = StepSequences.of([trace.symbols for trace in traces])
    if not steps.names:
        return SizeModel({})
    names = sorted(steps.names)
    codes = steps.coded({name: number for number, name in enumerate(names)}, _UNKNOWN)
    sizes = np.concatenate([trace.sizes for trace in traces]).astype(float)
    order = np.argsort(codes, kind="stable")
    bounds = np.searchsorted(codes[order], np.arange(len(names) + 1))
    samples: dict[tuple[str | None, int], np.ndarray] = {}
    for channel in range(len(CHANNELS)):
        samples[None, channel] = _sample(sizes[:, channel])
        for number, name in enumerate(names):
            rows = order[bounds[number] : bounds[number + 1]]
            samples[name, channel] = _sample(sizes[rows, channel])
    enough = {key: sample for key, sample in samples.items() if len(sample) >= LEAST_SEEN}
    return SizeModel(dict(zip(enough, KnownSizes.of_each(list(enough.values())), strict=True)) if enough else {})


def _sample(sizes: np.ndarray) -> np.ndarray:
    """The known sizes in rising order, or MOST_SEEN of them at even ranks.

    The ranks are the middles of as many equal parts: the few most extreme sizes of a long history are no company for
    another one.
    """
    usable = np.sort(sizes[~np.isnan(sizes)])
    if len(usable) <= MOST_SEEN:
        return usable
    return usable[((np.arange(MOST_SEEN) + 0.5) * len(usable) / MOST_SEEN).astype(np.int64)]
