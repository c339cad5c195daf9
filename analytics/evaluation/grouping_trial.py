"""How stable groups of sessions are: k-means clusters, and the categories of DBSCAN and HDBSCAN."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from sklearn.metrics import adjusted_rand_score

from analytics.behaviour_clusters import Centres, fit_centres
from analytics.session_categories import dbscan, fit_categories, hdbscan

MOST_CLUSTERS: Final = 12
SEEN_FIRST: Final = 0.75
"""Share of the sessions, the earliest, that the first of two trainings sees; the second sees all."""


@dataclass(frozen=True)
class GroupingRow:
    """Figures of one way of grouping.

    Attributes:
        groups: found in all sessions.
        outside: share of the sessions that are in none.
        agreement: adjusted Rand index, over all sessions, of groupings learnt from two random halves.
        kept: share of the sessions in a group before and after a retraining whose group kept its id.
    """

    method: str
    sessions: int
    groups: int
    outside: float
    agreement: float
    kept: float


Fitted = tuple[Centres, Callable[[np.ndarray], np.ndarray]]
"""Centres with ids, and what gives each unit vector its group's number, negative for none."""


def _clusters(vectors: np.ndarray, seed: int, previous: Centres | None) -> Fitted:
    centres, _ = fit_centres(vectors, MOST_CLUSTERS, seed, previous)
    return centres, centres.nearest


def _by(grouping: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray, int, Centres | None], Fitted]:
    def fit(vectors: np.ndarray, seed: int, previous: Centres | None) -> Fitted:
        categories = fit_categories(vectors, seed, previous, grouping)
        return categories.centres, categories.labels_of

    return fit


METHODS: Final = {"k-means clusters": _clusters, "DBSCAN categories": _by(dbscan), "HDBSCAN categories": _by(hdbscan)}


def judge_groupings(vectors: np.ndarray, seed: int) -> list[GroupingRow]:
    """The figures of each method on unit vectors in order of time, shape (n_sessions, n_columns)."""
    half = np.random.default_rng(seed).permutation(len(vectors)) % 2 == 0
    rows = []
    for method, fit in METHODS.items():
        one, other = (fit(vectors[part], seed, None)[1](vectors) for part in (half, ~half))
        first, first_labels = fit(vectors[: int(SEEN_FIRST * len(vectors))], seed, None)
        second, second_labels = fit(vectors, seed, first)
        before, after = first_labels(vectors), second_labels(vectors)
        both = (before >= 0) & (after >= 0)
        same = [first.ids[b] == second.ids[a] for b, a in zip(before[both], after[both], strict=True)]
        rows.append(
            GroupingRow(
                method,
                len(vectors),
                len(second.ids),
                float((after < 0).mean()),
                float(adjusted_rand_score(one, other)),
                float(np.mean(same)) if same else float("nan"),
            )
        )
    return rows
