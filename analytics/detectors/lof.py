"""Local Outlier Factor: strange rows lie in thinner neighbourhoods than their neighbours do.

Source: M. M. Breunig, H.-P. Kriegel, R. T. Ng, J. Sander, "LOF: Identifying Density-Based Local Outliers",
SIGMOD 2000. Used as novelty detection: new rows are compared with the training rows only.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from analytics.detectors import Detector, sampled
from analytics.detectors.neighbours import nearest

MOST_ROWS: Final = 4_000
"""Training rows kept; the cost of a score grows with them."""


@dataclass(frozen=True)
class FittedLof:
    """The training rows, shape (n, n_columns), how far each reaches and how dense its neighbourhood is, shape (n,)."""

    rows: np.ndarray
    reach: np.ndarray
    density: np.ndarray
    neighbours: int

    def score(self, rows: np.ndarray) -> np.ndarray:
        """Raw scores, about 1 for ordinary rows, higher for stranger ones: scikit-learn's with the sign turned."""
        distances, positions = nearest(rows, self.rows, self.neighbours)
        reachability = np.maximum(distances, self.reach[positions]).mean(axis=1)
        # The same tiny number as scikit-learn's keeps identical rows from an infinite density.
        return self.density[positions].mean(axis=1) * (reachability + 1e-10)


def fit_lof(rows: np.ndarray, seed: int, *, neighbours: int) -> FittedLof:
    """Fit on a sample; identical rows are set apart by noise far below any real difference.

    Many identical rows would have infinite density, and every other row an infinite score.
    """
    from sklearn.neighbors import NearestNeighbors  # noqa: PLC0415 - only a fit needs it, and it is half of what a start would load

    kept = sampled(rows, MOST_ROWS, seed)
    jittered = kept + np.random.default_rng(seed).normal(0.0, 1e-3, kept.shape)
    count = max(1, min(neighbours, len(kept) - 1))
    distances, positions = NearestNeighbors(n_neighbors=count).fit(jittered).kneighbors()
    reach = distances[:, -1]
    density = 1.0 / (np.maximum(distances, reach[positions]).mean(axis=1) + 1e-10)
    return FittedLof(jittered, reach, density, count)


def local_outlier_factor(neighbours: int = 20) -> Detector:
    """The detector with its number of neighbours."""
    return Detector("lof", partial(fit_lof, neighbours=neighbours))
