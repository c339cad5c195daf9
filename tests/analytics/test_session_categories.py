from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.behaviour_clusters import Centres, fit_centres, named_centres, unit_vectors
from analytics.session_categories import NONE, dbscan, fit_categories, hdbscan


def blobs(each=40, seed=0, groups=3, width=0.3):
    rng = np.random.default_rng(seed)
    centres = np.eye(12)[:groups] * 3
    return unit_vectors(np.concatenate([centre + rng.normal(0, width, (each, 12)) for centre in centres]))


@pytest.mark.parametrize("grouping", [hdbscan, dbscan])
def test_planted_groups_are_categories_and_a_stray_session_is_in_none(grouping):
    categories = fit_categories(blobs(), 0, grouping=grouping)
    fresh = categories.labels_of(blobs(seed=1))
    own = [set(fresh[k : k + 40].tolist()) - {NONE} for k in (0, 40, 80)]
    assert [len(one) for one in own] == [1, 1, 1]
    assert len(set.union(*own)) == 3
    assert (fresh == NONE).mean() < 0.25
    assert categories.labels_of(-np.eye(12)[:1]).tolist() == [NONE]


def test_categories_keep_their_ids_across_retraining():
    first = fit_categories(blobs(), 0)
    second = fit_categories(np.concatenate([blobs(each=50, seed=2), blobs(each=1, seed=3)]), 0, first.centres)
    assert set(second.centres.ids) == set(first.centres.ids)
    before, after = first.labels_of(blobs(seed=4)), second.labels_of(blobs(seed=4))
    both = (before >= 0) & (after >= 0)
    assert both.mean() > 0.5
    assert all(first.centres.ids[b] == second.centres.ids[a] for b, a in zip(before[both], after[both], strict=True))


def test_a_new_category_gets_a_new_id():
    first = fit_categories(blobs(groups=2), 0)
    second = fit_categories(blobs(groups=3), 0, first.centres)
    assert set(first.centres.ids) < set(second.centres.ids)


def test_clusters_continue_the_previous_ones():
    first, _ = fit_centres(blobs(), 3, 0, None)
    second, _ = fit_centres(blobs(each=60, seed=5), 3, 7, first)
    assert set(second.ids) == set(first.ids)


def test_sessions_all_alike_are_no_error():
    same = np.tile(np.eye(12)[:1], (40, 1))
    assert set(fit_categories(same, 0).labels_of(same).tolist()) <= {NONE, 0}


@given(st.integers(2, 8), st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_ids_are_distinct_and_do_not_depend_on_order(count, seed):
    vectors = unit_vectors(np.random.default_rng(seed).normal(0, 1, (count, 6)))
    previous = named_centres(vectors, "c", None)
    order = np.random.default_rng(seed + 1).permutation(count)
    again = named_centres(vectors[order], "c", previous)
    assert len(set(previous.ids)) == count
    assert again.ids == tuple(previous.ids[k] for k in order)


def test_repeated_centres_have_ids_of_their_own():
    same = unit_vectors(np.ones((3, 4)))
    assert len(set(named_centres(same, "c", None).ids)) == 3
    assert len(set(named_centres(same, "c", Centres(same[:1], ("c-old",))).ids)) == 3
