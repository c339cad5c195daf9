from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.row_groups import first_rows, numbers_within

pairs = st.lists(st.tuples(st.integers(0, 3), st.sampled_from([0, 1, 2**63, 2**64 - 1])), max_size=30)


def columns(rows):
    return np.array([row[0] for row in rows], dtype=np.int64), np.array([row[1] for row in rows], dtype=np.uint64)


@given(pairs)
@settings(deadline=None, max_examples=200)
def test_the_first_row_of_each_combination_is_found(rows):
    assert first_rows(*columns(rows)).tolist() == [row not in rows[:number] for number, row in enumerate(rows)]


@given(pairs)
@settings(deadline=None, max_examples=200)
def test_rows_are_numbered_within_their_combination(rows):
    seen = Counter()
    expected = []
    for row in rows:
        expected.append(seen[row])
        seen[row] += 1
    assert numbers_within(*columns(rows)).tolist() == expected
