from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.sessions import SessionEvents, describe_sessions
from tests.builders import record, sessions_of, table_of, use

HOUR = 3_600_000_000_000
moments = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 50)), max_size=40)


@given(moments, st.randoms())
@settings(deadline=None, max_examples=150)
def test_every_event_belongs_to_its_session_in_order_of_time(rows, shuffler):
    records = [record("user_prompt", second, session_id=name) for name, second in rows]
    shuffler.shuffle(records)
    sessions = sessions_of(*records)
    assert sorted(sessions.session_ids) == sorted({name for name, _ in rows})
    assert sum(sessions.lengths) == len(rows)
    for number, session_id in enumerate(sessions.session_ids):
        part = sessions.table.frame.iloc[sessions.starts[number] : sessions.starts[number + 1]]
        assert set(part["session_id"]) == {session_id}
        assert part["time_ns"].is_monotonic_increasing


@given(moments)
@settings(deadline=None, max_examples=100)
def test_reading_events_twice_changes_nothing(rows):
    records = [record("user_prompt", second, session_id=name, sequence=k) for k, (name, second) in enumerate(rows)]
    once, twice = sessions_of(*records), sessions_of(*records, *records)
    assert once.session_ids == twice.session_ids
    assert np.array_equal(once.lengths, twice.lengths)


def test_a_session_is_described_by_its_first_known_values():
    info = describe_sessions(
        sessions_of(
            record("session_start", 0, agent="claude-code"),
            record("user_prompt", 10, user_id="ana", project="/p"),
            record("user_prompt", 90, user_id="bob", parent_session_id="p1"),
        )
    )[0]
    assert (info.agent, info.user_id, info.project, info.parent_session_id) == ("claude-code", "ana", "/p", "p1")
    assert info.ended_ns - info.started_ns == 90_000_000_000
    assert info.events == 3


def test_silence_or_an_explicit_end_ends_a_session():
    running, ended = (
        describe_sessions(sessions_of(record("user_prompt", 0), *more))[0] for more in ([], [record("session_end", 5)])
    )
    assert not running.is_idle(running.ended_ns + HOUR - 1, HOUR)
    assert running.is_idle(running.ended_ns + HOUR, HOUR)
    assert ended.is_idle(ended.ended_ns, HOUR)


def test_a_late_event_after_the_end_reopens_a_session():
    info = describe_sessions(sessions_of(record("session_end", 5), record("user_prompt", 6)))[0]
    assert not info.is_idle(info.ended_ns, HOUR)


def test_an_age_takes_the_first_events_of_longer_sessions_only():
    records = [use(k, session="long") for k in range(10)] + [use(k, session="short") for k in range(4)]
    part = SessionEvents.from_table(table_of(*records)).at_ages((4,))
    assert part.session_ids == ("long",)
    assert list(part.lengths) == [4]


def test_ages_follow_one_another_each_with_the_first_events_of_its_sessions():
    records = [use(k, session=name) for name, count in (("a", 3), ("b", 6), ("c", 9)) for k in range(count)]
    sessions = SessionEvents.from_table(table_of(*records))
    part = sessions.at_ages((2, 4, 8, 16))
    assert part.session_ids == ("a", "b", "c", "b", "c", "c")
    assert list(part.lengths) == [2, 2, 2, 4, 4, 8]
    seconds = (part.table.values("time_ns") - sessions.table.values("time_ns").min()) // 1_000_000_000
    assert seconds.tolist() == [second for length in part.lengths for second in range(length)]
    names = [part.table.categories("session_id")[code] for code in part.table.codes("session_id")[part.starts[:-1]]]
    assert tuple(names) == part.session_ids


def test_no_session_is_old_enough():
    part = SessionEvents.from_table(table_of(use(0))).at_ages((8, 16))
    assert len(part) == 0
    assert len(part.table) == 0


def test_no_events_make_no_sessions():
    empty = sessions_of()
    assert len(empty) == 0
    assert describe_sessions(empty) == []
