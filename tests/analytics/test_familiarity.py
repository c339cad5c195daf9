from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics import familiarity
from analytics.familiarity import AGENT, AGENT_VERSION, TOOL, USER, Familiarity, Sighting, unseen_since, without_people

SINCE = 1_000


def session(number, time_ns, *tools, user="ana", agent="codex", version="1"):
    """The sightings of one session."""
    whose = (f"s{number}", time_ns, user, version)
    return [
        Sighting(USER, (user,), *whose),
        Sighting(AGENT, (agent,), *whose),
        Sighting(AGENT_VERSION, (agent, version), *whose),
        *(Sighting(TOOL, (agent, tool), *whose) for tool in tools),
    ]


def met(known, sightings):
    meeting = known.meet(sightings)
    known.adopt(meeting)
    return meeting


def names(meeting):
    return [(one.kind, one.name) for one in meeting.novelties]


def test_nothing_of_the_first_history_is_new():
    known = Familiarity()
    assert not met(known, session(1, 10, "Read")).novelties
    assert len(known) == 4


def test_what_comes_later_is_new_once():
    known = Familiarity()
    met(known, session(1, 10, "Read"))
    known.since_ns = SINCE
    assert names(met(known, session(2, 2_000, "Read", "Fetch", user="bob", version="2"))) == [
        (USER, ("bob",)),
        (AGENT_VERSION, ("codex", "2")),
        (TOOL, ("codex", "Fetch")),
    ]
    assert not met(known, session(3, 3_000, "Fetch", user="bob", version="2")).novelties


def test_history_that_arrives_late_is_not_new():
    known = Familiarity((), SINCE)
    assert not met(known, session(1, SINCE - 1, "Read")).novelties
    assert known.get(TOOL, ("codex", "Read")) is not None


def test_what_has_no_name_is_known_and_never_told():
    known = Familiarity((), SINCE)
    assert names(met(known, session(1, 2_000, user="", version=""))) == [(AGENT, ("codex",))]


def test_one_tool_of_two_agents_is_two_things():
    known = Familiarity((), SINCE)
    met(known, session(1, 2_000, "Read"))
    assert (TOOL, ("gemini", "Read")) in names(met(known, session(2, 2_001, "Read", agent="gemini")))


def test_of_users_only_whether_there_is_one_or_more_is_kept():
    known = Familiarity()
    met(known, session(1, 10, "Read"))
    assert known.get(TOOL, ("codex", "Read")).user == "ana"
    met(known, session(2, 20, "Read", user="bob"))
    tool = known.get(TOOL, ("codex", "Read"))
    assert (tool.user, tool.is_shared, tool.sessions) == ("", True, 2)


def test_beyond_the_bound_names_are_counted_and_neither_kept_nor_told(monkeypatch):
    monkeypatch.setattr(familiarity, "MOST_KNOWN", 3)
    known = Familiarity((), SINCE)
    meeting = met(known, session(1, 2_000, *(f"t{number}" for number in range(10))))
    assert sum(kind == TOOL for kind, _ in names(meeting)) == 3
    assert meeting.crowded_out == {TOOL: 7}
    assert sum(1 for _ in known.of_kind(TOOL)) == 3
    assert met(known, session(2, 3_000, "t0", "t9")).crowded_out == {TOOL: 1}


def test_room_that_is_given_back_is_used_again(monkeypatch):
    monkeypatch.setattr(familiarity, "MOST_KNOWN", 1)
    known = Familiarity((), SINCE)
    met(known, session(1, 2_000, "old"))
    known.forget(unseen_since(known.of_kind(TOOL), 2_500), {})
    assert (TOOL, ("codex", "young")) in names(met(known, session(1, 3_000, "young")))


def test_forgetting_people_takes_their_names_from_everything():
    known = Familiarity()
    met(known, session(1, 10, "Read"))
    everything = [one for kind in familiarity.KINDS for one in known.of_kind(kind)]
    removed, changed = without_people(everything, {"ana"})
    known.forget(removed, changed)
    assert removed == {(USER, ("ana",))}
    left = [one for kind in familiarity.KINDS for one in known.of_kind(kind)]
    assert {one.kind for one in left} == {AGENT, AGENT_VERSION, TOOL}
    assert not any("ana" in (one.user, *one.name) for one in left)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(1, 6), max_size=8), st.integers(0, 2**16))
def test_wherever_batches_end_the_same_is_known_and_told(cuts, seed):
    rng = random.Random(seed)
    tools = ["Read", "Edit", "Fetch"]
    sightings = [
        one
        for number in range(12)
        for one in session(number, 500 + number * 100, *rng.sample(tools, rng.randint(0, 3)), user=rng.choice("ab"))
    ]
    whole, parts = Familiarity((), SINCE), Familiarity((), SINCE)
    at_once = names(met(whole, sightings))
    told, begin = [], 0
    for cut in [*cuts, len(sightings)]:
        told += names(met(parts, sightings[begin : begin + cut]))
        begin += cut
    assert told == at_once
    for kind in familiarity.KINDS:
        assert set(parts.of_kind(kind)) == set(whole.of_kind(kind))


@pytest.mark.parametrize("kind", familiarity.KINDS)
def test_a_meeting_changes_nothing_before_it_is_adopted(kind):
    known = Familiarity()
    known.meet(session(1, 10, "Read"))
    assert not list(known.of_kind(kind))
