"""DBSCAN as a detector: strange rows are far from every dense core of ordinary ones.

Source: M. Ester, H.-P. Kriegel, J. Sander, X. Xu, "A Density-Based Algorithm for Discovering Clusters in Large
Spatial Databases with Noise", KDD 1996. DBSCAN cannot predict, so a new row's score is its distance to the nearest
core row over ``eps``: above 1 it would be noise. ``eps`` is read off the bend of the k-distance curve, found as the
point farthest from the chord (V. Satopää et al., "Finding a 'Kneedle' in a Haystack", ICDCS Workshops 2011).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from analytics.detectors import Detector, sampled
from analytics.detectors.neighbours import nearest

MOST_ROWS: Final = 4_000
"""Training rows kept; the cost of a fit grows with their square."""
VARIANCE_KEPT: Final = 0.9
"""Share of the variance that PCA keeps: distances in many noisy dimensions all look alike."""


@dataclass(frozen=True)
class FittedDbscan:
    """The core rows, in the space of the principal components, and the radius around them.

    Attributes:
        mean: of the training rows, shape (n_columns,).
        components: shape (n_columns, n_components).
        cores: shape (n_cores, n_components).
        eps: the radius.
        clusters: how many were found.
    """

    mean: np.ndarray
    components: np.ndarray
    cores: np.ndarray
    eps: float
    clusters: int

    def score(self, rows: np.ndarray) -> np.ndarray:
        """Distance to the nearest core row over ``eps``: up to 1 inside a cluster, above it noise."""
        distances, _ = nearest(rows @ self.components - self.mean @ self.components, self.cores, 1)
        return np.asarray(distances[:, 0] / self.eps)


def fit_dbscan(rows: np.ndarray, seed: int, *, minimum_samples: int) -> FittedDbscan:
    """Reduce, find ``eps``, cluster, and keep the core rows."""
    from sklearn.cluster import DBSCAN  # noqa: PLC0415 - only a fit needs it, and it is half of what a start would load
    from sklearn.decomposition import PCA  # noqa: PLC0415 - as above
    from sklearn.neighbors import NearestNeighbors  # noqa: PLC0415 - as above

    kept = sampled(rows, MOST_ROWS, seed)
    # Noise far below any real difference, or rows that are all alike would leave PCA without variance.
    kept = kept + np.random.default_rng(seed).normal(0.0, 1e-3, kept.shape)
    pca = PCA(n_components=VARIANCE_KEPT, svd_solver="full").fit(kept)
    points = pca.transform(kept)
    neighbours = max(1, min(minimum_samples, len(points) - 1))
    distances, _ = NearestNeighbors(n_neighbors=neighbours + 1).fit(points).kneighbors(points)
    eps = max(bend(np.sort(distances[:, -1])), 1e-6)
    clustering = DBSCAN(eps=eps, min_samples=neighbours).fit(points)
    cores = points[clustering.core_sample_indices_]
    # Without a single dense place every row is as good a core as any other.
    cores = cores if len(cores) else points
    return FittedDbscan(pca.mean_, pca.components_.T, cores, float(eps), len(set(clustering.labels_) - {-1}))


def bend(curve: np.ndarray) -> float:
    """The value at the bend of a rising curve: the point farthest below the chord from its first to its last."""
    if len(curve) < 3 or curve[-1] <= curve[0]:
        return float(curve[-1])
    position = np.linspace(0.0, 1.0, len(curve))
    height = (curve - curve[0]) / (curve[-1] - curve[0])
    return float(curve[int(np.argmax(position - height))])


def dbscan(minimum_samples: int = 5) -> Detector:
    """The detector with the number of rows that make a place dense."""
    return Detector("dbscan", partial(fit_dbscan, minimum_samples=minimum_samples))
