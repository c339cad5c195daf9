"""Fingerprint: a session's behaviour as a normalised vector, what it resembles, and whose it looks like.

The vector holds the standardised behavioural features (tool mix, patterns, sequence, pace, sizes), scaled to unit
length, so that two sessions are compared by the shape of their behaviour and not by how far they stray. It gives the
cluster, the category and the distance from the own history; the likely user comes from the habits
(``analytics.wrong_user``).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from analytics.analysis import Analysis, AnalysisResult, History, MetricSpec, NotEnoughData, SessionRows
from analytics.attribution import LEAST_SESSIONS
from analytics.baseline import Scope, Who, scopes_of, to_model_space
from analytics.behaviour_clusters import Centres, fit_centres, short_hash, unit_vectors
from analytics.blas_threads import one_blas_thread
from analytics.features import FEATURES
from analytics.group_description import describe_groups
from analytics.habits import middle_and_spread
from analytics.held_back_odds import select
from analytics.session_categories import NONE, Categories, fit_categories
from analytics.verdicts import FingerprintView
from analytics.wrong_user import UserEvidence, UserModel, fit_user_model, wrong_user_evidence

BEHAVIOURAL_GROUPS: Final = ("tools", "patterns", "sequence", "timing", "sizes", "context")
COLUMNS: Final = np.array([k for k, feature in enumerate(FEATURES) if feature.group in BEHAVIOURAL_GROUPS])
LEAST_HISTORY: Final = 5
"""Sessions a user and agent need before a distance from their history means anything."""
MOST_DESCRIBED: Final = 4_000
"""Sessions that the groups' descriptions are taken from."""
CLUSTER_METRIC: Final = MetricSpec(
    "sigyn_fingerprint_cluster_sessions", "Training sessions in each behavioural cluster.", ("cluster",)
)


@dataclass(frozen=True, slots=True)
class FingerprintSettings:
    """Settings of the fingerprint analysis.

    Attributes:
        minimum_sessions: finished sessions needed before any fingerprint is given.
        minimum_events: events below which one session is too short for one.
        minimum_user_sessions: finished sessions a user needs with an agent before sessions are attributed to them.
        most_clusters: upper bound of behavioural clusters.
        seed: of k-means and of the categories' sample.
    """

    minimum_sessions: int = 30
    minimum_events: int = 3
    minimum_user_sessions: int = LEAST_SESSIONS
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
    """Standardisation, groups, histories and the users' habits.

    Attributes:
        middle, spread: median and robust standard deviation of each behavioural feature in model space.
        clusters: every session is in one.
        sizes: training sessions of each cluster.
        categories: dense groups, in which not every session is.
        descriptions: what the sessions of a cluster or category do more than the others, by id.
        histories: by scope.
        users: None where no agent has two users to tell apart.
    """

    middle: np.ndarray
    spread: np.ndarray
    clusters: Centres
    sizes: tuple[int, ...]
    categories: Categories
    descriptions: Mapping[str, str]
    histories: Mapping[Scope, OwnHistory]
    users: UserModel | None

    def vectors(self, values: np.ndarray) -> np.ndarray:
        """Unit vectors of feature rows, shape (n_rows, n_columns)."""
        return unit_vectors((to_model_space(values)[:, COLUMNS] - self.middle) / self.spread)


def fit(
    history: History, settings: FingerprintSettings, previous: FingerprintModel | None
) -> FingerprintModel | NotEnoughData:
    """Learn groups, histories and habits; groups that hardly moved keep the ids of ``previous``."""
    chosen = np.flatnonzero(history.sessions.ages >= settings.minimum_events)
    if len(chosen) < settings.minimum_sessions:
        return NotEnoughData(settings.minimum_sessions - len(chosen))
    rows = select(history.sessions, chosen)
    features = to_model_space(rows.values)[:, COLUMNS]
    middle, spread = middle_and_spread(features)
    vectors = unit_vectors((features - middle) / spread)
    clusters, labels = fit_centres(
        vectors, settings.most_clusters, settings.seed, previous.clusters if previous else None
    )
    categories = fit_categories(vectors, settings.seed, previous.categories.centres if previous else None)
    return FingerprintModel(
        middle=middle,
        spread=spread,
        clusters=clusters,
        sizes=tuple(np.bincount(labels, minlength=len(clusters.ids)).tolist()),
        categories=categories,
        descriptions=_described(
            rows, [(clusters.ids, labels), (categories.centres.ids, categories.labels_of(vectors))], settings.seed
        ),
        histories=_histories(vectors, rows.who),
        users=fit_user_model(history, settings.minimum_user_sessions),
    )


