"""Clusters of behaviour: centres on unit vectors, with ids that survive retraining.

Spherical k-means: I. S. Dhillon, D. S. Modha, "Concept decompositions for large sparse text data using clustering",
Machine Learning 42, 2001.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

SAME_CLUSTER: Final = 0.85
"""Cosine similarity from which a new centre is the old cluster."""
AS_GOOD: Final = 1.03
"""Factor on the best inertia up to which a grouping that continues the previous one is preferred."""


@dataclass(frozen=True)
class Centres:
    """Centres of groups of sessions and the groups' ids.

    Attributes:
        vectors: unit vectors, shape (n_groups, n_columns).
        ids: stable across retraining.
    """

    vectors: np.ndarray
    ids: tuple[str, ...]

    def nearest(self, vectors: np.ndarray) -> np.ndarray:
        """Number of the nearest centre of each unit vector, shape (n_rows,)."""
        return np.argmax(vectors @ self.vectors.T, axis=1)


def fit_centres(vectors: np.ndarray, most: int, seed: int, previous: Centres | None) -> tuple[Centres, np.ndarray]:
    """Group unit vectors; returns the centres and the group of each vector, shape (n_rows,).

    The number of groups grows as the square root of that of the sessions, up to ``most``.
    """
    from sklearn.cluster import KMeans  # noqa: PLC0415 - only a fit needs it, and it is half of what a start would load

    count = int(np.clip(round((len(vectors) / 8) ** 0.5), 2, most))
    fitted = KMeans(n_clusters=count, n_init=4, random_state=seed).fit(vectors)
    if previous is not None and previous.vectors.shape == (count, vectors.shape[1]):
        again = KMeans(n_clusters=count, init=previous.vectors, n_init=1).fit(vectors)
        # Of two groupings that are about as good, the one people know.
        fitted = again if again.inertia_ <= fitted.inertia_ * AS_GOOD else fitted
    return named_centres(unit_vectors(fitted.cluster_centers_), "c", previous), fitted.labels_


def named_centres(vectors: np.ndarray, prefix: str, previous: Centres | None) -> Centres:
    """Centres with the ids of the previous ones that they match, each at most once; else with one made from themselves.

    The matching that is best as a whole (H. W. Kuhn, "The Hungarian method for the assignment problem", Naval Research
    Logistics Quarterly 2, 1955), of which only pairs that are alike enough count.
    """
    from scipy.optimize import linear_sum_assignment  # noqa: PLC0415 - only a fit needs it, and it is half of what a start would load

    ids = [f"{prefix}-{short_hash(np.round(centre, 2))}" for centre in vectors]
    if previous is not None and len(previous.ids) and previous.vectors.shape[1] == vectors.shape[1]:
        similarity = vectors @ previous.vectors.T
        for new, old in zip(*linear_sum_assignment(-similarity), strict=True):
            if similarity[new, old] >= SAME_CLUSTER:
                ids[new] = previous.ids[old]
    return Centres(vectors, _distinct(ids))


def _distinct(ids: Sequence[str]) -> tuple[str, ...]:
    """The ids, a repeated one with its number."""
    seen: Counter[str] = Counter()
    result = []
    for identifier in ids:
        seen[identifier] += 1
        result.append(identifier if seen[identifier] == 1 else f"{identifier}-{seen[identifier]}")
    return tuple(result)


def unit_vectors(deviations: np.ndarray) -> np.ndarray:
    """Deviations bounded at ±4, unknown ones as typical, scaled to unit length."""
    bounded = np.clip(np.nan_to_num(deviations, nan=0.0), -4.0, 4.0)
    return bounded / np.maximum(np.linalg.norm(bounded, axis=1, keepdims=True), 1e-9)


def short_hash(values: np.ndarray) -> str:
    """Six hexadecimal digits that stand for some numbers."""
    # Adding zero turns minus zero into zero: both must give one id.
    return hashlib.sha256((values + 0.0).astype("<f8").tobytes()).hexdigest()[:6]
