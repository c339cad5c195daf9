"""Risk: how strange a session is for its user, agent and age, joined with what the rules found in it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from analytics.analysis import Analysis, AnalysisResult, History, NotEnoughData, SessionRows
from analytics.baseline import Baseline, fit_baseline
from analytics.detectors import Detector
from analytics.detectors.dbscan import dbscan
from analytics.detectors.isolation_forest import isolation_forest
from analytics.detectors.lof import local_outlier_factor
from analytics.ensemble import (
    Ensemble,
    EnsembleScores,
    Evidence,
    FittedDetectors,
    HeldBack,
    calibrate,
    fit_detectors,
)
from analytics.explanation import TOLD_BY_NUMBER, Case, explain
from analytics.features import FEATURE_NAMES
from analytics.held_back import folds
from analytics.reasons import Subject, direct
from analytics.risk_score import FindingRates, anomaly_part, fit_finding_rates, join_parts
from analytics.step_evidence import WorstStep
from analytics.training_rows import TrainingRows, step_scopes
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


def fit(history: History, settings: RiskSettings, previous: RiskModel | None) -> RiskModel | NotEnoughData:
    """Learn what is ordinary and calibrate; ``previous`` is not used."""
    del previous
    long_enough = int((history.sessions.ages >= settings.minimum_events).sum())
    if long_enough < settings.minimum_sessions:
        return NotEnoughData(settings.minimum_sessions - long_enough)
    rows = TrainingRows.of(history)
    held_back = _score_held_back(rows, settings)
    baseline, detectors = _fit_once(rows, np.ones(len(history), dtype=bool), settings)
    return RiskModel(
        baseline=baseline,
        ensemble=calibrate(detectors, held_back),
        rates=fit_finding_rates(history.sessions.findings, history.sessions.who),
        sessions=len(history),
    )


def _fit_once(rows: TrainingRows, chosen: np.ndarray, settings: RiskSettings) -> tuple[Baseline, FittedDetectors]:
    """Fit baseline and detectors on the chosen sessions (mask of shape (n_sessions,))."""
    part = np.flatnonzero(chosen[rows.session] & (rows.ages >= settings.minimum_events))
    people = [rows.history.sessions.who_of(number) for number in rows.session[part]]
    baseline = fit_baseline(rows.values[part], rows.ages[part], rows.is_final[part], people)
    finals = part[rows.is_final[part]]
    return baseline, fit_detectors(settings.detectors(), rows.evidence(finals, baseline), settings.seed)


def _score_held_back(rows: TrainingRows, settings: RiskSettings) -> HeldBack:
    """Score every session by detectors fitted on the other folds."""
    rng = np.random.default_rng(settings.seed)
    history = rows.history
    fold = folds(
        [info.started_ns for info in history.sessions.infos],
        [history.sessions.trace(number) for number in range(len(history))],
        settings.folds,
    )
    usable = rows.one_a_bucket() & (rows.ages >= settings.minimum_events)
    usable &= (rng.permutation(len(history)) < MOST_CALIBRATION_SESSIONS)[rows.session]
    raw: dict[str, list[np.ndarray]] = defaultdict(list)
    order: list[np.ndarray] = []
    for number in range(settings.folds):
        held = np.flatnonzero(usable & (fold[rows.session] == number))
        if not len(held):
            continue
        baseline, detectors = _fit_once(rows, fold != number, settings)
        order.append(held)
        for name, scores in detectors.raw(rows.evidence(held, baseline)).items():
            raw[name].append(scores)
    held_rows = np.concatenate(order)
    return HeldBack(
        {name: np.concatenate(parts) for name, parts in raw.items()}, rows.ages[held_rows], rows.is_final[held_rows]
    )


def run(
    rows: SessionRows, model: RiskModel | None, settings: RiskSettings, upstream: Mapping[str, AnalysisResult]
) -> AnalysisResult:
    """Judge sessions; the result of each is a ``RiskResult``."""
    long_enough = (rows.ages >= settings.minimum_events) & (rows.values[:, _OPERATIONS] >= settings.minimum_tool_uses)
    results: dict[str, RiskResult] = {}
    for number in np.flatnonzero(~long_enough):
        results[rows.infos[number].session_id] = RiskResult(INSUFFICIENT)
    chosen = np.flatnonzero(long_enough)
    if model is None:
        for number in chosen:
            results[rows.infos[number].session_id] = RiskResult(INITIALIZING, needed=settings.minimum_sessions)
    elif len(chosen):
        results.update(_judge(rows, chosen, model, _odds_of(rows, chosen, upstream)))
    return AnalysisResult(results)


def _odds_of(rows: SessionRows, chosen: np.ndarray, upstream: Mapping[str, AnalysisResult]) -> np.ndarray:
    """What the fingerprints say of the sessions' users, NaN where they say nothing, shape (n,)."""
    views = upstream["fingerprint"].sessions if "fingerprint" in upstream else {}
    found = (views.get(rows.infos[number].session_id) for number in chosen)
    return np.array([np.nan if view is None or view.odds_against is None else view.odds_against for view in found])


