import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from analytics.evaluation.metrics import alarm_threshold, auroc, average_precision, pair_counts

LABELLED = st.lists(st.tuples(st.booleans(), st.integers(0, 8)), min_size=4, max_size=60).filter(
    lambda rows: len({bad for bad, _ in rows}) == 2
)


def arrays(rows):
    return np.array([bad for bad, _ in rows]), np.array([score for _, score in rows], dtype=float)


def test_auroc_counts_ordered_pairs_and_half_of_the_ties():
    is_bad = np.array([True, True, False, False])
    # Of four pairs (3,1), (3,2), (1,1), (1,2): two right, one tie, one wrong.
    assert auroc(is_bad, np.array([3.0, 1.0, 1.0, 2.0])) == 2.5 / 4


def test_auroc_without_one_of_the_kinds_is_unknown():
    assert np.isnan(auroc(np.array([True, True]), np.array([1.0, 2.0])))


def test_average_precision_by_hand():
    # Bad at ranks 1 and 3: precision 1 at the first step of recall, 2/3 at the second.
    assert average_precision(np.array([True, False, True, False]), np.array([4.0, 3.0, 2.0, 1.0])) == pytest.approx(
        [0.5 * 1 + 0.5 * 2 / 3]
    )


@given(LABELLED)
@settings(max_examples=60, deadline=None)
def test_metrics_agree_with_scikit_learn_ties_included(rows):
    is_bad, scores = arrays(rows)
    assert auroc(is_bad, scores) == pytest.approx(roc_auc_score(is_bad, scores))
    assert average_precision(is_bad, scores)[0] == pytest.approx(average_precision_score(is_bad, scores))


@given(LABELLED, st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_a_weight_counts_like_as_many_sessions(rows, seed):
    is_bad, scores = arrays(rows)
    groups = np.arange(len(rows)) % 3
    weights = np.random.default_rng(seed).integers(0, 3, 3).astype(float)
    repeated = np.repeat(np.arange(len(rows)), weights[groups].astype(int))
    if len(set(is_bad[repeated])) < 2:
        return
    concordant, pairs = pair_counts(is_bad, scores, groups, 3)
    assert weights @ concordant @ weights / (weights @ pairs @ weights) == pytest.approx(
        roc_auc_score(is_bad[repeated], scores[repeated])
    )
    assert average_precision(is_bad, scores, weights[groups][None, :])[0] == pytest.approx(
        average_precision_score(is_bad[repeated], scores[repeated])
    )


@pytest.mark.parametrize(
    ("count", "rate", "expected"),
    [
        (19, 0.05, 19.0),  # (19 + 1) * 0.95 = 19: the highest
        (39, 0.05, 38.0),  # 40 * 0.95 = 38: one good session in forty is above
        (99, 0.01, 99.0),
        (199, 0.01, 198.0),
        (8, 0.05, 8.0),  # too few for 5 %: the highest
    ],
)
def test_threshold_is_the_conformal_quantile(count, rate, expected):
    good = np.random.default_rng(0).permutation(np.arange(1.0, count + 1))
    assert alarm_threshold(good, rate) == expected


def test_threshold_keeps_its_promise_on_further_good_sessions():
    rng = np.random.default_rng(4)
    alarms = [(rng.normal(size=50) > alarm_threshold(rng.normal(size=39), 0.05)).mean() for _ in range(400)]
    assert 0.04 < np.mean(alarms) < 0.06
