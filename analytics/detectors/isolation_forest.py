"""Isolation Forest: strange rows are isolated by few random cuts.

Source: F. T. Liu, K. M. Ting, Z.-H. Zhou, "Isolation Forest", ICDM 2008.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from sklearn.ensemble import IsolationForest

from analytics.detectors import Detector


@dataclass(frozen=True)
class FittedIsolationForest:
    """A fitted forest."""

    forest: IsolationForest

    def score(self, rows: np.ndarray) -> np.ndarray:
        """Raw scores in 0…1; scikit-learn's ``score_samples`` is lower for stranger rows, so its sign is turned."""
        return -np.asarray(self.forest.score_samples(rows))


def fit_isolation_forest(rows: np.ndarray, seed: int, *, trees: int, contamination: float) -> FittedIsolationForest:
    """Fit a forest; each tree sees 256 rows at most, as the authors advise."""
    forest = IsolationForest(n_estimators=trees, contamination=contamination, random_state=seed)
    return FittedIsolationForest(forest.fit(rows))


def isolation_forest(trees: int = 200, contamination: float = 0.1) -> Detector:
    """The detector with its settings; ``contamination`` is the expected share of strange training rows."""
    return Detector("isolation_forest", partial(fit_isolation_forest, trees=trees, contamination=contamination))