@dataclass(frozen=True)
class _Cases:
    """The sessions judged together.

    Attributes:
        rows: among others the sessions.
        numbers: theirs in ``rows``, shape (n,).
        evidence: what was looked at.
        scores: what came of it.
        expected: lowest and highest value expected of each feature, shape (n, n_features) each.
        worst: each session's step with the most novel size.
        correlated: each feature's share of what the covariance says, shape (n, n_features).
    """

    rows: SessionRows
    numbers: np.ndarray
    evidence: Evidence
    scores: EnsembleScores
    expected: tuple[np.ndarray, np.ndarray]
    worst: Sequence[WorstStep | None]
    correlated: np.ndarray


def _judge(rows: SessionRows, chosen: np.ndarray, model: RiskModel, odds: np.ndarray) -> dict[str, RiskResult]:
    """Score the chosen sessions (numbers of shape (n,))."""
    who, ages = [rows.who_of(number) for number in chosen], rows.ages[chosen]
    evidence = Evidence(
        direct(model.baseline.standardise(rows.values[chosen], ages, who)),
        [rows.trace(number) for number in chosen],
        [step_scopes(rows.infos[number]) for number in chosen],
        ages,
        who,
        odds,
    )
    cases = _Cases(
        rows,
        chosen,
        evidence,
        model.ensemble.score(evidence),
        model.baseline.expected_ranges(ages, who),
        model.ensemble.worst_steps(evidence),
        model.ensemble.detectors.correlated(evidence.deviations),
    )
    lenient = rows.leniency.anomaly_factors(evidence.deviations, who, model.baseline)
    parts = anomaly_part(cases.scores.joint) * lenient
    return {
        rows.infos[number].session_id: _result(cases, position, float(parts[position]), model)
        for position, number in enumerate(chosen)
    }


def _result(cases: _Cases, position: int, part: float, model: RiskModel) -> RiskResult:
    """One session's result; ``part`` is what its anomaly alone amounts to as a risk."""
    number = cases.numbers[position]
    rows, who = cases.rows, cases.rows.who_of(number)
    weights = {
        finding.rule: model.rates.weight(finding, who) * rows.leniency.finding_factor(finding, who)
        for finding in rows.findings[number]
    }
    risk, shares = join_parts({"anomaly": part, **weights})
    return RiskResult(
        status=SCORED,
        risk=risk,
        anomaly=float(cases.scores.joint[position]),
        confidence=_confidence(rows.values[number], int(cases.evidence.ages[position]), model),
        detectors={name: float(each[position]) for name, each in cases.scores.detectors.items()},
        parts=shares,
        reasons=_reasons(cases, position, model),
    )


def _reasons(cases: _Cases, position: int, model: RiskModel) -> tuple[Reason, ...]:
    number, age = cases.numbers[position], int(cases.evidence.ages[position])
    scores, evidence, calibrations = cases.scores, cases.evidence, model.ensemble.calibrations
    return explain(
        Case(
            subject=Subject(
                cases.rows.values[number],
                evidence.deviations[position],
                (cases.expected[0][position], cases.expected[1][position]),
            ),
            correlated=cases.correlated[position],
            anomaly=float(scores.joint[position]),
            voices={name: float(each[position]) for name, each in scores.voices.items()},
            raw={name: float(each[position]) for name, each in scores.raw.items()},
            usual={name: calibrations[name].usual(age) for name in TOLD_BY_NUMBER},
            worst=cases.worst[position],
            new_words=model.ensemble.detectors.words.newest(evidence.traces[position], evidence.who[position]),
        )
    )


def _confidence(values: np.ndarray, age: int, model: RiskModel) -> float:
    """How much ground a score has: held-back sessions at that age, and known features among those ever known."""
    ground = min(1.0, model.ensemble.joint.ground(age) / FULL_CONFIDENCE_GROUND) ** 0.5
    ever_known = model.baseline.known
    known = float((~np.isnan(values))[ever_known].mean()) if ever_known.any() else 0.0
    return ground * known


ANALYSIS = Analysis("risk", RiskSettings, (), fit, run, needs=("fingerprint",))
