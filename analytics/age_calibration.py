"""Calibration at a session's age: a running session is compared with what others were like when they were as old."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from analytics.calibration import Calibration
from analytics.sessions import CHECKPOINTS

LEAST_IN_BUCKET: Final = 30
"""Held-back rows below which an age bucket has no calibration of its own."""
_YOUNGEST: Final = int(np.log2(CHECKPOINTS[0])) - 1
_OLDEST: Final = int(np.log2(CHECKPOINTS[-1]))
_Scale = Callable[[Calibration, np.ndarray], np.ndarray]


def age_bucket(ages: np.ndarray) -> np.ndarray:
    """The age bucket of each age: the nearest checkpoint, by the base-2 logarithm.

    The nearest, not the last one passed: else most rows of a bucket would be younger than the sessions they judge, and
    long sessions would look strange for their length.
    """
    exponent = np.rint(np.log2(np.maximum(ages, 1))).astype(np.int64)
    return np.clip(exponent, _YOUNGEST, _OLDEST)


def bucket_of(age: int) -> int:
    """The age bucket of one age, at a fraction of the cost of an array of one.

    An age whose square has 2k or 2k + 1 binary digits lies between 2^(k - 1/2) and 2^(k + 1/2).
    """
    return min(max((age * age).bit_length() // 2, _YOUNGEST), _OLDEST)


@dataclass(frozen=True)
class AgeCalibration:
    """A calibration for each age bucket with enough held-back rows, and one for the rest, from all final rows.

    The ages that few sessions reach share one bucket: among all final rows a long session would look strange for its
    length. A raw score of NaN says that there was nothing to look at; it has no evidence and no part in a calibration.
    Where too few rows are known, ``rest`` is None and nothing is said either.

    Attributes:
        buckets: by age bucket.
        rest: for buckets without enough rows; None where nothing is said.
        oldest: bucket that older ages belong to as well.
    """

    buckets: Mapping[int, Calibration]
    rest: Calibration | None
    oldest: int

    @classmethod
    def of(cls, raw: np.ndarray, buckets: np.ndarray, is_final: np.ndarray) -> AgeCalibration:
        """Calibrate on raw scores of held-back rows, shape (n_rows,) each."""
        known = ~np.isnan(raw)
        oldest = _oldest_with_enough(buckets[known])
        merged = np.minimum(buckets, oldest)
        found, counts = np.unique(merged[known], return_counts=True)
        enough = found[counts >= LEAST_IN_BUCKET]
        finals = raw[known & is_final]
        return cls(
            {int(bucket): Calibration.of(raw[known & (merged == bucket)]) for bucket in enough},
            Calibration.of(finals) if len(finals) >= min(LEAST_IN_BUCKET, int(is_final.sum())) else None,
            oldest,
        )

    def score(self, raw: np.ndarray, ages: np.ndarray) -> np.ndarray:
        """Calibrated scores, shape (n_rows,)."""
        result = np.zeros(len(raw))
        for calibration, rows in self._parts(raw, age_bucket(ages)):
            result[rows] = calibration.score(raw[rows])
        return result

    def evidence(self, raw: np.ndarray, ages: np.ndarray) -> np.ndarray:
        """Evidence that adds up over detectors, shape (n_rows,)."""
        result = np.zeros(len(raw))
        for calibration, rows in self._parts(raw, age_bucket(ages)):
            result[rows] = calibration.evidence(raw[rows])
        return result

    def own_evidence(self, raw: np.ndarray, buckets: np.ndarray, is_final: np.ndarray) -> np.ndarray:
        """Evidence of the very rows that were calibrated on, each among the others, shape (n_rows,)."""
        return self._among_others(raw, buckets, is_final, (Calibration.own_evidence, Calibration.evidence))

    def own_score(self, raw: np.ndarray, buckets: np.ndarray, is_final: np.ndarray) -> np.ndarray:
        """Calibrated scores of the very rows that were calibrated on, each among the others, shape (n_rows,)."""
        return self._among_others(raw, buckets, is_final, (Calibration.own_score, Calibration.score))

    def ground(self, age: int) -> int:
        """Held-back sessions that a score at this age stands on."""
        at = self._at(age)
        return 0 if at is None else len(at)

    def usual(self, age: int) -> float:
        """The raw score that 95 % of the held-back sessions of this age do not exceed; 0 where nothing is known."""
        at = self._at(age)
        return 0.0 if at is None else at.usual

    def _at(self, age: int) -> Calibration | None:
        return self.buckets.get(min(bucket_of(age), self.oldest), self.rest)

    def _among_others(
        self, raw: np.ndarray, buckets: np.ndarray, is_final: np.ndarray, own_and_other: tuple[_Scale, _Scale]
    ) -> np.ndarray:
        """Rows that were calibrated on by the first scale; those that are judged by others' by the second."""
        own, other = own_and_other
        result = np.zeros(len(raw))
        for calibration, rows in self._parts(raw, buckets):
            is_own = is_final[rows] | (calibration is not self.rest)
            result[rows] = np.where(is_own, own(calibration, raw[rows]), other(calibration, raw[rows]))
        return result

    def _parts(self, raw: np.ndarray, buckets: np.ndarray) -> Iterator[tuple[Calibration, np.ndarray]]:
        known, merged = ~np.isnan(raw), np.minimum(buckets, self.oldest)
        for bucket in np.unique(merged[known]):
            calibration = self.buckets.get(int(bucket), self.rest)
            if calibration is not None:
                yield calibration, np.flatnonzero(known & (merged == bucket))


def _oldest_with_enough(buckets: np.ndarray) -> int:
    """The oldest bucket that has enough rows together with all older ones; the very oldest where none has."""
    for bucket in range(_OLDEST, _YOUNGEST - 1, -1):
        if (buckets >= bucket).sum() >= LEAST_IN_BUCKET:
            return bucket
    return _OLDEST
