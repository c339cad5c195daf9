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
from analytics.blas_threads import one_blas_thread
from analytics.detectors import Detector, FittedDetector
from analytics.detectors.covariance import FittedCovariance, fit_covariance
from analytics.detectors.extreme import FittedExtreme, fit_extreme
from analytics.step_evidence import SeenSteps, StepEvidence, TraceScope, fit_step_evidence
from analytics.step_measures import MEASURES
from analytics.traces import Trace
from analytics.vocabulary_model import VocabularyModel, fit_vocabulary
from analytics.voices import BURST, COVARIANCE, EXTREME, WORDS, WRONG_USER, added_up, voices_of

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
class Seen:
    """What the detectors see in some rows.

    Attributes:
        raw: raw scores by detector, shape (n_rows,) each: higher is stranger, NaN where there is nothing to look at.
        steps: what the steps tell.
        farthest: the feature that is farthest out, by number, shape (n_rows,).
    """

    raw: dict[str, np.ndarray]
    steps: SeenSteps
    farthest: np.ndarray


@dataclass(frozen=True)
class FittedDetectors:
    """Everything that has seen the training sessions."""

    by_name: Mapping[str, FittedDetector]
    covariance: FittedCovariance
    extreme: FittedExtreme
    steps: StepEvidence
    words: VocabularyModel

    def raw(self, evidence: Evidence) -> dict[str, np.ndarray]:
        """Raw scores by detector, as in ``Seen``."""
        return self.look(evidence).raw

    def look(self, evidence: Evidence) -> Seen:
        """Look at some rows."""
        steps = self.steps.look(evidence.traces, evidence.scopes)
        novelty = self.words.measure(evidence.traces, evidence.who)
        strangeness = self.extreme.strangeness(evidence.deviations)
        with one_blas_thread():
            named = {name: detector.score(evidence.deviations) for name, detector in self.by_name.items()}
        raw = {
            **named,
            COVARIANCE: self.covariance.score(evidence.deviations),
            EXTREME: strangeness.max(axis=1),
            **{name: steps.measures.values[:, column] for column, name in enumerate(MEASURES)},
            WORDS: novelty.words,
            BURST: novelty.burst,
            WRONG_USER: evidence.odds,
        }
        return Seen(raw, steps, strangeness.argmax(axis=1))

    def correlated(self, deviations: np.ndarray) -> np.ndarray:
        """Each feature's share of what the covariance says, shape (n_rows, n_features)."""
        return self.covariance.shares(deviations)


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
        seen: what the detectors saw, their raw scores among it.
        detectors: each detector's calibrated score, shape (n_rows,).
        voices: each voice's part of the joint evidence, shape (n_rows,); they add up to it.
    """

    joint: np.ndarray
    seen: Seen
    detectors: Mapping[str, np.ndarray]
    voices: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Ensemble:
    """Fitted detectors with their calibrations."""

    detectors: FittedDetectors
    calibrations: Mapping[str, AgeCalibration]
    joint: AgeCalibration

    def score(self, evidence: Evidence) -> EnsembleScores:
        """Judge rows, at least one, at their ages."""
        seen, ages = self.detectors.look(evidence), evidence.ages
        voices = voices_of({name: self.calibrations[name].evidence(raw, ages) for name, raw in seen.raw.items()})
        return EnsembleScores(
            self.joint.score(added_up(voices), ages),
            seen,
            {name: self.calibrations[name].score(raw, ages) for name, raw in seen.raw.items()},
            voices,
        )

    def usual(self, detector: str, ages: np.ndarray) -> np.ndarray:
        """The raw score that most sessions of each age do not exceed, shape (n_rows,)."""
        distinct, row = np.unique(ages, return_inverse=True)
        return np.array([self.calibrations[detector].usual(age) for age in distinct.tolist()])[row]


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
    joint = added_up(voices_of(evidence))
    calibration = AgeCalibration.of(joint, buckets, held_back.is_final)
    return Ensemble(detectors, calibrations, calibration), calibration.own_score(joint, buckets, held_back.is_final)
