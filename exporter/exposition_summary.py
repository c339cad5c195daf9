"""A publication boiled down to the samples of one scrape, worked out once when it is published."""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from analytics.rules import Rule
from analytics.verdicts import INITIALIZING, INSUFFICIENT, LEVELS, SCORED, SessionVerdict, grounds_of
from exporter.label_values import AdmittedNames, label_value
from exporter.publisher import Publication
from exporter.snapshot import Labels, Snapshot

Samples = Mapping[Labels, float]
Bounds = Mapping[str, Mapping[int, AdmittedNames]]

SESSION_STATES: Final = (*(level for level, _ in reversed(LEVELS)), INITIALIZING, INSUFFICIENT)
"""Values of the label ``level`` of ``sigyn_sessions``: levels of risk, then why a session has none."""
ALERTING_FROM: Final = dict(LEVELS)["high"]
REASONS_TOLD: Final = 3
"""Reasons of one session that have series."""
JOINT: Final = "joint"
"""Value of the label ``detector`` for the detectors' joint verdict."""


@dataclass(frozen=True)
class ExpositionSummary:
    """Samples by metric name and label values, each in the metric's label order; a name without samples is absent."""

    samples: Mapping[str, Samples] = field(default_factory=dict)


@dataclass
class Summariser:
    """Turns publications into summaries; remembers which names have series.

    Attributes:
        tracked_sessions: how many sessions, riskiest first, have series of their own.
        anomalous_from: the calibrated score from which a detector is counted as calling a session anomalous.
        bounds: of each counter the positions of the labels that are bounded, with the names that have series.
        rules: those in force, by id.
        gauges: names of the further gauges that are published from the snapshot's readings.
    """

    tracked_sessions: int
    anomalous_from: float
    bounds: Bounds
    gauges: frozenset[str]
    rules: Mapping[str, Rule]

    def summarise(self, publication: Publication) -> ExpositionSummary:
        """The samples of a publication: none before the first snapshot, counters and models only once withdrawn."""
        snapshot = publication.snapshot
        if snapshot is None:
            return ExpositionSummary()
        samples = {**self._counters(snapshot), **_models(snapshot)}
        if publication.withdrawn is None:
            samples |= self._scores(snapshot.sessions, snapshot.silenced)
            samples |= {
                name: _with_label_values(readings)
                for name, readings in snapshot.readings.items()
                if name in self.gauges
            }
        return ExpositionSummary({name: found for name, found in samples.items() if found})

    def _counters(self, snapshot: Snapshot) -> dict[str, Samples]:
        counters = {**snapshot.counters}
        none_yet: Samples = {(rule.id, rule.severity): 0.0 for rule in self.rules.values()}
        counters["sigyn_findings_total"] = {**none_yet, **counters.get("sigyn_findings_total", {})}
        return {name: _folded(counters.get(name, {}), bounds) for name, bounds in self.bounds.items()}

    def _scores(self, sessions: Iterable[SessionVerdict], silenced: Container[str]) -> dict[str, Samples]:
        states: Counter[str] = Counter(dict.fromkeys(SESSION_STATES, 0))
        risks: list[tuple[float, SessionVerdict]] = []
        for verdict in sessions:
            if verdict.status == SCORED and verdict.risk is not None and verdict.level is not None:
                states[verdict.level] += 1
                risks.append((verdict.risk, verdict))
            else:
                states[verdict.status] += 1
        heard = [pair for pair in risks if pair[1].session_id not in silenced]
        tracked = heapq.nlargest(self.tracked_sessions, heard, key=lambda pair: pair[0])
        scored = [verdict for _, verdict in risks]
        return {
            "sigyn_session_risk_score": {_who(verdict): risk for risk, verdict in tracked},
            "sigyn_session_anomaly_score": _anomalies(verdict for _, verdict in tracked),
            "sigyn_session_reason_info": self._reasons(verdict for _, verdict in tracked),
            "sigyn_sessions": {(state,): float(count) for state, count in states.items()},
            "sigyn_sessions_untracked": {(): float(len(heard) - len(tracked))},
            "sigyn_risk_score_mean": {(): sum(risk for risk, _ in risks) / len(risks)} if risks else {},
            "sigyn_detector_anomalous_ratio": _anomalous_ratios(scored, self.anomalous_from),
        }

    def _reasons(self, sessions: Iterable[SessionVerdict]) -> Samples:
        """The main reasons of the sessions that alerts are about, findings by their rules' titles."""
        titles = {rule.id: rule.title for rule in self.rules.values()}
        return {
            (label_value(verdict.session_id), str(rank), label_value(text)): 1.0
            for verdict in sessions
            if verdict.risk is not None and verdict.risk >= ALERTING_FROM
            for rank, text in enumerate(grounds_of(verdict, titles)[:REASONS_TOLD], start=1)
        }


def scores_by_detector(verdict: SessionVerdict) -> dict[str, float]:
    """Each detector's calibrated score and the joint one, of a scored session."""
    joint = {} if verdict.anomaly is None else {JOINT: verdict.anomaly}
    return {**verdict.detectors, **joint}


def _who(verdict: SessionVerdict) -> Labels:
    who = (verdict.session_id, verdict.agent, verdict.user_id, verdict.project)
    return tuple(label_value(value) for value in who)


def _anomalies(sessions: Iterable[SessionVerdict]) -> Samples:
    return {
        (label_value(verdict.session_id), detector): score
        for verdict in sessions
        for detector, score in scores_by_detector(verdict).items()
    }


def _anomalous_ratios(sessions: Iterable[SessionVerdict], line: float) -> Samples:
    judged: Counter[str] = Counter()
    above: Counter[str] = Counter()
    for verdict in sessions:
        for detector, score in scores_by_detector(verdict).items():
            judged[detector] += 1
            above[detector] += score >= line
    return {(detector,): above[detector] / count for detector, count in judged.items()}


def _models(snapshot: Snapshot) -> dict[str, Samples]:
    return {"sigyn_model_trained_timestamp_seconds": {(model.analysis,): model.trained_at for model in snapshot.models}}


def _with_label_values(samples: Samples) -> Samples:
    return {tuple(label_value(value) for value in labels): count for labels, count in samples.items()}


def _folded(samples: Samples, bounds: Mapping[int, AdmittedNames]) -> Samples:
    """Counts with the labels at some positions bounded by the admitted names."""
    for position, names in bounds.items():
        totals: dict[str, float] = defaultdict(float)
        for labels, count in samples.items():
            totals[labels[position]] += count
        names.admit(totals)
    folded: dict[Labels, float] = defaultdict(float)
    for labels, count in samples.items():
        series = (bounds[k].series_of(value) if k in bounds else label_value(value) for k, value in enumerate(labels))
        folded[tuple(series)] += count
    return dict(folded)
