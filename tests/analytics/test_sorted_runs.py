from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.sorted_runs import SortedRuns

NUMBERS = st.integers(-20, 20).map(lambda tenths: tenths / 10)  # so few that ties are common
RUNS = st.lists(st.lists(NUMBERS, min_size=1, max_size=9), min_size=1, max_size=6)


@st.composite
def lookups(draw):
    runs = [np.sort(np.array(run)) for run in draw(RUNS)]
    wanted = draw(st.lists(st.tuples(st.integers(0, len(runs) - 1), NUMBERS), max_size=20))
    run, numbers = (np.array([pair[k] for pair in wanted], dtype=kind) for k, kind in enumerate((np.int64, float)))
    return runs, run, numbers


@given(lookups())
@settings(deadline=None, max_examples=100)
def test_each_number_is_looked_up_in_its_own_run_as_if_it_were_alone(case):
    runs, run, numbers = case
    known = SortedRuns.of(runs)
    position = known.positions(run, numbers)
    assert list(position - known.begin[run]) == [
        int(np.searchsorted(runs[k], number)) for k, number in zip(run, numbers, strict=True)
    ]
    for neighbour in range(1, known.shortest + 1):
        distances = known.distances(run, numbers, position, neighbour)
        assert list(distances) == [
            np.sort(np.abs(runs[k] - number))[neighbour - 1] for k, number in zip(run, numbers, strict=True)
        ]


@given(lookups())
@settings(deadline=None, max_examples=100)
def test_the_nearest_value_of_the_run_is_found(case):
    runs, run, numbers = case
    known = SortedRuns.of(runs)
    nearest = known.nearest(run, numbers, known.positions(run, numbers))
    assert ((known.begin[run] <= nearest) & (nearest < known.end[run])).all()
    assert list(np.abs(known.values[nearest] - numbers)) == [
        np.abs(runs[k] - number).min() for k, number in zip(run, numbers, strict=True)
    ]


def test_every_value_knows_its_run():
    known = SortedRuns.of([np.array([1.0, 2.0]), np.array([0.0]), np.array([5.0, 5.0, 6.0])])
    assert list(known.run_of_value) == [0, 0, 1, 2, 2, 2]
    assert known.shortest == 1
    assert known.distances(np.array([2]), np.array([5.0]), np.array([3]), 1) == pytest.approx([0.0])
