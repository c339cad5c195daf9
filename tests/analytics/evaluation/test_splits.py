import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.evaluation.splits import contaminated, deal, splits_of


@given(st.lists(st.integers(0, 30), min_size=1, max_size=150), st.integers(0, 99), st.floats(0.0, 1.0))
@settings(max_examples=60, deadline=None)
def test_fit_threshold_and_test_share_no_group(groups, seed, good_share):
    groups = np.array(groups)
    is_good = np.random.default_rng(seed).random(len(groups)) < good_share
    fold = deal(groups, is_good, np.random.default_rng(seed))
    for split in splits_of(np.arange(len(groups)), fold, is_good):
        fit, first, second = (set(groups[part]) for part in (split.fit, *split.held))
        assert not fit & first
        assert not fit & second
        assert not first & second
        assert len(split.fit) + len(split.held[0]) + len(split.held[1]) == len(groups)


def test_good_sessions_are_dealt_evenly_and_by_seed():
    groups, is_good = np.repeat(np.arange(24), 5), np.arange(120) % 5 < 2
    fold = deal(groups, is_good, np.random.default_rng(1))
    assert np.bincount(fold).tolist() == [20] * 6
    assert np.bincount(fold[is_good]).tolist() == [8] * 6
    assert (fold == deal(groups, is_good, np.random.default_rng(1))).all()
    assert (fold != deal(groups, is_good, np.random.default_rng(2))).any()


def test_few_large_groups_leave_enough_to_fit_on():
    groups = np.repeat(np.arange(12), [9, 8, 7, 3, 3, 1, 1, 1, 1, 1, 1, 0])
    is_good = np.ones(len(groups), dtype=bool)
    for seed in range(20):
        fold = deal(groups, is_good, np.random.default_rng(seed))
        assert min(len(split.fit) for split in splits_of(np.arange(len(groups)), fold, is_good)) >= 18


@pytest.mark.parametrize(("sessions", "splits", "times_judged"), [(120, 3, 1), (119, 15, 5)])
def test_thin_sets_use_every_pair_of_folds_and_others_judge_each_session_once(sessions, splits, times_judged):
    numbers = np.arange(sessions)
    made = splits_of(numbers, numbers % 6, np.ones(sessions, dtype=bool))
    judged = np.concatenate([part for split in made for part in split.held])
    assert len(made) == splits
    assert np.bincount(judged).tolist() == [times_judged] * sessions


@given(st.integers(5, 80), st.integers(5, 80), st.sampled_from([0.05, 0.1, 0.2, 0.4]))
@settings(max_examples=60, deadline=None)
def test_contaminated_training_has_exactly_the_share_asked_for(good, bad, share):
    is_bad = np.arange(good + bad) >= good
    chosen = contaminated(np.arange(good + bad), is_bad, share, np.random.default_rng(0))
    assert len(set(chosen)) == len(chosen)
    wanted = is_bad[chosen].sum()
    # No other number of bad sessions beside these good ones comes nearer to the share.
    kept = len(chosen) - wanted
    assert abs(wanted - kept * share / (1 - share)) <= 0.5 / min(1 - share, share)
    assert kept == good or wanted == bad
