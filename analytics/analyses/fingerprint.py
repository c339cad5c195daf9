"""Fingerprint: a session's behaviour as a normalised vector, its cluster, and its distance from its own history.

The vector holds the standardised behavioural features (tool mix, patterns, sequence, pace, sizes), scaled to unit
length, so that two sessions are compared by the shape of their behaviour and not by how far they stray. Clusters are
k-means centres on those unit vectors (spherical k-means: I. S. Dhillon, D. S. Modha, "Concept decompositions for
large sparse text data using clustering", Machine Learning 42, 2001). A cluster keeps its id across retraining when
its centre hardly moved.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans

from analytics.analysis import Analysis, AnalysisResult, History, MetricSpec, NotEnoughData, SessionRows
from analytics.baseline import Scope, Who, scopes_of, to_model_space
from analytics.features import FEATURES
from analytics.verdicts import FingerprintView

BEHAVIOURAL_GROUPS: Final = ("tools", "patterns", "sequence", "timing", "sizes", "context")
COLUMNS: Final = np.array([k for k, feature in enumerate(FEATURES) if feature.group in BEHAVIOURAL_GROUPS])
SAME_CLUSTER: Final = 0.85
"""Cosine similarity from which a new centre is the old cluster."""
LEAST_HISTORY: Final = 5
"""Sessions a user and agent need before a distance from their history means anything."""
CLUSTER_METRIC: Final = MetricSpec(
    "sigyn_fingerprint_cluster_sessions", "Training sessions in each behavioural cluster.", ("cluster",)
)


@dataclass(frozen=True, slots=True)
class FingerprintSettings:
    """Settings of the fingerprint analysis.

    Attributes:
        minimum_sessions: finished sessions needed before any fingerprint is given.
        minimum_events: events below which one session is too short for one.
        most_clusters: upper bound of behavioural clusters.
        seed: of k-means.
    """

    minimum_sessions: int = 30
    minimum_events: int = 3
    most_clusters: int = 12
    seed: int = 0


@dataclass(frozen=True, slots=True)
class OwnHistory:
    """What one scope's sessions look like: typical vector, typical distance from it and its robust spread."""

    centre: np.ndarray
    distance: float
    spread: float


@dataclass(frozen=True)
class FingerprintModel:
    """Standardisation, clusters and histories.

    Attributes:
        middle, spread: median and robust standard deviation of each behavioural feature in model space.
        centres: unit vectors, shape (n_clusters, n_columns).
        ids: the clusters' stable ids.
        sizes: training sessions of each cluster.
        histories: by scope.
    """

    middle: np.ndarray
    spread: np.ndarray
    centres: np.ndarray
    ids: tuple[str, ...]
    sizes: tuple[int, ...]
    histories: Mapping[Scope, OwnHistory]

    def vectors(self, values: np.ndarray) -> np.ndarray:
        """Unit vectors of feature rows, shape (n_rows, n_columns)."""
        return unit_vectors((to_model_space(values)[:, COLUMNS] - self.middle) / self.spread)


def unit_vectors(deviations: np.ndarray) -> np.ndarray:
    """Deviations bounded at ±4, unknown ones as typical, scaled to unit length."""
    bounded = np.clip(np.nan_to_num(deviations, nan=0.0), -4.0, 4.0)
    return bounded / np.maximum(np.linalg.norm(bounded, axis=1, keepdims=True), 1e-9)


def fit(
    history: History, settings: FingerprintSettings, previous: FingerprintModel | None
) -> FingerprintModel | NotEnoughData:
    """Learn clusters and histories; clusters that hardly moved keep the ids of ``previous``."""
    chosen = np.flatnonzero(history.sessions.ages >= settings.minimum_events)
    if len(chosen) < settings.minimum_sessions:
        return NotEnoughData(settings.minimum_sessions - len(chosen))
    rows = to_model_space(history.sessions.values[chosen])[:, COLUMNS]
    middle, spread = _middle_and_spread(rows)
    vectors = unit_vectors((rows - middle) / spread)
    count = int(np.clip(round((len(vectors) / 8) ** 0.5), 2, settings.most_clusters))
    clustering = KMeans(n_clusters=count, n_init=4, random_state=settings.seed).fit(vectors)
    centres = unit_vectors(clustering.cluster_centers_)
    sizes = np.bincount(clustering.labels_, minlength=count)
    who = history.sessions.who
    return FingerprintModel(
        middle=middle,
        spread=spread,
        centres=centres,
        ids=stable_ids(centres, previous),
        sizes=tuple(int(size) for size in sizes),
        histories=_histories(vectors, [who[number] for number in chosen]),
    )


