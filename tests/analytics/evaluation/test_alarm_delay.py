import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.evaluation.alarm_delay import (
    WITHIN,
    AlarmBlock,
    delay_rows,
    delay_rows_by_part,
    first_alarms,
    mean_delays,
    session_threshold,
)
from analytics.evaluation.metrics import alarm_threshold
from analytics.evaluation.prefix_grid import PrefixGrid

LENGTH, ONSET = 200, 60


def block(bad, good, part="", groups=None):
    """A block of one scorer from the delays of its bad and its good sessions, None for no alarm."""
    delays = np.array([np.nan if one is None else one for one in (*bad, *good)], dtype=float)
    numbers = np.arange(len(delays))
    is_bad = numbers < len(bad)
    return AlarmBlock(numbers, is_bad, numbers if groups is None else np.array(groups), {"own": delays}, part)


@pytest.mark.parametrize("jump", [0, 1, 5, 10, 30, 100])
def test_a_score_that_jumps_so_many_events_past_the_onset_gives_exactly_that_delay(jump):
    grid = PrefixGrid.of(np.array([LENGTH, LENGTH]), np.array([ONSET, ONSET]))
    scores = np.where((grid.flat_sessions == 0) & (grid.flat_ages - ONSET - 1 >= jump), 0.9, 0.1)
    delays = first_alarms(grid.latched(scores), grid.past, 0.5)
    assert delays[0] == jump
    assert math.isnan(delays[1])


def test_a_jump_between_two_looks_is_told_at_the_later_one():
    grid = PrefixGrid.of(np.array([LENGTH]), np.array([ONSET]))
    jump = 25
    later = min(past for past in grid.past[0] if past >= jump)
    scores = np.where(grid.flat_ages - ONSET - 1 >= jump, 0.9, 0.1)
    assert first_alarms(grid.latched(scores), grid.past, 0.5)[0] == later > jump


def test_an_alarm_holds_although_the_score_falls_again():
    grid = PrefixGrid.of(np.array([10]), np.array([3]))
    flash = np.where(grid.flat_ages == 6, 0.9, 0.1)
    assert first_alarms(grid.latched(flash), grid.past, 0.5)[0] == 2


def test_a_good_session_that_exceeds_again_and_again_counts_once():
    grid = PrefixGrid.of(np.full(4, 20), np.full(4, 5))
    scores = np.where((grid.flat_sessions == 2) & (grid.flat_ages % 3 == 0), 0.9, 0.1)
    delays = first_alarms(grid.latched(scores), grid.past, 0.5)
    numbers = np.arange(5)
    watched = AlarmBlock(numbers, numbers == 4, numbers, {"own": np.append(delays, np.nan)})
    row = delay_rows("set", "whole", [watched])[0]
    assert row.false_alarms.value == 0.25
    assert (row.bad, row.good) == (1, 4)


@given(st.integers(20, 80), st.integers(2, 20), st.integers(0, 1_000))
@settings(max_examples=60, deadline=None)
def test_a_line_for_whole_sessions_lies_at_or_above_that_for_single_looks_and_keeps_its_promise(sessions, looks, seed):
    scores = np.random.default_rng(seed).random((sessions, looks))
    line = session_threshold(np.maximum.accumulate(scores, axis=1))
    assert line >= alarm_threshold(scores.ravel(), 0.05)
    assert (scores > line).any(axis=1).mean() <= 0.05


def test_where_every_session_exceeds_once_only_the_line_for_whole_sessions_keeps_five_percent():
    sessions, looks = 100, 20
    scores = np.zeros((sessions, looks))
    scores[np.arange(sessions), np.arange(sessions) % looks] = 1.0 + np.arange(sessions) / sessions
    single, whole = alarm_threshold(scores.ravel(), 0.05), session_threshold(np.maximum.accumulate(scores, axis=1))
    assert (scores > single).any(axis=1).mean() > 0.9
    assert (scores > whole).any(axis=1).mean() <= 0.05


def test_an_alarm_before_the_onset_is_told_as_such_and_is_no_find():
    row = delay_rows("set", "whole", [block([-3, 0, 6, None], [None])])[0]
    assert row.alarmed.value == 0.75
    assert row.before_onset.value == 0.25
    assert [row.within[most].value for most in WITHIN] == [0.25, 0.5, 0.5, 0.5]
    assert row.delay[0.5].value == 0
    assert row.delay[0.75].value == 6


def test_quartiles_are_of_those_alarmed_and_unknown_where_there_are_none():
    row = delay_rows("set", "whole", [block([*range(8), None, -1], [None])])[0]
    assert [row.delay[share].value for share in (0.25, 0.5, 0.75)] == [1, 3, 5]
    none = delay_rows("set", "whole", [block([None, -2], [None])])[0]
    assert math.isnan(none.delay[0.5].value)
    assert none.alarmed.value == 0.5


@given(st.lists(st.one_of(st.none(), st.integers(-5, 60)), min_size=4, max_size=30), st.integers(0, 100))
@settings(max_examples=40, deadline=None)
def test_intervals_lie_round_the_share_and_within_shares_never_fall(delays, seed):
    row = delay_rows("set", "whole", [block(delays, [None, 3])], seed)[0]
    assert row.alarmed.low <= row.alarmed.value <= row.alarmed.high
    shares = [row.within[most].value for most in WITHIN]
    assert shares == sorted(shares)
    assert shares[-1] + row.before_onset.value <= row.alarmed.value + 1e-12


def test_groups_are_resampled_as_a_whole():
    alone = delay_rows("set", "whole", [block([1] * 10 + [None] * 10, [None])])[0].alarmed
    together = delay_rows("set", "whole", [block([1] * 10 + [None] * 10, [None], groups=[0] * 10 + [1] * 10 + [2])])[0]
    assert alone.value == together.alarmed.value == 0.5
    assert together.alarmed.high - together.alarmed.low > 2 * (alone.high - alone.low)


def test_parts_stand_alone_and_are_pooled_by_strength():
    blocks = [block([1, None], [None], "loop mild"), block([3, 5], [None], "loop strong")]
    rows = {row.condition: row for row in delay_rows_by_part("set", blocks)}
    assert list(rows) == ["loop mild", "loop strong", "all", "all mild", "all strong"]
    assert rows["loop mild"].alarmed.value == rows["all mild"].alarmed.value == 0.5
    assert rows["all"].alarmed.value == 0.75
    assert rows["all"].delay[0.5].value == 3


def test_sets_of_one_family_and_condition_end_in_their_mean():
    first = delay_rows("runs-1", "good", [block([0, 2], [None])])
    second = delay_rows("runs-2", "good", [block([4, None], [None])])
    other = delay_rows("runs-3", "another", [block([None], [None])])
    mean = mean_delays([*first, *second, *other])
    assert [row.dataset for row in mean] == ["mean of runs-*"]
    assert mean[0].alarmed.value == 0.75
    assert mean[0].delay[0.5].value == 2
    assert (mean[0].bad, mean[0].good) == (4, 2)
