"""What the steps of a session tell: the order and the sizes, each where it is most unlike the history.

Six numbers a session, higher is stranger: the most surprising stretch of three steps, the stretch of sixteen that is
most out of order, the most novel single size, the channel that is novel throughout, the most novel stretch of three
steps, and the three tool outputs that are most novel. A loop, a foreign tool, known tools used without their usual
order, a failing service, corrupted output and orders hidden in what the agent reads each show in another of them.
Durations count only where they are unusual throughout.

Out of order is a step that surprises more after those before it than alone, by the bits of the difference. A rare
program surprises alone as much and is no disorder, so that healthy sessions, each of which runs one now and then, do
not hide a lasting one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from analytics.order_model import ORDER, OrderModel, fit_order_model
from analytics.size_model import SizeModel, fit_size_model
from analytics.traces import CHANNELS, DURATION, NOT_TOOLS, OUTPUT, UNITS, Trace

MEASURES: Final = ("sequence", "disorder", "step", "channel", "stretch", "intake")
"""Columns: surprise and disorder of the worst stretches, novelty of the worst size, channel, stretch and intake."""
ORDER_MEASURES: Final = MEASURES[:2]
SEQUENCE, DISORDER = ORDER_MEASURES
SIZE_MEASURES: Final = MEASURES[2:]
STRETCH: Final = 3
LASTING: Final = 16
"""Steps over which disorder is averaged: one odd step is found by the short stretch, so this one looks for many."""
MOST_PAIRS: Final = 3
"""Pairs of steps told of a stretch that is out of order."""
LEAST_SESSIONS: Final = 300
"""Training sessions below which a narrower scope is not modelled on its own."""
MOST_SESSIONS: Final = 3_000
"""Training sessions kept of a scope; bounds the cost of a fit."""
_BLOCK: Final = 64
"""Whole traces looked up together: more would cost memory and the processor's cache, fewer the calls."""

TraceScope = tuple[str, ...]


def trace_scopes(agent: str | None, model: str | None) -> tuple[TraceScope, ...]:
    """Scopes of a session's steps, widest first: all, the agent, the agent with its language model."""
    return ((), (agent or "",), (agent or "", model or ""))


@dataclass(frozen=True)
class StepModels:
    """Order and size model of one scope."""

    order: OrderModel
    sizes: SizeModel


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


@dataclass(frozen=True)
class SizeStory:
    """What the sizes of a session say.

    Attributes:
        shares: of each of ``SIZE_MEASURES``, the channels' shares in it, shape (n_channels,), adding up to 1 at most.
        worst_of: the step of each channel whose size is most novel; None where none is, and for durations.
        loudest: the channel with the most novel size of all.
    """

    shares: Mapping[str, np.ndarray]
    worst_of: tuple[WorstStep | None, ...]
    loudest: int

    @property
    def worst(self) -> WorstStep | None:
        """The step and channel that is most novel."""
        return self.worst_of[self.loudest]


