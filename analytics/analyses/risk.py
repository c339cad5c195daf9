"""Risk: how strange a session is for its user, agent and age, joined with what the rules found in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from analytics.alert_budget import ALLOWED, EXPECTED, AlertBudget, Looks, fit_alert_budget, weekly
from analytics.analysis import Analysis, AnalysisResult, History, NotEnoughData, SessionRows
from analytics.baseline import Baseline
from analytics.confidence import confidence
from analytics.detectors.dbscan import dbscan
from analytics.detectors.isolation_forest import isolation_forest
from analytics.detectors.lof import local_outlier_factor
from analytics.ensemble import Ensemble, EnsembleScores, Evidence, calibrate
from analytics.explanation import SHARING, TOLD_BY_NUMBER, Cases, explain
from analytics.features import FEATURE_NAMES
from analytics.held_back_scores import FitSettings, fit_on, score_held_back
from analytics.quieting import anomaly_parts
from analytics.reasons import MOST_REASONS, Subjects, direct
from analytics.risk_score import FindingRates, fit_finding_rates, join_parts
from analytics.spreading import Spread, in_turn
from analytics.training_rows import TrainingRows, step_scopes
from analytics.verdicts import INITIALIZING, INSUFFICIENT, MALICIOUS_EXAMPLE, SCORED, Reason
from analytics.vetting import vetted
from analytics.wariness import LEAST_ANOMALY, Likeness, Suspects, Usual, parts_of

_OPERATIONS: Final = FEATURE_NAMES.index("operations_total")


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
        false_alarms_per_week: healthy sessions that may reach ``high`` by their anomaly alone, more than 0; None for
            any number.
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
    false_alarms_per_week: float | None = 20.0
    seed: int = 0

    def of_fit(self) -> FitSettings:
        """What the fit needs of them, with the three named detectors."""
        detectors = (
            isolation_forest(self.trees, self.contamination),
            local_outlier_factor(self.neighbours),
            dbscan(self.core_neighbours),
        )
        return FitSettings(detectors, self.minimum_events, self.folds, self.seed)

    def judges(self, ages: np.ndarray, operations: np.ndarray) -> np.ndarray:
        """Which sessions are long enough to judge, shape (n_rows,), at these ages and with so many tool uses."""
        return np.asarray((ages >= self.minimum_events) & (operations >= self.minimum_tool_uses))


@dataclass(frozen=True)
class RiskModel:
    """All that is learned: what is ordinary, the calibrated detectors, the alert budget, how usual each finding is."""

    baseline: Baseline
    ensemble: Ensemble
    budget: AlertBudget
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


def fit(
    history: History, settings: RiskSettings, previous: RiskModel | None, spread: Spread = in_turn
) -> RiskModel | NotEnoughData:
    """Learn what is ordinary and calibrate, the folds by ``spread``; ``previous`` is not used."""
    del previous
    taught = vetted(history)
    long_enough = int((taught.sessions.ages >= settings.minimum_events).sum())
    if long_enough < settings.minimum_sessions:
        return NotEnoughData(settings.minimum_sessions - long_enough)
    rows = TrainingRows.of(taught)
    held_back, held = score_held_back(rows, settings.of_fit(), spread)
    baseline, detectors = fit_on(rows, np.ones(len(taught), dtype=bool), settings.of_fit())
    ensemble, anomaly = calibrate(detectors, held_back)
    return RiskModel(
        baseline=baseline,
        ensemble=ensemble,
        budget=_budget(rows, held, anomaly, settings),
        rates=fit_finding_rates(history.sessions.findings, history.sessions.who),
        sessions=len(history),
    )


def _budget(rows: TrainingRows, held: np.ndarray, anomaly: np.ndarray, settings: RiskSettings) -> AlertBudget:
    """The alert budget from the held-back rows, numbers and joint scores of shape (n_held,) each."""
    is_judged = settings.judges(rows.ages, rows.values.column(_OPERATIONS))
    counted = is_judged[held]
    finals = rows.session[is_judged & rows.is_final].tolist()
    per_week = weekly([rows.history.sessions.infos[number].ended_ns for number in finals])
    looks = Looks(anomaly[counted], rows.session[held[counted]])
    return fit_alert_budget(looks, per_week, settings.false_alarms_per_week)


def run(
    rows: SessionRows, model: RiskModel | None, settings: RiskSettings, upstream: Mapping[str, AnalysisResult]
) -> AnalysisResult:
    """Judge sessions; the result of each is a ``RiskResult``."""
    long_enough = settings.judges(rows.ages, rows.values[:, _OPERATIONS])
    results: dict[str, RiskResult] = {}
    for number in np.flatnonzero(~long_enough):
        results[rows.infos[number].session_id] = RiskResult(INSUFFICIENT)
    chosen = np.flatnonzero(long_enough)
    if model is None:
        for number in chosen:
            results[rows.infos[number].session_id] = RiskResult(INITIALIZING, needed=settings.minimum_sessions)
    elif len(chosen):
        results.update(_judge(rows, chosen, model, _odds_of(rows, chosen, upstream)))
    return AnalysisResult(results, {} if model is None else model.budget.readings)


def _odds_of(rows: SessionRows, chosen: np.ndarray, upstream: Mapping[str, AnalysisResult]) -> np.ndarray:
    """What the fingerprints say of the sessions' users, NaN where they say nothing, shape (n,)."""
    views = upstream["fingerprint"].sessions if "fingerprint" in upstream else {}
    found = (views.get(rows.infos[number].session_id) for number in chosen)
    return np.array([np.nan if view is None or view.odds_against is None else view.odds_against for view in found])


