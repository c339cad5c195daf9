"""What the steps of a session tell: how unlike the history their order and their sizes are.

Each scope with enough sessions has a model of both; a session is seen by those of its narrowest. What is measured of it
stands in ``analytics.step_measures``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from analytics.order_model import OrderModel, fit_order_model
from analytics.size_model import SizeModel, fit_size_model
from analytics.step_measures import StepEvents, StepMeasures
from analytics.step_sequences import StepSequences
from analytics.traces import NOT_TOOLS, Trace

LEAST_SESSIONS: Final = 300
"""Training sessions below which a narrower scope is not modelled on its own."""
MOST_SESSIONS: Final = 3_000
"""Training sessions kept of a scope; bounds the cost of a fit."""
_BLOCK: Final = 16_000
"""Steps looked up together: more would cost memory and the processor's cache, fewer the calls."""

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
class SeenSteps:
    """Some sessions' steps as fitted models see them.

    Attributes:
        traces: the steps.
        models: those that saw each session, None where no history is known or there are no steps.
        measures: what stands out.
    """

    traces: Sequence[Trace]
    models: Sequence[StepModels | None]
    measures: StepMeasures


@dataclass(frozen=True)
class StepEvidence:
    """Fitted models by scope."""

    models: dict[TraceScope, StepModels]

    def look(self, traces: Sequence[Trace], scopes: Sequence[tuple[TraceScope, ...]]) -> SeenSteps:
        """Measure each trace; traces cut from one whole trace share its work."""
        result = StepMeasures.nothing(len(traces))
        models: list[StepModels | None] = [None] * len(traces)
        for scope, by_whole in self._by_scope(traces, scopes).items():
            for block in _blocks(by_whole, traces):
                whole = [traces[rows[0]] for rows in block]
                listed = [row for rows in block for row in rows]
                number = np.repeat(np.arange(len(block)), [len(rows) for rows in block])
                length = np.array([traces[row].length for row in listed])
                result.put(listed, _measured(self.models[scope], whole, number, length))
                for row in listed:
                    models[row] = self.models[scope]
        return SeenSteps(traces, models, result)

    def _by_scope(
        self, traces: Sequence[Trace], scopes: Sequence[tuple[TraceScope, ...]]
    ) -> dict[TraceScope, list[list[int]]]:
        """The rows that each scope's models judge; those cut from one whole trace stand together."""
        rows_of: dict[TraceScope, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
        for row, (trace, known) in enumerate(zip(traces, scopes, strict=True)):
            scope = self._scope(known)
            if scope is not None and trace.length:
                rows_of[scope][id(trace.sizes)].append(row)
        return {scope: list(by_whole.values()) for scope, by_whole in rows_of.items()}

    def _scope(self, known: tuple[TraceScope, ...]) -> TraceScope | None:
        return next((scope for scope in reversed(known) if scope in self.models), None)


def _blocks(by_whole: list[list[int]], traces: Sequence[Trace]) -> Iterator[list[list[int]]]:
    """Blocks of rows of whole traces, the shortest first: sessions of about one length leave little of a grid empty."""
    block: list[list[int]] = []
    count = 0
    for rows in sorted(by_whole, key=lambda rows: len(traces[rows[0]].symbols)):
        count += len(rows)
        if block and count * len(traces[rows[0]].symbols) > _BLOCK:
            yield block
            block, count = [], len(rows)
        block.append(rows)
    if block:
        yield block


def _measured(models: StepModels, whole: Sequence[Trace], number: np.ndarray, length: np.ndarray) -> StepMeasures:
    """The measures of rows cut from whole traces, after that many steps, shape (n_rows,) each."""
    steps = StepSequences.of([trace.symbols for trace in whole])
    events = StepEvents(
        *models.order.bits(steps),
        novelty=models.sizes.novelties(steps, np.concatenate([trace.sizes for trace in whole])),
        is_tool=steps.coded(dict.fromkeys(NOT_TOOLS, 0), 1) == 1,
    )
    return events.measured(steps.begin[number], length)


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
            models[scope] = StepModels(fit_order_model([trace.symbols for trace in part]), fit_size_model(part))
    return StepEvidence(models)