@dataclass(frozen=True)
class StepEvidence:
    """Fitted models by scope."""

    models: dict[TraceScope, StepModels]

    def measure(self, traces: Sequence[Trace], scopes: Sequence[tuple[TraceScope, ...]]) -> np.ndarray:
        """The measures of each trace, shape (n_traces, n_measures); traces cut from one whole trace share its work.

        Disorder is NaN, nothing to look at, in a session that is shorter than the stretch it would have to last.
        """
        result = np.zeros((len(traces), len(MEASURES)))
        for models, blocks in self._by_models(traces, scopes):
            for block in blocks:
                whole = [traces[rows[0]] for rows in block]
                order = models.order.bits([trace.symbols for trace in whole])
                novelties = models.sizes.novelties(whole)
                for trace, rows, bits, novelty in zip(whole, block, order, novelties, strict=True):
                    is_tool = np.array([symbol not in NOT_TOOLS for symbol in trace.symbols])
                    for row in rows:
                        length = traces[row].length
                        result[row] = _summary(bits[:length], novelty[:length], is_tool[:length])
        return result

    def size_stories(self, traces: Sequence[Trace], scopes: Sequence[tuple[TraceScope, ...]]) -> list[SizeStory | None]:
        """What the sizes of each session say, for its explanation; None where no history is known."""
        result: list[SizeStory | None] = [None] * len(traces)
        for models, blocks in self._by_models(traces, scopes):
            for block in blocks:
                novelties = models.sizes.novelties([traces[rows[0]] for rows in block])
                for rows, novelty in zip(block, novelties, strict=True):
                    for row in rows:
                        result[row] = _size_story(models.sizes, traces[row], novelty[: traces[row].length])
        return result

    def order_story(self, trace: Trace, scopes: tuple[TraceScope, ...]) -> OrderStory | None:
        """What the order of a session's steps says; None where no history is known."""
        for models, _ in self._by_models([trace], [scopes]):
            bits = models.order.bits([trace.symbols])[0][: trace.length]
            return _order_story(trace, bits)
        return None

    def _by_models(
        self, traces: Sequence[Trace], scopes: Sequence[tuple[TraceScope, ...]]
    ) -> Iterator[tuple[StepModels, Iterator[list[list[int]]]]]:
        """The models in use, each with blocks of the rows it judges; rows cut from one whole trace stand together."""
        rows_of: dict[TraceScope, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
        for row, (trace, known) in enumerate(zip(traces, scopes, strict=True)):
            scope = self._scope(known)
            if scope is not None and trace.length:
                rows_of[scope][id(trace.sizes)].append(row)
        for scope, by_whole in rows_of.items():
            whole = list(by_whole.values())
            yield self.models[scope], (whole[first : first + _BLOCK] for first in range(0, len(whole), _BLOCK))

    def _scope(self, known: tuple[TraceScope, ...]) -> TraceScope | None:
        return next((scope for scope in reversed(known) if scope in self.models), None)


def _order_story(trace: Trace, bits: np.ndarray) -> OrderStory:
    disorder = _out_of_order(bits)
    odd, begin = _worst_begin(bits[:, ORDER], STRETCH), _worst_begin(disorder, LASTING)
    end = min(begin + LASTING, trace.length)
    worst = [begin + int(step) for step in np.argsort(-disorder[begin:end], kind="stable")]
    pairs = dict.fromkeys((trace.symbols[step - 1], trace.symbols[step]) for step in worst if step and disorder[step])
    return OrderStory(
        oddest=trace.symbols[odd : min(odd + STRETCH, trace.length)],
        rank=int(trace.ranks[begin]),
        steps=end - begin,
        pairs=tuple(pairs)[:MOST_PAIRS],
    )


def _out_of_order(bits: np.ndarray) -> np.ndarray:
    """The bits that each step loses by those before it, shape (n_steps,); none where they make it likelier."""
    return np.asarray(np.maximum(bits[:, ORDER] - bits[:, 0], 0.0))


def _size_story(sizes: SizeModel, trace: Trace, novelty: np.ndarray) -> SizeStory:
    own = _without_waiting(novelty)
    begin = _worst_begin(own.sum(axis=1), STRETCH)
    loudest, throughout = int(own.max(axis=0).argmax()), int(novelty.mean(axis=0).argmax())
    shares = {
        "step": np.eye(len(CHANNELS))[loudest],
        "channel": np.eye(len(CHANNELS))[throughout],
        "stretch": own[begin : begin + STRETCH].sum(axis=0) / max(float(own[begin : begin + STRETCH].sum()), 1e-12),
        "intake": np.eye(len(CHANNELS))[OUTPUT],
    }
    worst = tuple(_worst_step(sizes, trace, own, channel) for channel in range(len(CHANNELS)))
    return SizeStory(shares, worst, loudest)


def _worst_step(sizes: SizeModel, trace: Trace, own: np.ndarray, channel: int) -> WorstStep | None:
    row = int(np.argmax(own[:, channel]))
    symbol = trace.symbols[row]
    known = sizes.known.get((symbol, channel)) or sizes.known.get((None, channel))
    if known is None or own[row, channel] <= 0:
        return None
    low, high = known.usual
    size = float(np.expm1(trace.sizes[row, channel]))
    return WorstStep(int(trace.ranks[row]), symbol, CHANNELS[channel], UNITS[channel], size, low, high)


def _summary(bits: np.ndarray, novelty: np.ndarray, is_tool: np.ndarray) -> tuple[float, ...]:
    own = _without_waiting(novelty)
    per_step = own.sum(axis=1)
    taken_in = np.sort(np.where(is_tool, own[:, OUTPUT], 0.0))[-STRETCH:]
    return (
        _worst_mean(bits[:, ORDER], STRETCH),
        _worst_mean(_out_of_order(bits), LASTING) if len(bits) >= LASTING else float("nan"),
        float(own.max()),
        float(novelty.mean(axis=0).max()),
        _worst_mean(per_step, STRETCH),
        float(taken_in.sum()),
    )


def _without_waiting(novelty: np.ndarray) -> np.ndarray:
    """Novelty with durations left out: a single long one may be a person's waiting, not the agent's doing."""
    own = novelty.copy()
    own[:, DURATION] = 0.0
    return own


def _worst_mean(values: np.ndarray, length: int) -> float:
    """Greatest mean over so many neighbouring steps; the plain mean of a shorter session."""
    if len(values) <= length:
        return float(values.mean())
    sums = np.cumsum(np.concatenate(([0.0], values)))
    return float((sums[length:] - sums[:-length]).max() / length)


def _worst_begin(values: np.ndarray, length: int) -> int:
    """Where the stretch of ``_worst_mean`` begins."""
    if len(values) <= length:
        return 0
    sums = np.cumsum(np.concatenate(([0.0], values)))
    return int((sums[length:] - sums[:-length]).argmax())


def fit_step_evidence(traces: Sequence[Trace], scopes: Sequence[tuple[TraceScope, ...]], seed: int) -> StepEvidence:
    """Learn the models of every scope with enough sessions; the widest is always learned."""
    members: dict[TraceScope, list[int]] = defaultdict(list)
    for row, known in enumerate(scopes):
        for scope in known:
            members[scope].append(row)
    rng = np.random.default_rng(seed)
    models = {}
    for scope, rows in sorted(members.items()):
        if not scope or len(rows) >= LEAST_SESSIONS:
            kept = rows if len(rows) <= MOST_SESSIONS else rng.choice(rows, MOST_SESSIONS, replace=False)
            part = [traces[row] for row in kept]
            models[scope] = StepModels(fit_order_model([trace.symbols for trace in part]), fit_size_model(part, seed))
    return StepEvidence(models)