def _described(rows: SessionRows, groupings: Sequence[tuple[Sequence[str], np.ndarray]], seed: int) -> dict[str, str]:
    """The description of each group by id, from the sessions, or from a sample of many."""
    count = min(len(rows), MOST_DESCRIBED)
    sample = np.sort(np.random.default_rng(seed).permutation(len(rows))[:count])
    part = select(rows, sample)
    return {
        name: text
        for ids, labels in groupings
        for name, text in zip(ids, describe_groups(part, labels[sample], len(ids)), strict=True)
    }


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
        (name,): float(size) for name, size in zip(model.clusters.ids, model.sizes, strict=True)
    }
    readings = {CLUSTER_METRIC.name: sizes}
    chosen = np.flatnonzero(rows.ages >= settings.minimum_events)
    if not len(chosen):
        return AnalysisResult({}, readings)
    return AnalysisResult(_views(select(rows, chosen), model), readings)


def _views(rows: SessionRows, model: FingerprintModel) -> dict[str, FingerprintView]:
    vectors = model.vectors(rows.values)
    with one_blas_thread():
        nearest, category = model.clusters.nearest(vectors), model.categories.labels_of(vectors)
    evidence = wrong_user_evidence(model.users, rows) if model.users else [None] * len(rows)
    traits = coarse(vectors)
    return {
        info.session_id: _view(
            (vectors[number], traits[number], rows.who_of(number)),
            model.clusters.ids[nearest[number]],
            None if category[number] == NONE else model.categories.centres.ids[category[number]],
            evidence[number],
            model,
        )
        for number, info in enumerate(rows.infos)
    }


def _view(
    subject: tuple[np.ndarray, np.ndarray, Who],
    cluster: str,
    category: str | None,
    evidence: UserEvidence | None,
    model: FingerprintModel,
) -> FingerprintView:
    vector, traits, who = subject
    return FingerprintView(
        id=f"f-{short_hash(traits)}",
        cluster=cluster,
        distance=_distance(vector, who, model),
        description=model.descriptions[cluster],
        category=category,
        category_description=None if category is None else model.descriptions[category],
        likely_user=evidence.likely_user if evidence else None,
        user_probability=round(evidence.probability, 6) if evidence and evidence.likely_user else None,
        wrong_user=None if evidence is None or evidence.p_value is None else 1.0 - evidence.p_value,
        odds_against=evidence.odds_against if evidence else None,
    )


def coarse(vectors: np.ndarray) -> np.ndarray:
    """The eight strongest traits of each unit vector by sign only, shape of ``vectors``: alike sessions share them."""
    strongest = np.argsort(-np.abs(vectors), axis=1, kind="stable")[:, :8]
    result = np.zeros(vectors.shape)
    np.put_along_axis(result, strongest, np.sign(np.take_along_axis(vectors, strongest, axis=1)), axis=1)
    return result


def _distance(vector: np.ndarray, who: Who, model: FingerprintModel) -> float | None:
    """Robust standard deviations by which a session is farther from its own history than usual, never below 0."""
    history = next((model.histories[scope] for scope in reversed(scopes_of(who)) if scope in model.histories), None)
    if history is None:
        return None
    apart = vector - history.centre
    distance = math.sqrt(apart.dot(apart))
    return max(0.0, (distance - history.distance) / history.spread)


ANALYSIS = Analysis("fingerprint", FingerprintSettings, (CLUSTER_METRIC,), fit, run)
