from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import LocalOutlierFactor

from analytics.detectors import sampled
from analytics.detectors.dbscan import bend, dbscan
from analytics.detectors.isolation_forest import fit_isolation_forest, isolation_forest
from analytics.detectors.lof import fit_lof, local_outlier_factor
from analytics.detectors.neighbours import nearest

DETECTORS = [isolation_forest(trees=50), local_outlier_factor(), dbscan()]
each_detector = pytest.mark.parametrize("detector", DETECTORS, ids=lambda detector: detector.name)


def cloud(rows=300, columns=6, seed=1):
    return np.random.default_rng(seed).normal(size=(rows, columns))


@each_detector
def test_higher_is_stranger(detector):
    fitted = detector.fit(cloud(), 0)
    near, far = fitted.score(np.zeros((1, 6))), fitted.score(np.full((1, 6), 6.0))
    assert far > near


@each_detector
def test_planted_strangers_rank_on_top(detector):
    strangers = np.array([[5.0, 5, 5, -5, -5, 0], [0, 6, 6, 6, -6, 6], [-7, 7, 0, -7, 7, -7]])
    rows = np.concatenate([cloud(seed=2), strangers])
    scores = detector.fit(cloud(), 0).score(rows)
    assert set(np.argsort(scores)[-3:]) == {300, 301, 302}


@each_detector
def test_the_same_seed_gives_the_same_scores(detector):
    first, second = (detector.fit(cloud(), 5).score(cloud(seed=9)) for _ in range(2))
    assert np.array_equal(first, second)


@each_detector
def test_rows_that_are_all_alike_can_be_fitted(detector):
    scores = detector.fit(np.zeros((50, 6)), 0).score(np.stack([np.zeros(6), np.full(6, 5.0)]))
    assert np.isfinite(scores).all()
    assert scores[1] >= scores[0]


@each_detector
def test_a_handful_of_rows_can_be_fitted(detector):
    assert np.isfinite(detector.fit(cloud(rows=6), 0).score(cloud(rows=3))).all()


@pytest.mark.parametrize("rows", [3, 40, 700])
def test_the_forest_scores_as_scikit_learn_does(rows):
    trained = cloud(rows)
    probe = np.concatenate([cloud(50, seed=4) * 3, trained])
    reference = IsolationForest(n_estimators=30, contamination=0.1, random_state=1).fit(trained)
    ours = fit_isolation_forest(trained, 1, trees=30, contamination=0.1).score(probe)
    assert np.allclose(ours, -reference.score_samples(probe), atol=1e-12)


@pytest.mark.parametrize("rows", [5, 300])
def test_lof_scores_as_scikit_learn_does(rows):
    trained = cloud(rows)
    fitted = fit_lof(trained, 0, neighbours=20)
    reference = LocalOutlierFactor(n_neighbors=fitted.neighbours, novelty=True).fit(fitted.rows)
    for probe in (cloud(3, seed=8) * 3, cloud(600, seed=9) * 2):
        assert np.allclose(fitted.score(probe), -reference.score_samples(probe), rtol=1e-6)


@given(st.integers(1, 30), st.integers(1, 20), st.integers(1, 5))
@settings(deadline=None, max_examples=60)
def test_the_nearest_rows_are_the_nearest(rows, references, columns):
    rng = np.random.default_rng(rows * 1000 + references * 10 + columns)
    probe, known = rng.normal(size=(rows, columns)), rng.normal(size=(references, columns))
    count = max(1, references // 2)
    distances, positions = nearest(probe, known, count)
    every = np.sqrt(((probe[:, None] - known) ** 2).sum(axis=2))
    assert np.allclose(distances, np.sort(every, axis=1)[:, :count], atol=1e-6)
    assert np.allclose(np.take_along_axis(every, positions, axis=1), distances, atol=1e-6)


def test_dbscan_scores_are_distances_in_radii():
    two_blobs = np.concatenate([cloud(200, 2) * 0.1, cloud(200, 2, seed=3) * 0.1 + 10])
    fitted = dbscan().fit(two_blobs, 0)
    assert fitted.clusters >= 2
    inside, between = fitted.score(np.array([[0.0, 0.0], [5.0, 5.0]]))
    assert inside < 1 < between


def test_the_bend_is_where_a_curve_turns_up():
    curve = np.concatenate([np.linspace(1.0, 1.2, 90), np.linspace(1.3, 9.0, 10)])
    assert bend(curve) == pytest.approx(1.2)


def test_a_sample_keeps_whole_rows_and_its_bound():
    rows = cloud(100)
    kept = sampled(rows, 10, 0)
    assert kept.shape == (10, 6)
    assert all((rows == row).all(axis=1).any() for row in kept)
    assert sampled(rows, 100, 0) is rows
