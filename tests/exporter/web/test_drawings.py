import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from exporter.web.drawings import range_bar, stacked, strip
from exporter.web.session_detail import TimelineEvent
from exporter.web.wording import hundredths

numbers = st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True))


def test_a_value_beyond_its_range_lies_right_of_the_band():
    bar = range_bar(12.0, 1.0, 3.0)
    assert bar is not None
    assert bar.value is not None
    assert 0 < bar.low < bar.high < bar.value < 100
    assert bar.is_outside


@pytest.mark.parametrize(("value", "is_outside"), [(1.0, False), (3.0, False), (0.9, True), (3.1, True), (None, False)])
def test_the_ends_of_the_range_are_inside(value, is_outside):
    bar = range_bar(value, 1.0, 3.0)
    assert bar is not None
    assert bar.is_outside is is_outside


@example(None, 0.0, 1.797693134862316e306)
@given(numbers, numbers, numbers)
@settings(max_examples=200, deadline=None)
def test_any_numbers_give_a_bar_within_its_frame_or_none(value, low, high):
    bar = range_bar(value, low, high)
    if bar is not None:
        places = [bar.low, bar.high, *([] if bar.value is None else [bar.value])]
        assert all(0 <= place <= 100 for place in places)


def test_a_range_without_ends_is_not_drawn():
    assert range_bar(1.0, None, None) is None
    assert range_bar(1.0, 0.0, math.inf) is None
    assert range_bar(0.0, 0.0, 0.0) is None


@given(st.lists(st.floats(0.0001, 1.0), min_size=1, max_size=8), st.floats(0.0, 1.0))
@settings(max_examples=200, deadline=None)
def test_the_parts_shown_add_up_to_the_risk_shown(weights, risk):
    parts = {f"p{k}": risk * weight / sum(weights) for k, weight in enumerate(weights)}
    segments = stacked(parts, risk)
    assert sum(segment.hundredths for segment in segments) == hundredths(risk)
    assert [segment.width for segment in segments] == sorted((s.width for s in segments), reverse=True)


def test_the_strip_puts_events_in_their_lanes_and_the_gravest_on_top():
    ticks = strip(
        [
            TimelineEvent(0, "user_prompt"),
            TimelineEvent(50, "tool_result", success=False),
            TimelineEvent(50, "tool_result", rules=("r",)),
            TimelineEvent(75, "tool_result", success=False),
            TimelineEvent(100, "unheard_of"),
        ]
    )
    assert {(tick.x, tick.lane, tick.kind) for tick in ticks} == {
        (0, 0, "plain"), (500, 2, "found"), (750, 2, "failed"), (1000, 3, "plain"),
    }  # fmt: skip
    assert [tick.kind for tick in ticks] == ["plain", "plain", "failed", "found"]


def test_a_strip_of_nothing_and_of_one_moment():
    assert strip([]) == ()
    assert [tick.x for tick in strip([TimelineEvent(7, "user_prompt")])] == [0]
