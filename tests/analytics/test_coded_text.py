from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.coded_text import CodedText, narrowed
from analytics.events import categorical

COLUMNS = st.lists(st.one_of(st.none(), st.sampled_from(["a", "b", "", "\ud800"])), max_size=12)


def texts(column):
    return [value if isinstance(value, str) else None for value in column.categorical()]


@settings(max_examples=100, deadline=None)
@given(parts=st.lists(COLUMNS, min_size=1, max_size=4))
def test_joined_columns_say_what_each_said(parts):
    joined = CodedText.joined([CodedText.of(categorical(part)) for part in parts])
    assert texts(joined) == [value for part in parts for value in part]
    assert len(set(joined.listed)) == len(joined.listed)


def test_columns_of_the_same_texts_share_them():
    column = CodedText.of(categorical(["x", "y", None]))
    joined = CodedText.joined([column[np.array([2, 1])], column[:1]])
    assert joined.texts is column.texts
    assert texts(joined) == [None, "y", "x"]


@pytest.mark.parametrize(("count", "kind"), [(127, np.int8), (128, np.int16), (32_767, np.int16), (32_768, np.int32)])
def test_codes_are_as_narrow_as_their_number_allows_and_keep_their_values(count, kind):
    codes = narrowed(np.array([-1, 0, count - 1]), count)
    assert codes.dtype == kind
    assert codes.tolist() == [-1, 0, count - 1]


def test_a_missing_column_is_missing_in_every_row():
    assert texts(CodedText.missing(3)) == [None] * 3
    assert isinstance(CodedText.missing(3).categorical(), pd.Categorical)
