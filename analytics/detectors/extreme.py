"""The single feature that is farthest out: strange is also who differs in one thing only.

Each feature's chance is empirical, the share of training rows at least as far out on that side; a session is as strange
as its least likely feature. Distances over all features hardly hear it, because the ordinary ones drown it.

Sources: Z. Li, Y. Zhao, X. Hu, N. Botta, C. Ionescu, G. H. Chen, "ECOD: Unsupervised Outlier Detection Using Empirical
Cumulative Distribution Functions", IEEE TKDE 35, 2022, for the tails, there added up; L. H. C. Tippett, "The Methods of
Statistics", 1931, for taking the least chance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from analytics.detectors import sampled

MOST_ROWS: Final = 4_000
"""Training rows kept; the model's size grows with them."""
_LEAST_SPREAD: Final = 0.03
"""Of a column, in standard deviations: one that never varied must not make any change infinitely strange."""


@dataclass(frozen=True)
class FittedExtreme:
    """The training rows, each column sorted, shape (n_columns, n), and how far they spread, shape (n_columns,)."""

    columns: np.ndarray
    spread: np.ndarray

    def score(self, rows: np.ndarray) -> np.ndarray:
        """Raw scores, shape (n_rows,): orders of magnitude of the least likely column's chance."""
        return np.asarray(self.strangeness(rows).max(axis=1))

    def strangeness(self, rows: np.ndarray) -> np.ndarray:
        """Of each column, shape of ``rows``; beyond all training rows it grows with the logarithm of the excess."""
        count = self.columns.shape[1]
        order = np.argsort(rows.T, axis=1)  # numbers that come in order are found several times as fast
        wanted = np.take_along_axis(rows.T, order, axis=1)
        least = np.empty(wanted.shape)
        for column, numbers, found in zip(self.columns, wanted, least, strict=True):
            below, above = column.searchsorted(numbers, side="right"), count - column.searchsorted(numbers)
            np.minimum(below, above, out=found)
        fewer = np.empty(rows.shape)
        np.put_along_axis(fewer.T, order, least, axis=1)
        chance = (fewer + 1.0) / (count + 1.0)
        outside = np.maximum(np.maximum(rows - self.columns[:, -1], self.columns[:, 0] - rows), 0.0)
        return np.asarray(-np.log10(chance) + np.log1p(outside / self.spread))


def fit_extreme(rows: np.ndarray, seed: int) -> FittedExtreme:
    """Fit on a sample of the rows."""
    kept = sampled(rows, MOST_ROWS, seed)
    return FittedExtreme(np.sort(kept.T, axis=1), np.maximum(kept.std(axis=0), _LEAST_SPREAD))
