"""Session categories: dense groups of alike sessions, and sessions that are in none.

HDBSCAN (R. J. G. B. Campello, D. Moulavi, J. Sander, "Density-Based Clustering Based on Hierarchical Density
Estimates", PAKDD 2013) finds groups of different densities and leaves out what lies between them; k-means, beside it,
gives every session a cluster. It runs on the main components of the fingerprint's unit vectors, since density means
little in dozens of dimensions. It has no predict: a new session belongs to the category of the nearest member, when
it lies as near as the category's own members lie to each other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from scipy.spatial import KDTree

from analytics.behaviour_clusters import Centres, named_centres, unit_vectors
from analytics.detectors.dbscan import bend

COMPONENTS: Final = 8
MOST_SESSIONS: Final = 2_000
"""Sessions the categories are found in; of more, a sample. HDBSCAN's cost grows with their square."""
NEIGHBOURS: Final = 3
"""Neighbours within reach that make a place dense."""
REACH: Final = 0.95
"""Share of a category's members that lie within its reach of another member."""
NONE: Final = -1
"""Label of a session that is in no category, scikit-learn's."""

Grouping = Callable[[np.ndarray], np.ndarray]
"""Gives each point, shape (n_rows, n_components), its group's number or NONE."""


@dataclass(frozen=True)
class Categories:
    """Categories found in training sessions.

    Attributes:
        middle: of the unit vectors, shape (n_columns,).
        components: shape (n_columns, n_components).
        members: projected training sessions that are in a category, shape (n_members, n_components).
        labels: number of each one's category, shape (n_members,).
        reach: greatest distance from a member at which a session is in its category, shape (n_categories,).
        centres: of the categories, with their ids.
    """

    middle: np.ndarray
    components: np.ndarray
    members: np.ndarray
    labels: np.ndarray
    reach: np.ndarray
    centres: Centres

    def labels_of(self, vectors: np.ndarray) -> np.ndarray:
        """Number of each unit vector's category, NONE where it is in none, shape (n_rows,)."""
        if not len(self.members) or not len(vectors):
            return np.full(len(vectors), NONE)
        points = (vectors - self.middle) @ self.components
        distance, nearest = _neighbours(self._tree, points, 1)
        label = self.labels[nearest]
        return np.where(distance <= self.reach[label], label, NONE)

    @cached_property
    def _tree(self) -> KDTree:
        return KDTree(self.members)


def hdbscan(points: np.ndarray) -> np.ndarray:
    """Groups of at least a fortieth of the sessions, eight at least: so there are at most forty."""
    from sklearn.cluster import HDBSCAN  # noqa: PLC0415 - only a fit needs it, and it is half of what a start would load

    least = max(8, len(points) // 40)
    return HDBSCAN(min_cluster_size=least, min_samples=NEIGHBOURS, copy=True).fit_predict(points)


def dbscan(points: np.ndarray) -> np.ndarray:
    """Groups of one density, read off the bend of the k-distance curve; small ones are left out."""
    from sklearn.cluster import DBSCAN  # noqa: PLC0415 - only a fit needs it, and it is half of what a start would load

    least = max(8, len(points) // 40)
    distance = np.sort(_neighbours(KDTree(points), points, NEIGHBOURS + 1)[0])
    labels = DBSCAN(eps=max(bend(distance), 1e-9), min_samples=NEIGHBOURS + 1).fit_predict(points)
    sizes = np.bincount(labels[labels >= 0], minlength=1)
    kept = np.flatnonzero(sizes >= least)
    place = np.full(len(sizes), NONE)
    place[kept] = np.arange(len(kept))
    return np.where(labels >= 0, place[labels], NONE)


def fit_categories(
    vectors: np.ndarray, seed: int, previous: Centres | None = None, grouping: Grouping = hdbscan
) -> Categories:
    """Find the categories of some unit vectors, shape (n_rows, n_columns), n_rows at least 1.

    Args:
        vectors: of the training sessions.
        seed: of the sample.
        previous: centres of the categories that these replace, whose ids are kept where they match.
        grouping: how dense groups are found.
    """
    from sklearn.decomposition import PCA  # noqa: PLC0415 - only a fit needs it, and it is half of what a start would load

    rng = np.random.default_rng(seed)
    some = len(vectors) <= MOST_SESSIONS
    sample = vectors if some else vectors[np.sort(rng.choice(len(vectors), MOST_SESSIONS, replace=False))]
    with np.errstate(invalid="ignore"):  # sessions that are all alike have no variance to share out
        pca = PCA(n_components=min(COMPONENTS, *sample.shape), svd_solver="full").fit(sample)
    components = pca.components_.T
    points = (sample - pca.mean_) @ components
    labels = grouping(points)
    inside = labels >= 0
    numbers = range(int(labels.max(initial=NONE)) + 1)
    centres = np.array([sample[labels == number].mean(axis=0) for number in numbers]).reshape(-1, sample.shape[1])
    reach = np.array([_reach(points[labels == number]) for number in numbers])
    named = named_centres(unit_vectors(centres), "k", previous)
    return Categories(pca.mean_, components, points[inside], labels[inside], reach, named)


def _reach(points: np.ndarray) -> float:
    """Distance within which REACH of a category's members have another member."""
    return float(np.quantile(_neighbours(KDTree(points), points, 2)[0], REACH))


def _neighbours(members: KDTree, points: np.ndarray, rank: int) -> tuple[np.ndarray, np.ndarray]:
    """Distance to the ``rank``-th nearest member (the last of fewer) and its number, shape (n_points,) each.

    A tree's answers for a point do not depend on what else is asked.
    """
    distance, number = members.query(points, k=[min(rank, members.n)])
    return np.asarray(distance)[:, 0], np.asarray(number)[:, 0]
