"""Mahalanobis distance with a shrunk covariance: strange is what breaks the bonds between the columns.

Tool calls and tokens rise together; a session with many of the one and few of the other is strange although neither
number is. Source: O. Ledoit, M. Wolf, "A well-conditioned estimator for large-dimensional covariance matrices",
Journal of Multivariate Analysis 88, 2004.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

_LEAST_VARIANCE: Final = 1e-3
"""Added to each variance: a column that never varied must not make any change infinitely strange."""


@dataclass(frozen=True)
class FittedCovariance:
    """Mean, shape (n_columns,), and a root of the precision matrix, shape (n_columns, n_columns)."""

    mean: np.ndarray
    whitening: np.ndarray

    def score(self, rows: np.ndarray) -> np.ndarray:
        """Raw scores: distance from the mean in standard deviations of uncorrelated directions."""
        return np.linalg.norm(_times(rows - self.mean, self.whitening), axis=1)

    def shares(self, rows: np.ndarray) -> np.ndarray:
        """Each column's share of the squared distance, shape of ``rows``, each row adding up to 1.

        The squared distance is a sum over columns of deviation times what is left of it when the others are known; a
        column that its neighbours explain can have a negative term, which counts as none.
        """
        centred = rows - self.mean
        terms = np.maximum(centred * _times(centred, self.whitening @ self.whitening.T), 0.0)
        return np.asarray(terms / np.maximum(terms.sum(axis=1, keepdims=True), 1e-12))


def _times(rows: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """The matrix product, each row the same whatever rows stand beside it, which BLAS does not promise."""
    return np.asarray(np.einsum("ij,jk->ik", rows, matrix, optimize=False))


def fit_covariance(rows: np.ndarray) -> FittedCovariance:
    """Fit on all rows."""
    from sklearn.covariance import ledoit_wolf  # noqa: PLC0415 - only a fit needs it, and it is half of what a start would load

    shrunk, _ = ledoit_wolf(rows)
    values, directions = np.linalg.eigh(shrunk + _LEAST_VARIANCE * np.eye(rows.shape[1]))
    return FittedCovariance(rows.mean(axis=0), directions / np.sqrt(values))
