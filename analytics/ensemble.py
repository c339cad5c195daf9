"""Several detectors, one verdict: fitted, calibrated on sessions they did not see, and joined.

Isolation Forest, LOF, DBSCAN and the covariance look at a session's features, the step evidence at its order and
sizes, the vocabulary at what it said to its tools; whose habits they are is judged by the fingerprint's user model;
``analytics.voices`` joins them. Calibration is cross-conformal
(V. Vovk, "Cross-conformal predictors", Annals of Mathematics and Artificial Intelligence 74, 2015): every session is
scored by detectors fitted on the other folds, and those raw scores are the calibration sample of the detectors fitted
on all. Each age bucket has its own sample, in which a session stands once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from analytics.age_calibration import AgeCalibration, age_bucket
from analytics.baseline import Who
from analytics.detectors import Detector, FittedDetector
from analytics.detectors.covariance import FittedCovariance, fit_covariance
from analytics.detectors.extreme import FittedExtreme, fit_extreme
from analytics.step_evidence import MEASURES, SizeStory, StepEvidence, TraceScope, fit_step_evidence
from analytics.traces import Trace
from analytics.vocabulary_model import VocabularyModel, fit_vocabulary
from analytics.voices import COVARIANCE, EXTREME, WORDS, WRONG_USER, voices_of

TraceScopes = tuple[TraceScope, ...]


@dataclass(frozen=True)
class Evidence:
    """What the detectors look at, one row a session and age.

    Attributes:
        deviations: standardised features, shape (n_rows, n_features).
        traces: the steps up to that age.
        scopes: the scopes of those steps, widest first.
        ages: events the session had, shape (n_rows,).
        who: agent and user of each.
        odds: logarithm of the odds that the session is another user's, NaN where users cannot be told apart.
    """

    deviations: np.ndarray
    traces: Sequence[Trace]
    scopes: Sequence[TraceScopes]
    ages: np.ndarray
    who: Sequence[Who]
    odds: np.ndarray

    def __len__(self) -> int:
        return len(self.ages)


@dataclass(frozen=True)
class FittedDetectors:
    """Everything that has seen the training sessions."""

    by_name: Mapping[str, FittedDetector]
    covariance: FittedCovariance
    extreme: FittedExtreme
    steps: StepEvidence
    words: VocabularyModel

    def raw(self, evidence: Evidence) -> dict[str, np.ndarray]:
        """Raw scores by detector, shape (n_rows,) each: higher is stranger, NaN where there is nothing to look at."""
        measures = self.steps.measure(evidence.traces, evidence.scopes)
        return {
            **{name: detector.score(evidence.deviations) for name, detector in self.by_name.items()},
            COVARIANCE: self.covariance.score(evidence.deviations),
            EXTREME: self.extreme.score(evidence.deviations),
            **{name: measures[:, column] for column, name in enumerate(MEASURES)},
            WORDS: self.words.measure(evidence.traces, evidence.who),
            WRONG_USER: evidence.odds,
        }

    def correlated(self, deviations: np.ndarray) -> np.ndarray:
        """Each feature's share of what the covariance says, shape (n_rows, n_features)."""
        return self.covariance.shares(deviations)

    def farthest(self, deviations: np.ndarray) -> np.ndarray:
        """The feature of each row that is farthest out, as a mask of shape (n_rows, n_features)."""
        return self.extreme.farthest(deviations)


def fit_detectors(detectors: tuple[Detector, ...], evidence: Evidence, seed: int) -> FittedDetectors:
    """Fit every detector on the same sessions."""
    return FittedDetectors(
        {detector.name: detector.fit(evidence.deviations, seed) for detector in detectors},
        fit_covariance(evidence.deviations),
        fit_extreme(evidence.deviations, seed),
        fit_step_evidence(evidence.traces, evidence.scopes, seed),
        fit_vocabulary(evidence.traces, evidence.who),
    )


@dataclass(frozen=True)
class EnsembleScores:
    """Scores of some rows.

    Attributes:
        joint: calibrated joint score, shape (n_rows,).
        raw: each detector's raw score, shape (n_rows,).
        detectors: each detector's calibrated score, shape (n_rows,).
        voices: each voice's part of the joint evidence, shape (n_rows,); they add up to it.
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
        voices = voices_of({name: self.calibrations[name].evidence(one, evidence.ages) for name, one in raw.items()})
        return EnsembleScores(
            self.joint.score(_sum(voices), evidence.ages),
            raw,
            {name: self.calibrations[name].score(values, evidence.ages) for name, values in raw.items()},
            voices,
        )

    def size_stories(self, evidence: Evidence) -> list[SizeStory | None]:
        """What the sizes of each row's steps say."""
        return self.detectors.steps.size_stories(evidence.traces, evidence.scopes)


@dataclass(frozen=True)
class HeldBack:
    """Raw scores of rows by detectors that did not see their sessions, with each row's age and kind."""

    raw: Mapping[str, np.ndarray]
    ages: np.ndarray
    is_final: np.ndarray


def calibrate(detectors: FittedDetectors, held_back: HeldBack) -> tuple[Ensemble, np.ndarray]:
    """Give fitted detectors the promise that held-back sessions allow.

    Returns:
        The ensemble, and the joint score of each held-back row among the others, shape (n_rows,).
    """
    buckets = age_bucket(held_back.ages)
    calibrations = {name: AgeCalibration.of(raw, buckets, held_back.is_final) for name, raw in held_back.raw.items()}
    evidence = {
        name: calibrations[name].own_evidence(raw, buckets, held_back.is_final) for name, raw in held_back.raw.items()
    }
    joint = _sum(voices_of(evidence))
    calibration = AgeCalibration.of(joint, buckets, held_back.is_final)
    return Ensemble(detectors, calibrations, calibration), calibration.own_score(joint, buckets, held_back.is_final)


def _sum(voices: Mapping[str, np.ndarray]) -> np.ndarray:
    return np.sum(list(voices.values()), axis=0)
