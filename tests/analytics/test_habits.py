from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.habits import CLOCK_CENTRES, FARTHEST, clock, fit_habit_space
from tests.analytics.histories import rows_of
from tests.analytics.planted_users import READER, SHELL, sessions_by, team

HOUR_NS = 3_600_000_000_000


def test_no_id_and_no_date_is_a_habit():
    rows = rows_of(team(6))
    space = fit_habit_space(rows)
    disguised = replace(
        rows,
        infos=tuple(
            replace(
                info, session_id=f"x{number}", user_id="x", team="x", project="/x", model="x", agent="x",
                parent_session_id="x", started_ns=info.started_ns + 700 * 24 * HOUR_NS,
            )
            for number, info in enumerate(rows.infos)
        ),
    )  # fmt: skip
    assert np.array_equal(space.habits(rows), space.habits(disguised))


def test_a_tool_that_one_session_used_has_no_column():
    space = fit_habit_space(rows_of(sessions_by(READER, 8) + sessions_by(SHELL, 1)))
    assert "Read" in space.symbols
    assert "Bash" not in space.symbols


def test_the_clock_can_be_left_out():
    rows = rows_of(team(6))
    space = fit_habit_space(rows)
    later = replace(rows, infos=tuple(replace(info, started_ns=info.started_ns + 6 * HOUR_NS) for info in rows.infos))
    moved = (space.habits(rows) != space.habits(later)).any(axis=0)
    assert moved.any()
    assert not moved[~space.is_clock].any()


@given(st.integers(min_value=-(2**62), max_value=2**62))
@settings(max_examples=50, deadline=None)
def test_a_moment_is_nearest_the_window_of_its_hour_whatever_the_date(moment):
    (near,) = clock([moment])
    hours = moment % (24 * HOUR_NS) / HOUR_NS
    away = np.abs((hours - 24 / CLOCK_CENTRES * np.arange(CLOCK_CENTRES) + 12) % 24 - 12)
    assert np.array_equal(np.argsort(-near)[:1], [np.argmin(away)]) or np.isclose(*np.sort(away)[:2])
    assert ((near >= 0) & (near <= 1)).all()


@given(st.lists(st.floats(allow_nan=True, allow_infinity=False, width=32), min_size=1, max_size=8))
@settings(max_examples=30, deadline=None)
def test_habits_are_finite_and_bounded_whatever_the_features(noise):
    rows = rows_of(sessions_by(READER, 4))
    space = fit_habit_space(rows)
    values = rows.values.copy()
    values[0, : len(noise)] = noise
    habits = space.habits(replace(rows, values=values))
    assert np.isfinite(habits).all()
    assert np.abs(habits).max() <= FARTHEST
