"""What the steps of a session tell: the order and the sizes, each where it is most unlike the history.

Four numbers a session, higher is stranger: the most surprising stretch of three steps, the most novel single size,
the channel that is novel throughout, the most novel stretch of three steps. A loop, a foreign tool, a failing service
and corrupted output each show in another of them. Durations count only where they are unusual throughout.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from analytics.order_model import OrderModel, fit_order_model
from analytics.size_model import SizeModel, fit_size_model
from analytics.traces import CHANNELS, DURATION, UNITS, Trace

MEASURES: Final = ("sequence", "step", "channel", "stretch")
"""Columns of the evidence: surprise of the worst stretch, novelty of the worst size, channel and stretch."""
SIZE_MEASURES: Final = MEASURES[1:]
"""The measures of sizes; the first is of the order."""
STRETCH: Final = 3
LEAST_SESSIONS: Final = 300
"""Training sessions below which a narrower scope is not modelled on its own."""
MOST_SESSIONS: Final = 3_000
"""Training sessions kept of a scope; bounds the cost of a fit."""

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
class StepEvidence:
    """Fitted models by scope."""

    models: dict[TraceScope, StepModels]

    def measure(self, traces: Sequence[Trace], scopes: Sequence[tuple[TraceScope, ...]]) -> np.ndarray:
        """The four measures of each trace, shape (n_traces, 4); traces cut from one whole trace share its work."""
        result = np.zeros((len(traces), len(MEASURES)))
        whole: dict[tuple[int, TraceScope], tuple[np.ndarray, np.ndarray]] = {}
        for row, (trace, known) in enumerate(zip(traces, scopes, strict=True)):
            scope = self._scope(known)
            if scope is None or not trace.length:
                continue
            key = (id(trace.sizes), scope)
            if key not in whole:
                models = self.models[scope]
                whole[key] = models.order.surprise(trace.symbols), models.sizes.novelty(trace)
            surprise, novelty = whole[key]
            result[row] = _summary(surprise[: trace.length], novelty[: trace.length])
        return result

    def worst_step(self, trace: Trace, scopes: tuple[TraceScope, ...]) -> WorstStep | None:
        """The most novel size of a session, for its explanation."""
        scope = self._scope(scopes)
        if scope is None or not trace.length:
            return None
        sizes = self.models[scope].sizes
        novelty = _without_waiting(sizes.novelty(trace)[: trace.length])
        row, channel = np.unravel_index(int(np.argmax(novelty)), novelty.shape)
        symbol = trace.symbols[row]
        known = sizes.known.get((symbol, int(channel))) or sizes.known.get((None, int(channel)))
        if known is None or novelty[row, channel] <= 0:
            return None
        low, high = np.expm1(np.quantile(known.values, [0.05, 0.95]))
        size = float(np.expm1(trace.sizes[row, channel]))
        return WorstStep(
            int(trace.ranks[row]), symbol, CHANNELS[channel], UNITS[channel], size, float(low), float(high)
        )

    def _scope(self, known: tuple[TraceScope, ...]) -> TraceScope | None:
        return next((scope for scope in reversed(known) if scope in self.models), None)


def _summary(surprise: np.ndarray, novelty: np.ndarray) -> tuple[float, float, float, float]:
    own = _without_waiting(novelty)
    per_step = own.sum(axis=1)
    return (
        _worst_stretch(surprise),
        float(own.max()),
        float(novelty.mean(axis=0).max()),
        _worst_stretch(per_step),
    )


def _without_waiting(novelty: np.ndarray) -> np.ndarray:
    """Novelty with durations left out: a single long one may be a person's waiting, not the agent's doing."""
    own = novelty.copy()
    own[:, DURATION] = 0.0
    return own


def _worst_stretch(values: np.ndarray) -> float:
    """Greatest mean over STRETCH neighbouring steps; the plain mean of a shorter session."""
    if len(values) <= STRETCH:
        return float(values.mean())
    sums = np.cumsum(np.concatenate(([0.0], values)))
    return float((sums[STRETCH:] - sums[:-STRETCH]).max() / STRETCH)


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
