from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.feature_rows import FeatureRows

TABLES = st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(1, 4))


@given(TABLES, st.data())
@settings(deadline=None, max_examples=80)
def test_rows_chosen_again_and_again_are_those_of_one_table(shape, data):
    upper, lower, columns = shape
    table = np.arange(float((upper + lower) * columns)).reshape(-1, columns)
    rows, plain = FeatureRows.of(table[:upper], table[upper:]), table
    for _ in range(3):
        mask = np.array(data.draw(st.lists(st.booleans(), min_size=len(plain), max_size=len(plain))), dtype=bool)
        numbers = np.flatnonzero(mask)[::-1]
        chosen = data.draw(st.sampled_from([mask, numbers, slice(1, 3)]))
        rows, plain = rows[chosen], plain[chosen]
        assert len(rows) == len(plain)
        assert np.array_equal(np.asarray(rows), plain)
        assert np.array_equal(rows.column(columns - 1), plain[:, columns - 1])


def test_choosing_rows_copies_nothing_and_having_them_does():
    upper, lower = np.zeros((3, 2)), np.ones((2, 2))
    rows = FeatureRows.of(upper, lower)[np.array([0, 4])]
    assert rows.upper is upper
    assert rows.lower is lower
    np.asarray(rows)[:] = 7.0
    assert not upper.any()
    with pytest.raises(ValueError, match="copy"):
        np.array(rows, copy=False)


def test_rows_are_had_in_another_type():
    assert np.asarray(FeatureRows.of(np.zeros((1, 2)), np.ones((1, 2))), dtype=np.float32).dtype == np.float32
