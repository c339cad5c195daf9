"""What the steps of a session tell a person: where its order and its sizes are most unlike the history."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from analytics.step_evidence import SeenSteps
from analytics.step_measures import LASTING, STRETCH
from analytics.traces import CHANNELS, UNITS

MOST_PAIRS: Final = 3
"""Pairs of steps told of a stretch that is out of order."""


@dataclass(frozen=True)
class WorstStep:
    """The step and channel that is most novel in a session.

    Attributes:
        rank: of the step's first event in the session.
        symbol: of the step.
        channel: one of CHANNELS.
        size: in ``unit``.
        low, high: nine in ten known sizes lie between them.
    """

    rank: int
    symbol: str
    channel: str
    unit: str
    size: float
    low: float
    high: float

    @property
    def is_telling(self) -> bool:
        """Whether a person would call the size unusual: twice the usual, or half of it."""
        return self.size > 2 * self.high or self.size < self.low / 2


@dataclass(frozen=True)
class OrderStory:
    """What the order of a session's steps says.

    Attributes:
        oddest: symbols of the most surprising stretch.
        rank: of the first event of the stretch that is most out of order.
        steps: its length.
        pairs: of its steps those most out of order, each after the symbol before it; worst first.
    """

    oddest: tuple[str, ...]
    rank: int
    steps: int
    pairs: tuple[tuple[str, str], ...]


def order_story(seen: SeenSteps, row: int) -> OrderStory | None:
    """What the order of a session's steps says; None where no history is known."""
    if seen.models[row] is None:
        return None
    trace, found = seen.traces[row], seen.measures
    odd, begin = int(found.oddest[row]), int(found.disordered[row])
    end = min(begin + LASTING, trace.length)
    disorder = found.disorder[row, : end - begin]
    worst = [int(step) for step in np.argsort(-disorder, kind="stable")]
    pairs = dict.fromkeys(
        (trace.symbols[begin + step - 1], trace.symbols[begin + step])
        for step in worst
        if begin + step and disorder[step]
    )
    return OrderStory(
        oddest=trace.symbols[odd : min(odd + STRETCH, trace.length)],
        rank=int(trace.ranks[begin]),
        steps=end - begin,
        pairs=tuple(pairs)[:MOST_PAIRS],
    )


def worst_step(seen: SeenSteps, row: int, channel: int) -> WorstStep | None:
    """The step of a session whose size is most novel in a channel; None where none is, and for durations."""
    models, trace = seen.models[row], seen.traces[row]
    if models is None or seen.measures.novelty[row, channel] <= 0:
        return None
    step = int(seen.measures.largest[row, channel])
    symbol = trace.symbols[step]
    known = models.sizes.known.get((symbol, channel)) or models.sizes.known[None, channel]
    low, high = known.usual
    size = float(np.expm1(trace.sizes[step, channel]))
    return WorstStep(int(trace.ranks[step]), symbol, CHANNELS[channel], UNITS[channel], size, low, high)
