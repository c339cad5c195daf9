from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.held_back import folds
from analytics.traces import EMPTY_TRACE, Trace


def opening(symbol: str, size: float = 10.0) -> Trace:
    sizes = np.full((1, 4), np.nan, dtype=np.float32)
    sizes[0, 0] = size
    return Trace((symbol,), sizes, np.zeros(1, dtype=np.int32), 1)


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 5)), min_size=1, max_size=80), st.integers(1, 6))
@settings(max_examples=60, deadline=None)
def test_every_session_has_a_fold_and_no_fold_is_overfull(sessions, count):
    started, tasks = zip(*sessions, strict=True)
    fold = folds(started, [opening("prompt", float(task)) for task in tasks], ["ana"] * len(tasks), count)
    assert set(fold) <= set(range(count))
    # Blocks are at most one fold's worth, and are dealt by where their middle falls.
    assert np.bincount(fold).max() <= 2 * -(-len(sessions) // count)


def test_sessions_that_open_alike_are_held_back_together():
    tasks = [number % 20 for number in range(100)]
    fold = folds(range(100), [opening("prompt", float(task)) for task in tasks], ["ana"] * 100, 5)
    assert all(len({fold[number] for number in range(100) if tasks[number] == task}) == 1 for task in range(20))


def test_sessions_that_open_differently_are_parted_by_time():
    fold = folds(range(50), [opening("prompt", float(number)) for number in range(50)], ["ana"] * 50, 5)
    assert fold.tolist() == sorted(fold.tolist())
    assert np.bincount(fold).tolist() == [10] * 5


def test_a_team_that_always_opens_alike_is_parted_by_time_too():
    fold = folds(range(50), [opening("prompt")] * 50, ["ana"] * 50, 5)
    assert np.bincount(fold).tolist() == [10] * 5


def test_sessions_without_steps_are_not_alike():
    assert np.bincount(folds(range(50), [EMPTY_TRACE] * 50, ["ana"] * 50, 5)).tolist() == [10] * 5


def test_a_user_who_worked_for_a_week_only_is_never_held_back_whole():
    users = ["ana"] * 10 + ["ben"] * 10 + ["ana"] * 30
    fold = folds(range(50), [opening("prompt", float(number)) for number in range(50)], users, 5)
    assert sorted(fold[10:20].tolist()) == sorted([0, 1, 2, 3, 4] * 2)


def test_users_of_a_single_session_are_spread_over_the_folds():
    fold = folds(range(50), [opening("prompt", float(number)) for number in range(50)], range(50), 5)
    assert np.bincount(fold).tolist() == [10] * 5


def test_sessions_that_open_alike_are_held_back_together_whosever_they_are():
    tasks = [number // 2 for number in range(100)]
    users = ["ana", "ben"] * 50
    fold = folds(range(100), [opening("prompt", float(task)) for task in tasks], users, 5)
    assert (fold[::2] == fold[1::2]).all()
