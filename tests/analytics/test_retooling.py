from __future__ import annotations

import pytest

from analytics.familiarity import Familiarity
from analytics.retooling import by_agent, last_settled_ns, note_of, retoolings
from tests.analytics.test_familiarity import session

DAY = 86_400_000_000_000
BEGIN = 20_000 * DAY
SETTLE = 3 * DAY


@pytest.fixture
def known():
    """Two people's codex with ten sessions of history."""
    made = Familiarity()
    for number in range(10):
        met(made, number, BEGIN - DAY, "Read", user="ab"[number % 2])
    made.since_ns = BEGIN
    return made


def met(known, number, time_ns, *tools, **whose):
    known.adopt(known.meet(session(number, time_ns, *tools, **whose)))


def use_new(known, sessions, *, using, users="ab", version="1", first=100):
    """Sessions after the beginning, of which the first ``using`` use the new tool."""
    for number in range(sessions):
        tools = ("Read", "Fetch") if number < using else ("Read",)
        met(known, first + number, BEGIN + number, *tools, user=users[number % len(users)], version=version)


def test_a_tool_in_most_sessions_is_a_re_tooling(known):
    use_new(known, 8, using=6)
    (found,) = retoolings(known, SETTLE)
    assert (found.agent, found.tool, found.version, found.sessions, found.among) == ("codex", "Fetch", "", 6, 8)
    assert found.until_ns == BEGIN + SETTLE


def test_a_tool_in_a_lone_session_is_none(known):
    use_new(known, 8, using=1)
    assert retoolings(known, SETTLE) == []


def test_four_sessions_are_too_few_even_if_they_are_all(known):
    use_new(known, 4, using=4)
    assert retoolings(known, SETTLE) == []


def test_less_than_half_is_too_few(known):
    use_new(known, 13, using=6)
    assert retoolings(known, SETTLE) == []


def test_one_person_re_tools_nobody_elses_agent(known):
    use_new(known, 8, using=8, users="a")
    assert retoolings(known, SETTLE) == []


def test_where_one_person_uses_the_agent_theirs_are_enough():
    known = Familiarity()
    for number in range(10):
        met(known, number, BEGIN - DAY, "Read")
    known.since_ns = BEGIN
    use_new(known, 6, using=6, users=["ana"])
    assert len(retoolings(known, SETTLE)) == 1


def test_a_new_agent_is_not_re_tooled():
    known = Familiarity((), BEGIN)
    use_new(known, 8, using=8)
    assert retoolings(known, SETTLE) == []


def test_tools_of_the_first_history_are_none():
    known = Familiarity()
    for number in range(20):
        met(known, number, BEGIN - DAY, "Read", "Fetch") if number > 9 else met(known, number, BEGIN - DAY, "Read")
    known.since_ns = BEGIN
    assert retoolings(known, SETTLE) == []


def test_the_half_of_a_new_version_is_enough(known):
    use_new(known, 6, using=6, version="2")
    use_new(known, 20, using=0, first=200)
    (found,) = retoolings(known, SETTLE)
    assert (found.version, found.sessions, found.among) == ("2", 6, 6)


def test_the_half_of_an_old_version_is_not(known):
    for number in range(3):
        met(known, 50 + number, BEGIN - 10 * DAY, "Read", version="0")
    use_new(known, 6, using=6, version="0")
    use_new(known, 20, using=0, first=200)
    assert retoolings(known, SETTLE) == []


def test_with_nothing_to_settle_nobody_does(known):
    use_new(known, 8, using=8)
    assert retoolings(known, 0) == []


def test_an_agent_settles_until_the_stated_time_and_is_normal_from_then_on(known):
    use_new(known, 8, using=6)
    found = retoolings(known, SETTLE)
    until = BEGIN + SETTLE
    assert set(by_agent(found, until - 1, BEGIN)) == {"codex"}
    assert by_agent(found, until, until) == {}
    assert last_settled_ns(found, until - 1) is None
    assert last_settled_ns(found, until) == until


def test_until_it_has_been_learnt_it_goes_on_for_a_day(known):
    use_new(known, 8, using=6)
    found, until = retoolings(known, SETTLE), BEGIN + SETTLE
    assert set(by_agent(found, until + DAY - 1, until - 1)) == {"codex"}
    assert by_agent(found, until + DAY, until - 1) == {}


def test_tools_that_come_together_settle_together(known):
    for number in range(8):
        met(known, 100 + number, BEGIN + number, "Read", "Fetch", user="ab"[number % 2])
    for number in range(8):
        met(known, 200 + number, BEGIN + DAY + number, "Read", "Fetch", "Patch", user="ab"[number % 2])
    for number in range(20):
        met(known, 300 + number, BEGIN + 4 * DAY + number, "Read", "Fetch", "Patch", "Late", user="ab"[number % 2])
    until = {one.tool: one.until_ns for one in retoolings(known, SETTLE)}
    together = BEGIN + DAY + SETTLE
    assert until == {"Fetch": together, "Patch": together, "Late": BEGIN + 4 * DAY + SETTLE}


def test_the_note_says_what_since_when_how_often_as_what_and_until_when(known):
    use_new(known, 8, using=6)
    note = note_of(retoolings(known, SETTLE), {"Fetch": "Read"})
    assert note == (
        "Agent codex has been re-tooled (tool Fetch since 2024-10-04 00:00 UTC, in 6 of 8 sessions, judged as Read); "
        "normal again after 2024-10-07 00:00 UTC"
    )