@dataclass(frozen=True)
class _Judged:
    """Sessions that are judged together.

    Attributes:
        rows: among others the sessions.
        numbers: theirs in ``rows``, shape (n,).
        evidence: what was looked at.
        scores: what came of it.
        model: that judged.
    """

    rows: SessionRows
    numbers: np.ndarray
    evidence: Evidence
    scores: EnsembleScores
    model: RiskModel

    @cached_property
    def values(self) -> np.ndarray:
        """Features, shape (n, n_features)."""
        return self.rows.values[self.numbers]


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
    judged = _Judged(rows, chosen, evidence, model.ensemble.score(evidence), model)
    explained = rows.leniency.explain(evidence.deviations, who, model.baseline)
    parts = anomaly_parts(judged.scores.joint, evidence, explained, model.ensemble, model.budget.high_at)
    return _results(judged, parts, _likenesses(judged, ~explained.is_alike))


def _likenesses(judged: _Judged, counts_in_full: np.ndarray) -> list[Likeness | None]:
    """The malicious session that each one is like; quieted deviations (mask of shape (n,)) are like nobody's."""
    rows, evidence, model = judged.rows, judged.evidence, judged.model
    suspects = Suspects(
        [rows.infos[number].session_id for number in judged.numbers],
        evidence.deviations,
        (judged.scores.joint >= LEAST_ANOMALY) & counts_in_full,
        evidence.traces,
        [frozenset(finding.rule for finding in rows.findings[number]) for number in judged.numbers],
        evidence.who,
    )
    return rows.wariness.likenesses(suspects, Usual(model.baseline, model.ensemble.detectors.words, model.rates))


def _results(judged: _Judged, parts: np.ndarray, likenesses: list[Likeness | None]) -> dict[str, RiskResult]:
    """The results by session id; ``parts``, shape (n,), is what each anomaly alone amounts to as a risk."""
    scores = judged.scores
    anomalies = zip(scores.joint.tolist(), parts.tolist(), _confidences(judged).tolist(), strict=True)
    detectors = zip(*(each.tolist() for each in scores.detectors.values()), strict=True)
    grounds = zip(judged.numbers.tolist(), anomalies, detectors, likenesses, _reasons(judged), strict=True)
    results = {}
    for number, (anomaly, part, confident), by_detector, likeness, reasons in grounds:
        risk, shares = join_parts({"anomaly": part, **_finding_weights(judged, number), **parts_of(likeness)})
        likened = () if likeness is None else (likeness.reason(shares[MALICIOUS_EXAMPLE]),)
        results[judged.rows.infos[number].session_id] = RiskResult(
            status=SCORED,
            risk=risk,
            anomaly=anomaly,
            confidence=confident,
            detectors=dict(zip(scores.detectors, by_detector, strict=True)),
            parts=shares,
            reasons=(*likened, *reasons)[:MOST_REASONS],
        )
    return results


def _finding_weights(judged: _Judged, number: int) -> dict[str, float]:
    """The part of the risk that each finding of a session alone amounts to, by rule."""
    rows, who = judged.rows, judged.rows.who_of(number)
    return {
        finding.rule: judged.model.rates.weight(finding, who) * rows.leniency.finding_factor(finding, who)
        for finding in rows.findings[number]
    }


def _confidences(judged: _Judged) -> np.ndarray:
    """Confidence in each score, shape (n,)."""
    ground = [judged.model.ensemble.joint.ground(age) for age in judged.evidence.ages.tolist()]
    return confidence(judged.values, np.array(ground), judged.model.baseline.known)


def _reasons(judged: _Judged) -> list[tuple[Reason, ...]]:
    """The reasons of each session."""
    scores, evidence, ensemble = judged.scores, judged.evidence, judged.model.ensemble
    words = ensemble.detectors.words
    has_user = [user is not None for _, user in evidence.who]
    expected = judged.model.baseline.expected_ranges(evidence.ages, evidence.who)
    return explain(
        Cases(
            subjects=Subjects(judged.values, evidence.deviations, expected, evidence.traces, has_user),
            correlated=ensemble.detectors.correlated(evidence.deviations),
            farthest=scores.seen.farthest,
            anomaly=scores.joint,
            voices=scores.voices,
            raw=scores.seen.raw,
            usual={name: ensemble.usual(name, evidence.ages) for name in TOLD_BY_NUMBER},
            calibrated={name: scores.detectors[name] for name in SHARING},
            steps=scores.seen.steps,
            new_words=lambda row: words.newest(evidence.traces[row], evidence.who[row]),
            burst_words=lambda row: words.newest_in_burst(evidence.traces[row], evidence.who[row]),
        )
    )


ANALYSIS = Analysis("risk", RiskSettings, (EXPECTED, ALLOWED), fit, run, needs=("fingerprint",), spreads=True)
