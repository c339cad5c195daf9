"""Values by session: what is worked out for all sessions at once is what each would give alone."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.activity import Grouped, stretches

numbers = st.floats(-1e9, 1e9) | st.sampled_from([0.0, -0.0, 1.0, math.inf])
sessions = st.lists(st.lists(numbers, max_size=8), min_size=1, max_size=6)


def grouped(by_session, length=None):
    index = [number for number, values in enumerate(by_session) for _ in values]
    flat = [value for values in by_session for value in values]
    return Grouped(np.array(index, dtype=np.int64), np.array(flat, dtype=float), length or len(by_session))


def same(found, expected):
    return np.array_equal(found, np.array(expected, dtype=float), equal_nan=True)


@given(sessions, st.sampled_from([0.0, 0.5, 0.95, 1.0]))
@settings(deadline=None, max_examples=150)
def test_a_quantile_is_the_lower_neighbour_in_each_session(by_session, share):
    expected = [sorted(values)[int((len(values) - 1) * share)] if values else math.nan for values in by_session]
    assert same(grouped(by_session).quantile(share), expected)


@given(sessions)
@settings(deadline=None, max_examples=100)
def test_the_maximum_is_that_of_each_session_and_unknown_without_values(by_session):
    assert same(grouped(by_session).maximum(), [max(values, default=math.nan) for values in by_session])


@pytest.mark.parametrize("count", [255, 256, 65_535, 65_536, 70_000])
def test_many_sessions_are_told_apart_whatever_width_their_numbers_need(count):
    by_session = [[float(number), -1.0] for number in range(count)]
    assert same(grouped(by_session).quantile(1.0), np.arange(count))


def test_a_stretch_ends_where_any_column_changes():
    assert stretches(np.array([1, 1, 2, 2, 1]), np.array([5, 5, 5, 6, 6])).tolist() == [0, 2, 3, 4]
    assert stretches(np.array([], dtype=np.int64)).tolist() == []
