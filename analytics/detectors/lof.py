"""Local Outlier Factor: strange rows lie in thinner neighbourhoods than their neighbours do.

Source: M. M. Breunig, H.-P. Kriegel, R. T. Ng, J. Sander, "LOF: Identifying Density-Based Local Outliers",
SIGMOD 2000. Used as novelty detection: new rows are compared with the training rows only.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
from sklearn.neighbors import LocalOutlierFactor

from analytics.detectors import Detector, sampled

MOST_ROWS: Final = 4_000
"""Training rows kept; the cost of a score grows with them."""


@dataclass(frozen=True)
class FittedLof:
    """A fitted LOF."""

    lof: LocalOutlierFactor

    def score(self, rows: np.ndarray) -> np.ndarray:
        """Raw scores, about 1 for ordinary rows, higher for stranger ones (scikit-learn's sign turned)."""
        return -np.asarray(self.lof.score_samples(rows))


def fit_lof(rows: np.ndarray, seed: int, *, neighbours: int) -> FittedLof:
    """Fit on a sample; identical rows are set apart by noise far below any real difference.

    Many identical rows would have infinite density, and every other row an infinite score.
    """
    kept = sampled(rows, MOST_ROWS, seed)
    jittered = kept + np.random.default_rng(seed).normal(0.0, 1e-3, kept.shape)
    lof = LocalOutlierFactor(n_neighbors=max(1, min(neighbours, len(kept) - 1)), novelty=True)
    return FittedLof(lof.fit(jittered))


def local_outlier_factor(neighbours: int = 20) -> Detector:
    """The detector with its number of neighbours."""
    return Detector("lof", partial(fit_lof, neighbours=neighbours))
