"""From raw scores to a promise: conformal calibration on sessions that the detectors did not see.

A calibrated score ``a`` says: of healthy sessions like those calibrated on, at most a share of ``1 - a`` scores
higher. It is one minus the conformal p-value (V. Vovk, A. Gammerman, G. Shafer, "Algorithmic Learning in a Random
World", 2005; for outliers S. Bates et al., "Testing for Outliers with Conformal p-values", Annals of Statistics
2023), made continuous: within the step between two neighbouring calibration scores the value rises with the raw
score but never above the step, so that the promise holds and no ranking is lost, not even beyond the largest
calibration score.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True)
class Calibration:
    """Sorted raw scores of held-back sessions, shape (n,)."""

    raw_scores: np.ndarray

    @classmethod
    def of(cls, raw_scores: np.ndarray) -> Calibration:
        """Calibrate on the raw scores of held-back sessions."""
        if not len(raw_scores):
            raise ValueError("calibration needs at least one held-back session")
        return cls(np.sort(np.asarray(raw_scores, dtype=float)))

    def __len__(self) -> int:
        return len(self.raw_scores)

    @cached_property
    def usual(self) -> float:
        """The raw score that 95 % of the held-back sessions do not exceed."""
        return float(np.quantile(self.raw_scores, 0.95))

    def score(self, raw: np.ndarray) -> np.ndarray:
        """Calibrated scores of raw scores, shape (n_rows,): rising in the raw score, at most n / (n + 1)."""
        held, count = self.raw_scores, len(self.raw_scores)
        below = np.searchsorted(held, raw, side="left")
        low = held[np.maximum(below - 1, 0)]
        high = held[np.minimum(below, count - 1)]
        spread = max(float(held[-1] - held[0]), 1e-9)
        inside = np.divide(raw - low, high - low, out=np.ones(len(raw)), where=high > low)
        # Logarithmic, so that even absurd raw scores keep their order within the last step.
        excess = np.log1p(np.maximum(raw - held[-1], 0.0) / spread)
        beyond = 1.0 - 1.0 / (1.0 + excess)
        fraction = np.where(below == count, beyond, np.clip(inside, 0.0, 1.0))
        return np.where(below == 0, 0.0, (below - 1 + fraction) / (count + 1))

    def evidence(self, raw: np.ndarray) -> np.ndarray:
        """Raw scores as evidence that adds up over detectors, shape (n_rows,): rising in the raw score.

        Orders of magnitude of the conformal p-value; beyond the largest calibration score, where that says no more,
        the excess in spreads of the calibration scores, as a logarithm.
        """
        held, count = self.raw_scores, len(self.raw_scores)
        below = np.searchsorted(held, raw, side="left")
        spread = max(float(held.std()), 1e-9)
        excess = np.log1p(np.maximum(raw - held[-1], 0.0) / spread)
        return -np.log10(1.0 - below / (count + 1)) + excess

    def own_evidence(self, raw: np.ndarray) -> np.ndarray:
        """Evidence of calibration scores themselves, each among the others, shape (n_rows,).

        The greatest has an excess over the second greatest. Without it rows that are judged would look stranger than
        those the joint promise is made on.
        """
        held, count = self.raw_scores, len(self.raw_scores)
        if count == 1:
            return np.zeros(len(raw))
        below = np.minimum(np.searchsorted(held, raw, side="left"), count - 1)
        excess = np.log1p((held[-1] - held[-2]) / max(float(held.std()), 1e-9))
        return -np.log10(1.0 - below / count) + np.where(raw == held[-1], excess, 0.0)

    def own_score(self, raw: np.ndarray) -> np.ndarray:
        """Calibrated scores of calibration scores themselves, each among the others, shape (n_rows,)."""
        held, count = self.raw_scores, len(self.raw_scores)
        if count == 1:
            return np.zeros(len(raw))
        below = np.searchsorted(held, raw, side="left")
        low, high = held[np.maximum(below - 1, 0)], held[np.minimum(below + 1, count - 1)]
        inside = np.divide(raw - low, high - low, out=np.ones(len(raw)), where=high > low)
        among = np.where(below == 0, 0.0, (below - 1 + inside) / count)
        return np.where(below == count - 1, Calibration(held[:-1]).score(held[-1:]), among)


def surprise(score: np.ndarray) -> np.ndarray:
    """Calibrated scores as orders of magnitude: 0.9 is 1, 0.99 is 2. Bounded at 12."""
    return -np.log10(np.maximum(1.0 - score, 1e-12))
