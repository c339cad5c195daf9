"""What the sessions of the last day look like: medians of their features, and drift from what was learned."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Final

import numpy as np

from analytics.analyses.risk import RiskModel
from analytics.analysis import Analysis, MetricSpec, SessionRows
from analytics.drift import drift_ratio
from analytics.features import FEATURE_NAMES
from analytics.sessions import SessionInfo
from analytics.verdicts import SessionVerdict
from exporter.novelties.settling import SETTLING
from exporter.world import DAY_NS, World

FEATURE_MEDIAN: Final = MetricSpec(
    "sigyn_feature_median", "Median of a feature over the sessions of the last 24 hours, in its own unit.", ("feature",)
)
DRIFT: Final = MetricSpec(
    "sigyn_drift_ratio", "Share of features in which the sessions of the last 24 hours left what was learned."
)
MOST_SESSIONS: Final = 5_000
"""Sessions that are described, those judged last; rows of others are not kept."""


def gauge_specs(analyses: Iterable[Analysis]) -> tuple[MetricSpec, ...]:
    """Every gauge that a snapshot's readings may hold: those of the recent sessions and of the analyses."""
    return (FEATURE_MEDIAN, DRIFT, SETTLING, *(spec for analysis in analyses for spec in analysis.metrics))


def remember_recent(world: World, rows: Mapping[str, np.ndarray]) -> None:
    """Keep the latest feature rows of some sessions, as copies: a row in place would keep its whole block."""
    for session_id, values in rows.items():
        world.recent.pop(session_id, None)
        world.recent[session_id] = values.copy()
    for session_id in list(islice(world.recent, max(0, len(world.recent) - MOST_SESSIONS))):
        del world.recent[session_id]


def describe_recent(world: World, now_ns: int) -> dict[str, Mapping[tuple[str, ...], float]]:
    """Readings about the sessions that were active in the last 24 hours; forgets the older ones."""
    for session_id in list(world.recent):
        verdict = world.verdicts.get(session_id)
        if verdict is None or verdict.ended_ns < now_ns - DAY_NS:
            del world.recent[session_id]
    chosen = list(world.recent)
    if not chosen:
        return {}
    grounds = [world.models, *(world.verdicts[session_id] for session_id in chosen)]
    return world.described.on(grounds, lambda: _describe(world, chosen))


def _describe(world: World, chosen: list[str]) -> dict[str, Mapping[tuple[str, ...], float]]:
    values = np.stack([world.recent[session_id] for session_id in chosen])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a feature that no session has: NaN is the answer wanted
        medians = np.nanmedian(values, axis=0)
    known: Mapping[tuple[str, ...], float] = {
        (name,): float(value) for name, value in zip(FEATURE_NAMES, medians, strict=True) if not np.isnan(value)
    }
    readings: dict[str, Mapping[tuple[str, ...], float]] = {FEATURE_MEDIAN.name: known}
    drifted = _drift(world, chosen, values)
    if drifted is not None:
        readings[DRIFT.name] = {(): drifted}
    return readings


def _drift(world: World, session_ids: list[str], values: np.ndarray) -> float | None:
    model = world.models.fitted.get("risk")
    if not isinstance(model, RiskModel):
        return None
    infos = tuple(_info(world.verdicts[session_id]) for session_id in session_ids)
    return drift_ratio(model.baseline, SessionRows(infos, values, tuple(() for _ in infos)))


def _info(verdict: SessionVerdict) -> SessionInfo:
    return SessionInfo(
        session_id=verdict.session_id,
        started_ns=verdict.started_ns,
        ended_ns=verdict.ended_ns,
        events=verdict.events,
        agent=verdict.agent,
        user_id=verdict.user_id,
        team=verdict.team,
        project=verdict.project,
        model=verdict.model,
        parent_session_id=verdict.parent_session_id,
        has_end=False,
    )
