"""The contract of an analysis: what it is fitted on, what it is run on, what it must declare.

An analysis is a record of two functions. It lives in one file of ``analytics.analyses`` that ends in
``ANALYSIS = Analysis(...)`` and is registered by one line in ``analytics.registry``; settings, metrics, model folder
and contract tests follow from the record. One that needs another's answer names it in ``needs`` and reads it from
``upstream``: dependency by data, never by import.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from analytics.baseline import Who
from analytics.findings import Finding
from analytics.leniency import Leniency
from analytics.sessions import SessionInfo
from analytics.traces import EMPTY_TRACE, Trace
from analytics.wariness import Wariness


@dataclass(frozen=True)
class SessionRows:
    """Sessions with their features: what an analysis judges.

    Attributes:
        infos: who and when, one a session.
        values: features, shape (n_sessions, n_features), columns as in ``analytics.features.FEATURES``.
        findings: rule findings of each session.
        traces: the steps of each session; () where nobody kept them.
        leniency: what weighs less because a person called its like benign.
        wariness: what weighs more because a person called its like malicious.
    """

    infos: tuple[SessionInfo, ...]
    values: np.ndarray
    findings: tuple[tuple[Finding, ...], ...]
    traces: tuple[Trace, ...] = ()
    leniency: Leniency = field(default_factory=Leniency)
    wariness: Wariness = field(default_factory=Wariness)

    def __len__(self) -> int:
        return len(self.infos)

    @property
    def ages(self) -> np.ndarray:
        """Events of each session, shape (n_sessions,)."""
        return np.array([info.events for info in self.infos], dtype=np.int64)

    def trace(self, number: int) -> Trace:
        """The steps of one session."""
        return self.traces[number] if self.traces else EMPTY_TRACE

    def who_of(self, number: int) -> Who:
        """Agent and user of one session."""
        return self.infos[number].agent, self.infos[number].user_id

    @property
    def who(self) -> list[Who]:
        """Agent and user of each session."""
        return [self.who_of(number) for number in range(len(self.infos))]


@dataclass(frozen=True)
class History:
    """Finished sessions and what they looked like on the way: what an analysis is fitted on.

    Attributes:
        sessions: the finished sessions.
        checkpoint_values: features at earlier ages, shape (n_rows, n_features).
        checkpoint_ages: the age of each such row.
        checkpoint_session: the number of its session in ``sessions``.
    """

    sessions: SessionRows
    checkpoint_values: np.ndarray
    checkpoint_ages: np.ndarray
    checkpoint_session: np.ndarray

    def __len__(self) -> int:
        return len(self.sessions)


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """A gauge an analysis publishes beside the sessions' scores: name, help (a full sentence), label names."""

    name: str
    help: str
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NotEnoughData:
    """The answer of a fit that has too little to learn from: ``needed`` more sessions."""

    needed: int


@dataclass(frozen=True)
class AnalysisResult:
    """What an analysis found.

    Attributes:
        sessions: by session id, an object of the analysis's own documented type.
        readings: gauges by metric name and label values.
    """

    sessions: Mapping[str, Any]
    readings: Mapping[str, Mapping[tuple[str, ...], float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Analysis:
    """One analysis.

    Attributes:
        name: file name, configuration key, metric label and model folder.
        settings: frozen dataclass, every field with a default.
        metrics: the gauges it publishes.
        fit: ``fit(history, settings, previous)`` gives a picklable model or ``NotEnoughData``; ``previous`` is the
            model it replaces, or None, so that ids can stay stable across retraining.
        run: ``run(rows, model, settings, upstream)`` judges sessions; ``model`` is None while there is none.
        needs: analyses whose results it reads; they run first.
        spreads: whether ``fit`` takes a ``spread``, an ``analytics.spreading.Spread`` for its independent parts.
    """

    name: str
    settings: type
    metrics: tuple[MetricSpec, ...]
    fit: Callable[..., Any]
    run: Callable[[SessionRows, Any, Any, Mapping[str, AnalysisResult]], AnalysisResult]
    needs: tuple[str, ...] = ()
    spreads: bool = False
