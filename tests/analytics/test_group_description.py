from __future__ import annotations

import re

import numpy as np

from analytics.group_description import LONGEST_NAME, NOTHING, describe_groups
from tests.analytics.histories import rows_of
from tests.analytics.planted_users import READER, SHELL, WRITER, Habit, sessions_by


def described(*habits):
    rows = rows_of([one for habit in habits for one in sessions_by(habit, 15)])
    labels = np.array([[habit.user for habit in habits].index(info.user_id) for info in rows.infos])
    return describe_groups(rows, labels, len(habits))


def test_the_planted_habit_is_named_with_its_share():
    shell, reader, writer = described(SHELL, READER, WRITER)
    share = re.search(r"`Bash` (\d+)% of the steps \(others (\d+)%\)", shell)
    assert 60 <= int(share[1]) <= 85  # planted: 0.8 of the tool uses, beside a prompt
    assert int(share[2]) == 0
    assert "`Grep`" in reader.split(" | ")[0]
    assert "`Write`" in writer.split(" | ")[0] or "`Edit`" in writer.split(" | ")[0]


def test_what_a_group_does_less_is_told_apart_from_more():
    long_winded = Habit("dan", READER.tools, READER.hour, 5_000)
    more, less = (text.split(" | ") for text in described(long_winded, READER))
    assert any(part.startswith("more") and "characters" in part for part in more)
    assert any(part.startswith("less") and "characters" in part for part in less)


def test_groups_alike_have_nothing_to_tell():
    rows = rows_of(sessions_by(READER, 60))
    labels = np.arange(60) % 2
    assert describe_groups(rows, labels, 2) == (NOTHING, NOTHING)


def test_a_hostile_tool_name_is_bounded():
    loud = Habit("mal", {"x" * 5_000: 1.0}, 3.0, 100)
    text = described(loud, READER)[0]
    assert "x" * LONGEST_NAME in text
    assert len(text) < 600
