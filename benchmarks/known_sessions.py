"""A state folder as a deployment has it after a month: finished sessions with verdicts and features, and models."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from analytics.analysis import History
from analytics.assessment import assess
from analytics.features import SCHEMA
from benchmarks.grown_sessions import enabled_analyses, grow, part
from exporter.judging import run_analyses
from exporter.model_store import ModelStore
from exporter.state import State, StoredSession
from exporter.training import Shelf, train
from exporter.world import Models

TOOLS: Final = 300
"""More tools than have series of their own, as where MCP servers are many."""
_BLOCK: Final = 1_000
_TRAINED_ON: Final = 2_000
"""Sessions the models learn from: enough for every age bucket, quick to fit."""


def make_state(measured: str, folder: str, count: int, now_ns: int) -> None:
    """Make a state folder with ``count`` finished, scored sessions without events, and models that match."""
    history = grow(measured, count, now_ns)
    analyses = enabled_analyses()
    with State.open(Path(folder)) as state:
        shelf = Shelf(ModelStore(Path(folder)), state)
        models = train(grow(measured, _TRAINED_ON, now_ns, seed=2), analyses, shelf, Models(), now_ns / 1e9)
        for block in _stored(history, models, now_ns):
            with state.begin() as transaction:
                transaction.put_sessions(block)
        with state.begin() as transaction:
            transaction.put_traces(
                {
                    info.session_id: trace
                    for info, trace in zip(history.sessions.infos, history.sessions.traces, strict=True)
                }
            )
        with state.begin() as transaction:
            for number in range(TOOLS):
                transaction.add_counts("sigyn_tool_calls_total", {(f"tool-{number}", "success"): 1000.0 / (number + 1)})


def _stored(history: History, models: Models, now_ns: int) -> Iterator[list[StoredSession]]:
    """The sessions of a history, scored, block by block."""
    checkpoints: dict[int, dict[int, np.ndarray]] = defaultdict(dict)
    for number, age, row in zip(
        history.checkpoint_session.tolist(), history.checkpoint_ages.tolist(), history.checkpoint_values, strict=True
    ):
        checkpoints[number][age] = row
    for first in range(0, len(history), _BLOCK):
        sessions = part(history.sessions, first, first + _BLOCK)
        verdicts = assess(sessions, run_analyses(enabled_analyses(), models, sessions), models.version, {})
        yield [
            StoredSession(
                session_id=verdict.session_id,
                started_ns=verdict.started_ns,
                last_ns=verdict.ended_ns,
                events=verdict.events,
                is_open=False,
                closed_ns=now_ns,
                has_events=False,
                feature_schema=SCHEMA,
                features=sessions.values[number],
                checkpoints=checkpoints[first + number],
                verdict=replace(verdict, is_final=True),
            )
            for number, verdict in enumerate(verdicts)
        ]
