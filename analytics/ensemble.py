"""Several detectors, one verdict: fitted, calibrated on sessions they did not see, and joined.

Isolation Forest, LOF and DBSCAN look at a session's features and share one voice; each measure of its steps (see
``analytics.step_evidence``) has a voice of its own. Calibration is cross-conformal (V. Vovk, "Cross-conformal
predictors", Annals of Mathematics and Artificial Intelligence 74, 2015): every session is scored by detectors fitted
on the other folds, and those raw scores are the calibration sample of the detectors fitted on all. Each age bucket
has its own sample, in which a session stands once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from analytics.calibration import Calibration
from analytics.detectors import Detector, FittedDetector
from analytics.sessions import CHECKPOINTS
from analytics.step_evidence import MEASURES, StepEvidence, TraceScope, WorstStep, fit_step_evidence
from analytics.traces import Trace

LEAST_IN_BUCKET: Final = 30
"""Held-back rows below which an age bucket is judged by all final rows instead."""

TraceScopes = tuple[TraceScope, ...]


@dataclass(frozen=True)
class Evidence:
    """What the detectors look at, one row a session and age.

    Attributes:
        deviations: standardised features, shape (n_rows, n_features).
        traces: the steps up to that age.
        scopes: the scopes of those steps, widest first.
        ages: events the session had, shape (n_rows,).
    """

    deviations: np.ndarray
    traces: Sequence[Trace]
    scopes: Sequence[TraceScopes]
    ages: np.ndarray

    def __len__(self) -> int:
        return len(self.ages)


@dataclass(frozen=True)
class FittedDetectors:
    """Everything that has seen the training sessions."""

    by_name: Mapping[str, FittedDetector]
    steps: StepEvidence

    def raw(self, evidence: Evidence) -> dict[str, np.ndarray]:
        """Raw scores by detector, shape (n_rows,) each: higher is stranger."""
        measures = self.steps.measure(evidence.traces, evidence.scopes)
        return {
            **{name: detector.score(evidence.deviations) for name, detector in self.by_name.items()},
            **{name: measures[:, column] for column, name in enumerate(MEASURES)},
        }


def fit_detectors(detectors: tuple[Detector, ...], evidence: Evidence, seed: int) -> FittedDetectors:
    """Fit every detector on the same sessions."""
    return FittedDetectors(
        {detector.name: detector.fit(evidence.deviations, seed) for detector in detectors},
        fit_step_evidence(evidence.traces, evidence.scopes, seed),
    )


def age_bucket(ages: np.ndarray) -> np.ndarray:
    """The age bucket of each age: the base-2 logarithm, rounded down, within the checkpoints' range."""
    exponent = np.floor(np.log2(np.maximum(ages, 1))).astype(np.int64)
    return np.clip(exponent, int(np.log2(CHECKPOINTS[0])) - 1, int(np.log2(CHECKPOINTS[-1])))


@dataclass(frozen=True)
class AgeCalibration:
    """A calibration for each age bucket with enough held-back rows, and one for the rest."""

    buckets: Mapping[int, Calibration]
    rest: Calibration

    @classmethod
    def of(cls, raw: np.ndarray, buckets: np.ndarray, is_final: np.ndarray) -> AgeCalibration:
        """Calibrate on raw scores of held-back rows."""
        found, counts = np.unique(buckets, return_counts=True)
        enough = found[counts >= LEAST_IN_BUCKET]
        return cls(
            {int(bucket): Calibration.of(raw[buckets == bucket]) for bucket in enough},
            Calibration.of(raw[is_final]),
        )

    def score(self, raw: np.ndarray, ages: np.ndarray) -> np.ndarray:
        """Calibrated scores, shape (n_rows,)."""
        result = np.empty(len(raw))
        for calibration, rows in self._parts(ages):
            result[rows] = calibration.score(raw[rows])
        return result

    def evidence(self, raw: np.ndarray, ages: np.ndarray) -> np.ndarray:
        """Evidence that adds up over detectors, shape (n_rows,)."""
        result = np.empty(len(raw))
        for calibration, rows in self._parts(ages):
            result[rows] = calibration.evidence(raw[rows])
        return result

    def ground(self, age: int) -> int:
        """Held-back sessions that a score at this age stands on."""
        return len(self._at(age))

    def usual(self, age: int) -> float:
        """The raw score that 95 % of the held-back sessions of this age do not exceed."""
        return float(np.quantile(self._at(age).raw_scores, 0.95))

    def _at(self, age: int) -> Calibration:
        return self.buckets.get(int(age_bucket(np.array([age]))[0]), self.rest)

    def _parts(self, ages: np.ndarray) -> list[tuple[Calibration, np.ndarray]]:
        buckets = age_bucket(ages)
        return [
            (self.buckets.get(int(bucket), self.rest), np.flatnonzero(buckets == bucket))
            for bucket in np.unique(buckets)
        ]


@dataclass(frozen=True)
class EnsembleScores:
    """Scores of some rows.

    Attributes:
        joint: calibrated joint score, shape (n_rows,).
        raw: each detector's raw score, shape (n_rows,).
        detectors: each detector's calibrated score, shape (n_rows,).
        voices: each detector's part of the joint evidence, shape (n_rows,); they add up to it.
    """

    joint: np.ndarray
    raw: Mapping[str, np.ndarray]
    detectors: Mapping[str, np.ndarray]
    voices: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Ensemble:
    """Fitted detectors with their calibrations."""

    detectors: FittedDetectors
    calibrations: Mapping[str, AgeCalibration]
    joint: AgeCalibration

    def score(self, evidence: Evidence) -> EnsembleScores:
        """Judge rows at their ages."""
        if not len(evidence):
            return EnsembleScores(np.zeros(0), {}, {}, {})
        raw = self.detectors.raw(evidence)
        voices = voices_of(raw, self.calibrations, evidence.ages)
        return EnsembleScores(
            self.joint.score(_sum(voices), evidence.ages),
            raw,
            {name: self.calibrations[name].score(values, evidence.ages) for name, values in raw.items()},
            voices,
        )

    def worst_step(self, evidence: Evidence, row: int) -> WorstStep | None:
        """The step of one row whose size is most novel."""
        return self.detectors.steps.worst_step(evidence.traces[row], evidence.scopes[row])


def voices_of(
    raw: Mapping[str, np.ndarray], calibrations: Mapping[str, AgeCalibration], ages: np.ndarray
) -> dict[str, np.ndarray]:
    """Each detector's part of the joint evidence, as in Fisher's way to join p-values; features share one voice."""
    features = len(raw) - len(MEASURES)
    return {
        name: calibrations[name].evidence(values, ages) / (1 if name in MEASURES else features)
        for name, values in raw.items()
    }


def _sum(voices: Mapping[str, np.ndarray]) -> np.ndarray:
    return np.sum(list(voices.values()), axis=0)


@dataclass(frozen=True)
class HeldBack:
    """Raw scores of rows by detectors that did not see their sessions, with each row's age and kind."""

    raw: Mapping[str, np.ndarray]
    ages: np.ndarray
    is_final: np.ndarray


def calibrate(detectors: FittedDetectors, held_back: HeldBack) -> Ensemble:
    """Give fitted detectors the promise that held-back sessions allow."""
    buckets = age_bucket(held_back.ages)
    calibrations = {name: AgeCalibration.of(raw, buckets, held_back.is_final) for name, raw in held_back.raw.items()}
    joint = _sum(voices_of(held_back.raw, calibrations, held_back.ages))
    return Ensemble(detectors, calibrations, AgeCalibration.of(joint, buckets, held_back.is_final))