def _middle_and_spread(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Median and robust standard deviation of each column; 0 and 1 where nothing is known or nothing varies."""
    middle, spread = np.zeros(rows.shape[1]), np.ones(rows.shape[1])
    for column in range(rows.shape[1]):
        known = rows[:, column][~np.isnan(rows[:, column])]
        if len(known):
            low, middle[column], high = np.quantile(known, [0.25, 0.5, 0.75])
            spread[column] = max((high - low) / 1.349, float(np.std(known)) / 2, 1e-3)
    return middle, spread


def stable_ids(centres: np.ndarray, previous: FingerprintModel | None) -> tuple[str, ...]:
    """An id for each centre: the previous cluster's where the centres match, else one made from the centre."""
    ids = [f"c-{_short_hash(np.round(centre, 2))}" for centre in centres]
    if previous is not None and previous.centres.shape[1] == centres.shape[1]:
        similarity = centres @ previous.centres.T
        for new, old in zip(*linear_sum_assignment(-similarity), strict=True):
            if similarity[new, old] >= SAME_CLUSTER:
                ids[new] = previous.ids[old]
    seen: Counter[str] = Counter()
    for number, identifier in enumerate(ids):
        seen[identifier] += 1
        if seen[identifier] > 1:
            ids[number] = f"{identifier}-{seen[identifier]}"
    return tuple(ids)


def _short_hash(values: np.ndarray) -> str:
    # Adding zero turns minus zero into zero: both must give one id.
    return hashlib.sha256((values + 0.0).astype("<f8").tobytes()).hexdigest()[:6]


def _histories(vectors: np.ndarray, who: list[Who]) -> dict[Scope, OwnHistory]:
    """Centre and spread of every scope with enough sessions."""
    members: dict[Scope, list[int]] = defaultdict(list)
    for row, one in enumerate(who):
        for scope in scopes_of(one):
            members[scope].append(row)
    histories = {}
    for scope, rows in members.items():
        if len(rows) >= LEAST_HISTORY:
            own = vectors[rows]
            centre = np.median(own, axis=0)
            distances = np.linalg.norm(own - centre, axis=1)
            middle = float(np.median(distances))
            spread = 1.4826 * float(np.median(np.abs(distances - middle)))
            histories[scope] = OwnHistory(centre, middle, max(spread, 0.02))
    return histories


def run(
    rows: SessionRows,
    model: FingerprintModel | None,
    settings: FingerprintSettings,
    upstream: Mapping[str, AnalysisResult],
) -> AnalysisResult:
    """Fingerprint sessions; the result of each is a ``FingerprintView``."""
    del upstream
    if model is None:
        return AnalysisResult({})
    sizes: dict[tuple[str, ...], float] = {
        (name,): float(size) for name, size in zip(model.ids, model.sizes, strict=True)
    }
    readings = {CLUSTER_METRIC.name: sizes}
    chosen = np.flatnonzero(rows.ages >= settings.minimum_events)
    if not len(chosen):
        return AnalysisResult({}, readings)
    vectors = model.vectors(rows.values[chosen])
    nearest = np.argmax(vectors @ model.centres.T, axis=1)
    who = rows.who
    views = {
        rows.infos[number].session_id: FingerprintView(
            id=f"f-{_short_hash(coarse(vector))}",
            cluster=model.ids[cluster],
            distance=_distance(vector, who[number], model),
        )
        for number, vector, cluster in zip(chosen, vectors, nearest, strict=True)
    }
    return AnalysisResult(views, readings)


def coarse(vector: np.ndarray) -> np.ndarray:
    """The eight strongest traits of a unit vector by sign only: alike sessions share it."""
    strongest = np.argsort(-np.abs(vector), kind="stable")[:8]
    result = np.zeros(len(vector))
    result[strongest] = np.sign(vector[strongest])
    return result


def _distance(vector: np.ndarray, who: Who, model: FingerprintModel) -> float | None:
    """Robust standard deviations by which a session is farther from its own history than usual, never below 0."""
    history = next((model.histories[scope] for scope in reversed(scopes_of(who)) if scope in model.histories), None)
    if history is None:
        return None
    distance = float(np.linalg.norm(vector - history.centre))
    return max(0.0, (distance - history.distance) / history.spread)


ANALYSIS = Analysis("fingerprint", FingerprintSettings, (CLUSTER_METRIC,), fit, run)
