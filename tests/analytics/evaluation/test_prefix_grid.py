import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.evaluation.prefix_grid import AFTER_ONSET, EVERY, PrefixGrid, drawn_onsets, prefix_ages, prefixes_of
from analytics.feature_matrix import measure_features
from analytics.sessions import CHECKPOINTS
from tests.builders import ordinary_session, sessions_of


def test_a_short_session_is_looked_at_after_each_event():
    assert prefix_ages(5, 2).tolist() == [1, 2, 3, 4, 5]
    assert prefix_ages(EVERY, 0).tolist() == list(range(1, EVERY + 1))


def test_a_long_session_is_looked_at_before_and_after_the_onset_at_the_checkpoints_and_at_its_end():
    ages = prefix_ages(300, 99).tolist()
    assert 99 in ages
    assert {100 + past for past in AFTER_ONSET} <= set(ages)
    assert {age for age in CHECKPOINTS if age < 300} <= set(ages)
    assert ages[-1] == 300


@given(st.integers(1, 3_000), st.data())
@settings(max_examples=60, deadline=None)
def test_ages_ascend_to_the_end_and_are_bounded_in_number(length, data):
    ages = prefix_ages(length, data.draw(st.integers(0, length - 1)))
    assert (np.diff(ages) > 0).all()
    assert ages[0] >= 1
    assert ages[-1] == length
    assert len(ages) <= max(EVERY, len(CHECKPOINTS) + len(AFTER_ONSET) + 2)


@given(st.lists(st.integers(1, 90), min_size=1, max_size=6), st.integers(0, 1_000))
@settings(max_examples=60, deadline=None)
def test_latched_scores_never_fall_and_end_at_the_highest_of_their_session(lengths, seed):
    rng = np.random.default_rng(seed)
    counts = np.array(lengths)
    grid = PrefixGrid.of(counts, rng.integers(0, counts))
    scores = rng.random(len(grid.flat_ages))
    latched = grid.latched(scores)
    assert latched.shape == grid.ages.shape == grid.past.shape
    assert (np.diff(latched, axis=1) >= 0).all()
    for number in range(len(counts)):
        own = scores[grid.flat_sessions == number]
        assert latched[number, 0] == own[0]
        assert latched[number, -1] == own.max()
        assert (
            grid.flat_ages[grid.flat_sessions == number].tolist()
            == prefix_ages(lengths[number], int(grid.onsets[number])).tolist()
        )


def test_events_past_the_onset_are_counted_from_the_first_bad_one():
    grid = PrefixGrid.of(np.array([4, 2]), np.array([2, 0]))
    assert grid.past.tolist() == [[-2, -1, 0, 1], [0, 1, 1, 1]]
    assert grid.only(np.array([1])).past.tolist() == [[0, 1, 1, 1]]


def test_a_prefix_is_the_session_as_it_was():
    rng = np.random.default_rng(0)
    records = [ordinary_session(number, rng, uses=20) for number in range(3)]
    whole = sessions_of(*(record for own in records for record in own))
    grid = PrefixGrid.of(whole.lengths[[0, 2]], np.array([10, 3]))
    prefixes = prefixes_of(whole, np.array([0, 2]), grid)
    measured = measure_features(prefixes).values
    for row, (name, age) in enumerate(zip(prefixes.session_ids, grid.flat_ages, strict=True)):
        session_id, _, told = name.rpartition(" ")
        own = next(one for one in records if one[0]["session_id"] == session_id)
        assert int(told) == age
        np.testing.assert_allclose(measured[row], measure_features(sessions_of(*own[:age])).values[0], rtol=1e-12)


def test_sessions_without_an_onset_are_given_one_where_it_lies_in_others():
    lengths = np.array([1, 10, 40, 500])
    drawn = drawn_onsets(lengths, np.array([0.5]), np.random.default_rng(0))
    assert drawn.tolist() == [0, 5, 20, 250]
    late = drawn_onsets(lengths, np.array([1.0]), np.random.default_rng(0))
    assert late.tolist() == [0, 9, 39, 499]
