"""Several detectors, one verdict: fitted, calibrated on sessions they did not see, and joined.

Calibration is cross-conformal (V. Vovk, "Cross-conformal predictors", Annals of Mathematics and Artificial
Intelligence 74, 2015): every session is scored by detectors fitted on the other folds, and those raw scores are the
calibration sample of the detectors fitted on all. Each age bucket has its own sample, in which a session stands once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from analytics.calibration import Calibration, surprise
from analytics.detectors import Detector, FittedDetector
from analytics.sessions import CHECKPOINTS

LEAST_IN_BUCKET: Final = 30
"""Held-back rows below which an age bucket is judged by all final rows instead."""


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
        buckets = age_bucket(ages)
        result = self.rest.score(raw)
        for bucket in np.unique(buckets):
            calibration = self.buckets.get(int(bucket))
            if calibration is not None:
                rows = buckets == bucket
                result[rows] = calibration.score(raw[rows])
        return result

    def ground(self, age: int) -> int:
        """Held-back sessions that a score at this age stands on."""
        return len(self.buckets.get(int(age_bucket(np.array([age]))[0]), self.rest))


@dataclass(frozen=True)
class EnsembleScores:
    """Calibrated scores of some rows: the joint one and each detector's, shape (n_rows,) each."""

    joint: np.ndarray
    detectors: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Ensemble:
    """Fitted detectors with their calibrations."""

    detectors: Mapping[str, FittedDetector]
    calibrations: Mapping[str, AgeCalibration]
    joint: AgeCalibration

    def score(self, rows: np.ndarray, ages: np.ndarray) -> EnsembleScores:
        """Judge standardised rows of shape (n_rows, n_features) at their ages."""
        if not len(rows):
            return EnsembleScores(np.zeros(0), {name: np.zeros(0) for name in self.detectors})
        each = {
            name: self.calibrations[name].score(detector.score(rows), ages) for name, detector in self.detectors.items()
        }
        return EnsembleScores(self.joint.score(_join(each), ages), each)


def _join(each: Mapping[str, np.ndarray]) -> np.ndarray:
    """The detectors' joint raw score: their mean surprise, as in Fisher's way to join p-values."""
    return np.mean([surprise(scores) for scores in each.values()], axis=0)


@dataclass(frozen=True)
class HeldBack:
    """Raw scores of rows by detectors that did not see their sessions, with each row's age and kind."""

    raw: Mapping[str, np.ndarray]
    ages: np.ndarray
    is_final: np.ndarray


def calibrate(detectors: Mapping[str, FittedDetector], held_back: HeldBack) -> Ensemble:
    """Give fitted detectors the promise that held-back sessions allow."""
    buckets = age_bucket(held_back.ages)
    calibrations = {name: AgeCalibration.of(raw, buckets, held_back.is_final) for name, raw in held_back.raw.items()}
    each = {name: calibrations[name].score(raw, held_back.ages) for name, raw in held_back.raw.items()}
    return Ensemble(detectors, calibrations, AgeCalibration.of(_join(each), buckets, held_back.is_final))


def fit_detectors(detectors: tuple[Detector, ...], rows: np.ndarray, seed: int) -> dict[str, FittedDetector]:
    """Fit each detector on the same rows."""
    return {detector.name: detector.fit(rows, seed) for detector in detectors}
