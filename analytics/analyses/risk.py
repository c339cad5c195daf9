"""Risk: how strange a session is for its user, agent and age, joined with what the rules found in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
from analytics.explanation import TOLD_BY_NUMBER, Case, explain
from analytics.features import FEATURE_NAMES
from analytics.held_back_scores import FitSettings, fit_on, score_held_back
from analytics.quieting import anomaly_parts
from analytics.reasons import MOST_REASONS, Subject, direct
from analytics.risk_score import FindingRates, fit_finding_rates, join_parts
from analytics.spreading import Spread, in_turn
from analytics.step_evidence import ORDER_MEASURES, SizeStory
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

    def judges(self, ages: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Which sessions are long enough to judge, shape (n_rows,), at these ages and with these features."""
        return np.asarray((ages >= self.minimum_events) & (values[:, _OPERATIONS] >= self.minimum_tool_uses))


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
    is_judged = settings.judges(rows.ages, rows.values)
    counted = is_judged[held]
    finals = rows.session[is_judged & rows.is_final].tolist()
    per_week = weekly([rows.history.sessions.infos[number].ended_ns for number in finals])
    looks = Looks(anomaly[counted], rows.session[held[counted]])
    return fit_alert_budget(looks, per_week, settings.false_alarms_per_week)


def run(
    rows: SessionRows, model: RiskModel | None, settings: RiskSettings, upstream: Mapping[str, AnalysisResult]
) -> AnalysisResult:
    """Judge sessions; the result of each is a ``RiskResult``."""
    long_enough = settings.judges(rows.ages, rows.values)
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
class _Cases:
    """The sessions judged together.

    Attributes:
        rows: among others the sessions.
        numbers: theirs in ``rows``, shape (n,).
        evidence: what was looked at.
        scores: what came of it.
        expected: lowest and highest value expected of each feature, shape (n, n_features) each.
        sizes: what the sizes of each session's steps say.
        correlated: each feature's share of what the covariance says, shape (n, n_features).
        farthest: the feature that is farthest out, as a mask of shape (n, n_features).
    """

    rows: SessionRows
    numbers: np.ndarray
    evidence: Evidence
    scores: EnsembleScores
    expected: tuple[np.ndarray, np.ndarray]
    sizes: Sequence[SizeStory | None]
    correlated: np.ndarray
    farthest: np.ndarray


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
        model.ensemble.size_stories(evidence),
        model.ensemble.detectors.correlated(evidence.deviations),
        model.ensemble.detectors.farthest(evidence.deviations),
    )
    explained = rows.leniency.explain(evidence.deviations, who, model.baseline)
    parts = anomaly_parts(cases.scores.joint, evidence, explained, model.ensemble, model.budget.high_at)
    likenesses = _likenesses(cases, model, ~explained.is_alike)
    return {
        rows.infos[number].session_id: _result(cases, position, (float(parts[position]), likenesses[position]), model)
        for position, number in enumerate(chosen)
    }


def _likenesses(cases: _Cases, model: RiskModel, counts_in_full: np.ndarray) -> list[Likeness | None]:
    """The malicious session that each one is like; quieted deviations (mask of shape (n,)) are like nobody's."""
    rows, numbers = cases.rows, cases.numbers
    suspects = Suspects(
        [rows.infos[number].session_id for number in numbers],
        cases.evidence.deviations,
        (cases.scores.joint >= LEAST_ANOMALY) & counts_in_full,
        cases.evidence.traces,
        [frozenset(finding.rule for finding in rows.findings[number]) for number in numbers],
        cases.evidence.who,
    )
    return rows.wariness.likenesses(suspects, Usual(model.baseline, model.ensemble.detectors.words, model.rates))


def _result(cases: _Cases, position: int, grounds: tuple[float, Likeness | None], model: RiskModel) -> RiskResult:
    """One session's result; its grounds are what its anomaly alone amounts to as a risk, and whom it is like."""
    part, likeness = grounds
    number = cases.numbers[position]
    rows, who = cases.rows, cases.rows.who_of(number)
    weights = {
        finding.rule: model.rates.weight(finding, who) * rows.leniency.finding_factor(finding, who)
        for finding in rows.findings[number]
    }
    risk, shares = join_parts({"anomaly": part, **weights, **parts_of(likeness)})
    likened = () if likeness is None else (likeness.reason(shares[MALICIOUS_EXAMPLE]),)
    return RiskResult(
        status=SCORED,
        risk=risk,
        anomaly=float(cases.scores.joint[position]),
        confidence=confidence(
            rows.values[number], model.ensemble.joint.ground(int(cases.evidence.ages[position])), model.baseline.known
        ),
        detectors={name: float(each[position]) for name, each in cases.scores.detectors.items()},
        parts=shares,
        reasons=(*likened, *_reasons(cases, position, model))[:MOST_REASONS],
    )


def _reasons(cases: _Cases, position: int, model: RiskModel) -> tuple[Reason, ...]:
    number, age = cases.numbers[position], int(cases.evidence.ages[position])
    scores, evidence, calibrations = cases.scores, cases.evidence, model.ensemble.calibrations
    trace, who, detectors = evidence.traces[position], evidence.who[position], model.ensemble.detectors
    usual = {name: calibrations[name].usual(age) for name in TOLD_BY_NUMBER}
    louder = max(ORDER_MEASURES, key=lambda name: float(scores.detectors[name][position]))
    is_odd = scores.raw[louder][position] > usual[louder]  # only then it is told, and worth the look
    return explain(
        Case(
            subject=Subject(
                cases.rows.values[number],
                evidence.deviations[position],
                (cases.expected[0][position], cases.expected[1][position]),
                trace,
                has_user=who[1] is not None,
            ),
            correlated=cases.correlated[position],
            farthest=cases.farthest[position],
            anomaly=float(scores.joint[position]),
            voices={name: float(each[position]) for name, each in scores.voices.items()},
            raw={name: float(each[position]) for name, each in scores.raw.items()},
            usual=usual,
            sizes=cases.sizes[position],
            order_measure=louder,
            order=detectors.steps.order_story(trace, evidence.scopes[position]) if is_odd else None,
            new_words=detectors.words.newest(trace, who),
        )
    )


ANALYSIS = Analysis("risk", RiskSettings, (EXPECTED, ALLOWED), fit, run, needs=("fingerprint",), spreads=True)
