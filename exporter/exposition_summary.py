"""A publication boiled down to the samples of one scrape, worked out once when it is published."""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from analytics.familiarity import KINDS
from analytics.rules import Rule
from analytics.verdicts import INITIALIZING, INSUFFICIENT, LEVELS, SCORED, SessionVerdict, grounds_of
from exporter.label_values import AdmittedNames, label_value
from exporter.novelties.telling import COUNTED, CROWDED_OUT
from exporter.publisher import Publication
from exporter.session_tally import SessionTally, scores_by_detector
from exporter.snapshot import Labels, Snapshot

Samples = Mapping[Labels, float]
Bounds = Mapping[str, Mapping[int, AdmittedNames]]

SESSION_STATES: Final = (*(level for level, _ in reversed(LEVELS)), INITIALIZING, INSUFFICIENT)
"""Values of the label ``level`` of ``sigyn_sessions``: levels of risk, then why a session has none."""
ALERTING_FROM: Final = dict(LEVELS)["high"]
REASONS_TOLD: Final = 3
"""Reasons of one session that have series."""
MOST_RULES: Final = 10
"""Rules found in one session that have series."""


@dataclass(frozen=True)
class ExpositionSummary:
    """Samples by metric name and label values, each in the metric's label order; a name without samples is absent."""

    samples: Mapping[str, Samples] = field(default_factory=dict)


class Summariser:
    """Turns publications into summaries; remembers which names have series, and what it made of the same sessions.

    Args:
        tracked_sessions: how many sessions, riskiest first, have series of their own.
        anomalous_from: the calibrated score from which a detector is counted as calling a session anomalous.
        bounds: of each counter the positions of the labels that are bounded, with the names that have series.
        rules: those in force, by id.
        gauges: names of the further gauges that are published from the snapshot's readings.
    """

    def __init__(
        self,
        tracked_sessions: int,
        anomalous_from: float,
        bounds: Bounds,
        gauges: frozenset[str],
        rules: Mapping[str, Rule],
    ) -> None:
        self._tracked_sessions = tracked_sessions
        self._bounds = bounds
        self._gauges = gauges
        self._rules = rules
        self._tally = SessionTally(anomalous_from)
        self._last = Snapshot(0.0)
        self._last_scores: dict[str, Samples] = {}

    def summarise(self, publication: Publication) -> ExpositionSummary:
        """The samples of a publication: none before the first snapshot, counters and models only once withdrawn."""
        snapshot = publication.snapshot
        if snapshot is None:
            return ExpositionSummary()
        samples = {**self._counters(snapshot), **_models(snapshot)}
        if publication.withdrawn is None:
            samples |= self._scores(snapshot)
            samples |= {
                name: _with_label_values(readings)
                for name, readings in snapshot.readings.items()
                if name in self._gauges
            }
        return ExpositionSummary({name: found for name, found in samples.items() if found})

    def _counters(self, snapshot: Snapshot) -> dict[str, Samples]:
        counters = {**snapshot.counters}
        none_yet: Samples = {(rule.id, rule.severity): 0.0 for rule in self._rules.values()}
        counters["sigyn_findings_total"] = {**none_yet, **counters.get("sigyn_findings_total", {})}
        for name in (COUNTED, CROWDED_OUT):
            counters[name] = {**dict.fromkeys(((kind,) for kind in KINDS), 0.0), **counters.get(name, {})}
        return {name: _folded(counters.get(name, {}), bounds) for name, bounds in self._bounds.items()}

    def _scores(self, snapshot: Snapshot) -> dict[str, Samples]:
        """What the sessions look like: as the last time where they are the same, as in most cycles."""
        last = self._last
        if not self._last_scores or snapshot.sessions is not last.sessions or snapshot.silenced != last.silenced:
            self._tally.take(snapshot.sessions)
            self._last, self._last_scores = snapshot, self._scores_of(snapshot)
        return self._last_scores

    def _scores_of(self, snapshot: Snapshot) -> dict[str, Samples]:
        scored = [verdict for verdict in snapshot.sessions if verdict.status == SCORED]
        risks = [verdict.risk for verdict in scored if verdict.risk is not None]
        silent = snapshot.silenced
        heard = [verdict for verdict in scored if verdict.session_id not in silent] if silent else scored
        tracked = heapq.nlargest(self._tracked_sessions, heard, key=lambda one: one.risk or 0.0)
        benign = Counter(one.level for one in scored if one.session_id in silent) if silent else Counter()
        states = self._tally.states()
        return {
            "sigyn_session_risk_score": {_who(one): one.risk for one in tracked if one.risk is not None},
            "sigyn_session_anomaly_score": _anomalies(tracked),
            "sigyn_session_reason_info": self._reasons(tracked),
            "sigyn_session_last_event_timestamp_seconds": {
                (label_value(one.session_id),): one.ended_ns / 1e9 for one in tracked
            },
            "sigyn_session_finding_timestamp_seconds": _finding_times(tracked),
            "sigyn_sessions": {(state,): float(states[state]) for state in SESSION_STATES},
            "sigyn_sessions_benign": {(level,): float(benign[level]) for level, _ in reversed(LEVELS)},
            "sigyn_sessions_untracked": {(): float(len(heard) - len(tracked))},
            "sigyn_risk_score_mean": {(): sum(risks) / len(risks)} if risks else {},
            "sigyn_detector_anomalous_ratio": {
                (detector,): ratio for detector, ratio in self._tally.anomalous_ratios().items()
            },
        }

    def _reasons(self, sessions: Iterable[SessionVerdict]) -> Samples:
        """The main reasons of the sessions that alerts are about, findings by their rules' titles."""
        titles = {rule.id: rule.title for rule in self._rules.values()}
        return {
            (label_value(verdict.session_id), str(rank), label_value(text)): 1.0
            for verdict in sessions
            if verdict.risk is not None and verdict.risk >= ALERTING_FROM
            for rank, text in enumerate(grounds_of(verdict, titles)[:REASONS_TOLD], start=1)
        }


def _who(verdict: SessionVerdict) -> Labels:
    who = (verdict.session_id, verdict.agent, verdict.user_id, verdict.project)
    return tuple(label_value(value) for value in who)


def _anomalies(sessions: Iterable[SessionVerdict]) -> Samples:
    return {
        (label_value(verdict.session_id), detector): score
        for verdict in sessions
        for detector, score in scores_by_detector(verdict).items()
    }


def _finding_times(sessions: Iterable[SessionVerdict]) -> Samples:
    """When each rule last matched in the sessions that alerts are about."""
    return {
        (label_value(verdict.session_id), label_value(finding.rule)): finding.last_ns / 1e9
        for verdict in sessions
        if verdict.risk is not None and verdict.risk >= ALERTING_FROM
        for finding in heapq.nlargest(MOST_RULES, verdict.findings, key=lambda one: verdict.parts.get(one.rule, 0.0))
    }


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
