from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.intake import NATIVE_NUMBERS, build_event_table
from analytics.number_fields import MOST_AMOUNT, MOST_COST, most_of, plausible_numbers
from tests.builders import use

IMPLAUSIBLE = [1e308, 1e300, 2**63, 10**400, -5, -1e-9, float("inf"), "1e308", "Infinity", "-5"]
NO_NUMBERS = ["NaN", "many", "", None, [1], {"n": 1}]


@pytest.mark.parametrize("name", [*NATIVE_NUMBERS, "text_chars"])
@pytest.mark.parametrize("value", IMPLAUSIBLE, ids=lambda value: f"{type(value).__name__} {str(value)[:12]}")
def test_what_no_event_amounts_to_is_missing_and_counted(name, value):
    intake = build_event_table([use(0, **{name: value}), use(1, **{name: 7})], "native")
    column = "message_chars" if name == "text_chars" else name
    assert np.array_equal(intake.table.values(column), [np.nan, 7.0], equal_nan=True)
    assert intake.dropped == {"implausible_number": 1}


@pytest.mark.parametrize("value", NO_NUMBERS, ids=repr)
def test_what_is_no_number_is_missing_and_not_counted(value):
    intake = build_event_table([use(0, cost_usd=value), use(1, cost_usd=7)], "native")
    assert np.array_equal(intake.table.values("cost_usd"), [np.nan, 7.0], equal_nan=True)
    assert not intake.dropped


@pytest.mark.parametrize("name", NATIVE_NUMBERS)
def test_the_most_and_the_least_are_plausible(name):
    intake = build_event_table([use(0, **{name: 0}), use(1, **{name: most_of(name)})], "native")
    assert intake.table.values(name).tolist() == [0.0, most_of(name)]
    assert not intake.dropped


def test_the_most_of_a_cost_is_in_dollars_and_of_all_else_in_its_unit():
    assert {name: most_of(name) for name in NATIVE_NUMBERS} == {
        name: MOST_COST if name.endswith("_usd") else MOST_AMOUNT for name in NATIVE_NUMBERS
    }
    assert (MOST_COST, MOST_AMOUNT) == (10_000, 1e12)


numbers = st.floats() | st.integers() | st.none() | st.text(max_size=5)


@given(st.lists(numbers, max_size=6), st.sampled_from([MOST_COST, MOST_AMOUNT]))
@settings(deadline=None, max_examples=200)
def test_whatever_comes_the_column_is_bounded_and_what_was_left_out_is_counted(values, most):
    column, implausible = plausible_numbers(values, most)
    kept = column[~np.isnan(column)]
    assert len(column) == len(values)
    assert ((kept >= 0) & (kept <= most)).all()
    given_numbers = [one for one in values if isinstance(one, (int, float)) and one == one]  # noqa: PLR0124 - NaN
    out = Counter(0 <= one <= most for one in given_numbers)
    assert len(kept) >= out[True]
    assert implausible >= out[False]
