"""Risk: how strange a session is for its user, agent and age, joined with what the rules found in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from analytics.analysis import Analysis, AnalysisResult, History, NotEnoughData, SessionRows
from analytics.baseline import Baseline, fit_baseline
from analytics.detectors import Detector, FittedDetector
from analytics.detectors.dbscan import dbscan
from analytics.detectors.isolation_forest import isolation_forest
from analytics.detectors.lof import local_outlier_factor
from analytics.ensemble import Ensemble, HeldBack, age_bucket, calibrate, fit_detectors
from analytics.features import FEATURE_NAMES
from analytics.reasons import direct, explain
from analytics.risk_score import FindingRates, anomaly_part, fit_finding_rates, join_parts
from analytics.verdicts import INITIALIZING, INSUFFICIENT, SCORED, Reason

_OPERATIONS: Final = FEATURE_NAMES.index("operations_total")
MOST_CALIBRATION_SESSIONS: Final = 4_000
"""Held-back sessions scored for calibration; more would not make the promise noticeably finer."""
FULL_CONFIDENCE_GROUND: Final = 200
"""Held-back sessions from which a score has all the ground it can get."""


@dataclass(frozen=True, slots=True)
class RiskSettings:
    """Settings of the risk analysis.

    Attributes:
        trees: of the Isolation Forest.
        contamination: share of strange sessions the Isolation Forest expects among its training sessions.
        neighbours: of LOF.
        core_neighbours: sessions that make a place dense for DBSCAN.
        minimum_sessions: finished sessions needed before anything is scored.
        minimum_events: events below which one session is too short to judge.
        minimum_tool_uses: tool uses below which it is.
        folds: parts the sessions are split into for calibration.
        seed: of everything random in the fit.
    """

    trees: int = 200
    contamination: float = 0.1
    neighbours: int = 20
    core_neighbours: int = 5
    minimum_sessions: int = 30
    minimum_events: int = 3
    minimum_tool_uses: int = 1
    folds: int = 5
    seed: int = 0

    def detectors(self) -> tuple[Detector, ...]:
        """The three named detectors with these settings."""
        return (
            isolation_forest(self.trees, self.contamination),
            local_outlier_factor(self.neighbours),
            dbscan(self.core_neighbours),
        )


@dataclass(frozen=True)
class RiskModel:
    """All that is learned: what is ordinary, the calibrated detectors, how usual each finding is."""

    baseline: Baseline
    ensemble: Ensemble
    rates: FindingRates
    sessions: int


@dataclass(frozen=True, slots=True)
class RiskResult:
    """The risk of one session; the fields mean what they mean in ``analytics.verdicts.SessionVerdict``."""

    status: str
    needed: int | None = None
    risk: float | None = None
    anomaly: float | None = None
    confidence: float | None = None
    detectors: Mapping[str, float] | None = None
    parts: Mapping[str, float] | None = None
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True)
class _TrainingRows:
    """Final and checkpoint rows of the training sessions, one under the other."""

    values: np.ndarray
    ages: np.ndarray
    session: np.ndarray
    is_final: np.ndarray

    @classmethod
    def of(cls, history: History) -> _TrainingRows:
        """Stack the rows of a history."""
        count = len(history)
        return cls(
            np.concatenate([history.sessions.values, history.checkpoint_values]),
            np.concatenate([history.sessions.ages, history.checkpoint_ages]),
            np.concatenate([np.arange(count), history.checkpoint_session]),
            np.arange(count + len(history.checkpoint_ages)) < count,
        )

    def one_a_bucket(self) -> np.ndarray:
        """Mask that leaves each session once in each age bucket: its final row where that falls in it."""
        buckets = age_bucket(self.ages)
        final_bucket = np.zeros(int(self.session.max()) + 1, dtype=np.int64)
        final_bucket[self.session[self.is_final]] = buckets[self.is_final]
        return self.is_final | (buckets != final_bucket[self.session])


def fit(history: History, settings: RiskSettings, previous: RiskModel | None) -> RiskModel | NotEnoughData:
    """Learn what is ordinary and calibrate; ``previous`` is not used."""
    del previous
    long_enough = int((history.sessions.ages >= settings.minimum_events).sum())
    if long_enough < settings.minimum_sessions:
        return NotEnoughData(settings.minimum_sessions - long_enough)
    rows = _TrainingRows.of(history)
    held_back = _score_held_back(history, rows, settings)
    baseline, detectors = _fit_once(history, rows, np.ones(len(history), dtype=bool), settings)
    return RiskModel(
        baseline=baseline,
        ensemble=calibrate(detectors, held_back),
        rates=fit_finding_rates(history.sessions.findings, history.sessions.who),
        sessions=len(history),
    )


def _fit_once(
    history: History, rows: _TrainingRows, chosen: np.ndarray, settings: RiskSettings
) -> tuple[Baseline, dict[str, FittedDetector]]:
    """Fit baseline and detectors on the chosen sessions (mask of shape (n_sessions,))."""
    part = np.flatnonzero(chosen[rows.session] & (rows.ages >= settings.minimum_events))
    who = history.sessions.who
    people = [who[number] for number in rows.session[part]]
    baseline = fit_baseline(rows.values[part], rows.ages[part], rows.is_final[part], people)
    finals = part[rows.is_final[part]]
    deviations = baseline.standardise(
        rows.values[finals], rows.ages[finals], [who[number] for number in rows.session[finals]]
    )
    return baseline, fit_detectors(settings.detectors(), direct(deviations), settings.seed)


def _score_held_back(history: History, rows: _TrainingRows, settings: RiskSettings) -> HeldBack:
    """Score every session by detectors fitted on the other folds."""
    rng = np.random.default_rng(settings.seed)
    fold = rng.permutation(np.arange(len(history)) % settings.folds)
    usable = rows.one_a_bucket() & (rows.ages >= settings.minimum_events)
    usable &= (rng.permutation(len(history)) < MOST_CALIBRATION_SESSIONS)[rows.session]
    who = history.sessions.who
    raw: dict[str, list[np.ndarray]] = {detector.name: [] for detector in settings.detectors()}
    order: list[np.ndarray] = []
    for number in range(settings.folds):
        held = np.flatnonzero(usable & (fold[rows.session] == number))
        if not len(held):
            continue
        baseline, detectors = _fit_once(history, rows, fold != number, settings)
        people = [who[session] for session in rows.session[held]]
        deviations = direct(baseline.standardise(rows.values[held], rows.ages[held], people))
        order.append(held)
        for name, detector in detectors.items():
            raw[name].append(detector.score(deviations))
    held_rows = np.concatenate(order)
    return HeldBack(
        {name: np.concatenate(parts) for name, parts in raw.items()},
        rows.ages[held_rows],
        rows.is_final[held_rows],
    )


def run(
    rows: SessionRows, model: RiskModel | None, settings: RiskSettings, upstream: Mapping[str, AnalysisResult]
) -> AnalysisResult:
    """Judge sessions; the result of each is a ``RiskResult``."""
    del upstream
    long_enough = (rows.ages >= settings.minimum_events) & (rows.values[:, _OPERATIONS] >= settings.minimum_tool_uses)
    results: dict[str, RiskResult] = {}
    for number in np.flatnonzero(~long_enough):
        results[rows.infos[number].session_id] = RiskResult(INSUFFICIENT)
    chosen = np.flatnonzero(long_enough)
    if model is None:
        for number in chosen:
            results[rows.infos[number].session_id] = RiskResult(INITIALIZING, needed=settings.minimum_sessions)
    elif len(chosen):
        results.update(_judge(rows, chosen, model))
    return AnalysisResult(results)


def _judge(rows: SessionRows, chosen: np.ndarray, model: RiskModel) -> dict[str, RiskResult]:
    """Score the chosen sessions (numbers of shape (n,))."""
    who, ages = [rows.who[number] for number in chosen], rows.ages[chosen]
    deviations = direct(model.baseline.standardise(rows.values[chosen], ages, who))
    scores = model.ensemble.score(deviations, ages)
    parts = anomaly_part(scores.joint)
    results = {}
    for position, number in enumerate(chosen):
        info, anomaly = rows.infos[number], float(scores.joint[position])
        weights = {finding.rule: model.rates.weight(finding, who[position]) for finding in rows.findings[number]}
        risk, shares = join_parts({"anomaly": float(parts[position]), **weights})
        results[info.session_id] = RiskResult(
            status=SCORED,
            risk=risk,
            anomaly=anomaly,
            confidence=_confidence(rows.values[number], int(ages[position]), model),
            detectors={name: float(each[position]) for name, each in scores.detectors.items()},
            parts=shares,
            reasons=explain(rows.values[number], int(ages[position]), who[position], anomaly, model.baseline),
        )
    return results


def _confidence(values: np.ndarray, age: int, model: RiskModel) -> float:
    """How much ground a score has: held-back sessions at that age, and known features among those ever known."""
    ground = min(1.0, model.ensemble.joint.ground(age) / FULL_CONFIDENCE_GROUND) ** 0.5
    ever_known = model.baseline.known
    known = float((~np.isnan(values))[ever_known].mean()) if ever_known.any() else 0.0
    return ground * known


ANALYSIS = Analysis("risk", RiskSettings, (), fit, run)
