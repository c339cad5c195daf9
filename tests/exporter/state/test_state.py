"""What is written in a transaction is read back exactly, all of it or nothing."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.events import EventTable
from analytics.findings import SEVERITIES, Finding
from analytics.rule_occurrences import Hit
from analytics.verdicts import FingerprintView, Reason, SessionVerdict
from exporter.state import HumanVerdict, State, StateLocked, StateUnwritable, StoredSession
from exporter.state.stored_session import from_row, to_row
from tests.builders import table_of, use
from tests.exporter.state.stored import assert_same_events, bare_session, full_session, full_verdict, same_session

INT64 = st.integers(-(2**63), 2**63 - 1)


@pytest.fixture
def state(tmp_path):
    with State.open(tmp_path) as opened:
        yield opened


def reopened(state: State) -> State:
    """The same state seen by another process."""
    return State.open_read_only(Path(state._database.place).parent)


def table_for(session_id: str, *tools: str) -> EventTable:
    return table_of(*(use(second, tool, session=session_id) for second, tool in enumerate(tools)))


def page(rows: EventTable) -> list[str]:
    return list(rows.frame["tool_name"])


def test_a_new_state_is_empty(state):
    assert state.positions() == {}
    assert state.counters() == {}
    assert state.sessions() == []
    assert state.session("s1") is None
    assert state.open_session_ids() == set()
    assert len(state.events(["s1"])) == 0
    assert state.hits(["s1"]) == []
    assert state.human_verdicts() == {}
    assert state.model_digests("risk") == {}


def test_an_empty_transaction_changes_nothing(state):
    with state.begin() as transaction:
        transaction.append_events(EventTable.empty())
        transaction.add_hits([])
        transaction.put_sessions([])
        transaction.add_counts("m_total", {})
        transaction.drop_events([])
        transaction.delete_sessions([])
    assert state.sessions() == []
    assert state.counters() == {}


def test_a_position_replaces_the_sources_last_one(state):
    position = {"time_ns": 2**62, "ids": ["a\x00", "\u2603"], "share": 0.1 + 0.2, "none": None, "deep": {"on": True}}
    with state.begin() as transaction:
        transaction.set_position("loki", {"time_ns": 1})
        transaction.set_position("local", {})
        transaction.set_position("loki", position)
    with reopened(state) as other:
        assert other.positions() == {"loki": position, "local": {}}


def test_counts_add_up_over_transactions_by_metric_and_labels(state):
    for _ in range(3):
        with state.begin() as transaction:
            transaction.add_counts("a_total", {("Read", "success"): 2, ("Rea", "dsuccess"): 0.5})
            transaction.add_counts("b_total", {(): 1, ("\x00",): 1, ("",): 2})
    assert state.counters() == {
        "a_total": {("Read", "success"): 6.0, ("Rea", "dsuccess"): 1.5},
        "b_total": {(): 3.0, ("\x00",): 3.0, ("",): 6.0},
    }


def test_a_session_with_everything_comes_back_exactly(state):
    with state.begin() as transaction:
        transaction.put_sessions([full_session("s\x001"), bare_session("s2")])
    with reopened(state) as other:
        found = {session.session_id: session for session in other.sessions()}
        single = other.session("s\x001")
    assert same_session(found["s\x001"], full_session("s\x001"))
    assert same_session(found["s2"], bare_session("s2"))
    assert single is not None
    assert same_session(single, full_session("s\x001"))


def test_a_session_put_again_is_replaced_whole(state):
    with state.begin() as transaction:
        transaction.put_sessions([full_session("s1")])
    with state.begin() as transaction:
        transaction.put_sessions([bare_session("s1"), bare_session("s2"), bare_session("s2", last_ns=99)])
    assert [session.session_id for session in state.sessions()] == ["s1", "s2"]
    found = state.session("s1")
    assert found is not None
    assert same_session(found, bare_session("s1"))
    assert state.session("s2").last_ns == 99


def test_numpy_numbers_are_stored_as_plain_ones(state):
    verdict = SessionVerdict("s1", np.int64(1), 2, 3, None, None, None, "scored", risk=np.float64(0.25))
    row = StoredSession("s1", np.int64(1), np.int64(2), np.int64(3), np.bool_(1), np.int64(4), verdict=verdict)
    with state.begin() as transaction:
        transaction.put_sessions([row])
    found = state.session("s1")
    expected = SessionVerdict("s1", 1, 2, 3, None, None, None, "scored", risk=0.25)
    assert same_session(found, StoredSession("s1", 1, 2, 3, is_open=True, closed_ns=4, verdict=expected))


def test_feature_rows_of_two_dimensions_are_refused(state):
    with pytest.raises(ValueError, match="one dimension"), state.begin() as transaction:
        transaction.put_sessions([StoredSession("s1", 1, 2, 3, is_open=True, features=np.zeros((2, 2)))])
    assert state.sessions() == []


def test_sessions_come_by_start_and_can_be_limited_to_those_seen_since(state):
    with state.begin() as transaction:
        transaction.put_sessions(
            full_session(name, started_ns=start, last_ns=last)
            for name, start, last in (("late", 9, 10), ("early", 1, 30), ("middle", 5, 20))
        )
    assert [session.session_id for session in state.sessions()] == ["early", "middle", "late"]
    assert [session.session_id for session in state.sessions(since_ns=20)] == ["early", "middle"]
    assert state.sessions(since_ns=31) == []


def test_only_running_sessions_are_open(state):
    with state.begin() as transaction:
        transaction.put_sessions([bare_session("a"), bare_session("b", is_open=False), bare_session("c")])
    with state.begin() as transaction:
        transaction.put_sessions([bare_session("c", is_open=False)])
    assert state.open_session_ids() == {"a"}


def verdicts() -> st.SearchStrategy[SessionVerdict]:
    text, number = st.text(), st.floats()
    maybe = st.none() | number
    given_fields = {
        "session_id": text,
        "started_ns": INT64,
        "ended_ns": INT64,
        "events": INT64,
        "agent": st.none(),
        "project": text,
        "status": st.just("scored"),
        "user_id": st.none() | text,
        "risk": maybe,
        "needed": st.none() | INT64,
        "parts": st.dictionaries(text, number),
        "detectors": st.dictionaries(text, number),
        "reasons": st.lists(st.builds(Reason, text, number, number, number, number, text), max_size=3).map(tuple),
        "findings": st.lists(
            st.builds(Finding, text, text, st.sampled_from(SEVERITIES), INT64, INT64, INT64), max_size=3
        ).map(tuple),
        "fingerprint": st.none() | st.builds(FingerprintView, text, text, maybe),
        "is_final": st.booleans(),
    }
    return st.builds(SessionVerdict, **given_fields)


@settings(max_examples=80, deadline=None)
@given(verdicts())
def test_any_verdict_comes_back_exactly(verdict):
    session = StoredSession("s1", 1, 2, 3, is_open=False, verdict=verdict)
    assert repr(from_row(tuple(to_row(session).values())).verdict) == repr(verdict)


def test_appended_events_come_back_behind_the_earlier_ones(state):
    for tools in (("Read", "Grep"), ("Edit",), ("Bash", "Read")):
        with state.begin() as transaction:
            transaction.append_events(EventTable.concat([table_for("s1", *tools), table_for("s2", *tools[:1])]))
    with reopened(state) as other:
        assert page(other.events(["s1"])) == ["Read", "Grep", "Edit", "Bash", "Read"]
        assert page(other.events(["s2", "none", "s2"])) == ["Read", "Edit", "Bash"]
        assert len(other.events([])) == 0


def test_events_of_more_sessions_than_fit_one_query_come_back(state):
    tables = table_of(*(use(second, session=f"s{second % 1203}") for second in range(2406)))
    with state.begin() as transaction:
        transaction.append_events(tables)
    found = state.events(f"s{number}" for number in range(1203))
    assert_same_events(found.sorted(), tables.without_details().sorted())


def test_hits_come_back_exactly_in_order(state):
    hits = [Hit("s1", "reads-secrets", 2**62, -1, "tool_result", 2**64 - 1, 7), Hit("s1", "b\x00", 1, 2)]
    with state.begin() as transaction:
        transaction.add_hits([*hits, Hit("s2", "other", 5, 5)])
    assert state.hits(["s1"]) == hits
    assert state.hits(["s2", "s1"]) == [*hits, Hit("s2", "other", 5, 5)]


def test_a_persons_verdict_replaces_the_last_one(state):
    with state.begin() as transaction:
        transaction.put_human_verdict("s1", HumanVerdict("benign", "", 1.5))
        transaction.put_human_verdict("s1", HumanVerdict("malicious", "took\x00 keys \u2603\n", 2.25, "ana"))
    assert state.human_verdicts() == {"s1": HumanVerdict("malicious", "took\x00 keys \u2603\n", 2.25, "ana")}


def test_a_persons_verdict_must_be_a_known_one():
    with pytest.raises(ValueError, match="benign, malicious, broken"):
        HumanVerdict("fine", "", 1.0)


def test_digests_of_models_are_kept_by_analysis_and_version(state):
    with state.begin() as transaction:
        transaction.put_model_digest("risk", "v1", "aa")
        transaction.put_model_digest("risk", "v2", "bb")
        transaction.put_model_digest("fingerprint", "v1", "cc")
    assert state.model_digests("risk") == {"v1": "aa", "v2": "bb"}
    assert state.model_digests("fingerprint") == {"v1": "cc"}


def fill(state: State, *session_ids: str) -> None:
    with state.begin() as transaction:
        for number, session_id in enumerate(session_ids):
            transaction.append_events(table_for(session_id, "Read"))
            transaction.add_hits([Hit(session_id, "rule", 1, 1)])
            transaction.put_sessions([full_session(session_id, last_ns=number)])
            transaction.put_human_verdict(session_id, HumanVerdict("benign", "", 1.0))


def test_dropping_events_keeps_the_session_and_what_was_said(state):
    fill(state, "s1", "s2")
    with state.begin() as transaction:
        transaction.drop_events(["s1", "none"])
    assert len(state.events(["s1"])) == len(state.hits(["s1"])) == 0
    assert len(state.events(["s2"])) == len(state.hits(["s2"])) == 1
    dropped, kept = state.session("s1"), state.session("s2")
    assert (dropped.has_events, kept.has_events) == (False, True)
    assert repr(dropped.verdict) == repr(full_verdict("s1"))
    assert set(state.human_verdicts()) == {"s1", "s2"}


def test_deleting_sessions_removes_everything_of_theirs_and_nothing_else(state):
    fill(state, "s1", "s2", "s3")
    with state.begin() as transaction:
        transaction.delete_sessions(["s1", "s3", "s3", "none"])
    assert [session.session_id for session in state.sessions()] == ["s2"]
    assert set(state.human_verdicts()) == {"s2"}
    assert len(state.events(["s1", "s2", "s3"])) == len(state.hits(["s1", "s2", "s3"])) == 1


def test_pruning_removes_sessions_last_seen_before_a_time(state):
    fill(state, "s0", "s1", "s2")  # last seen at 0, 1 and 2
    assert state.prune(before_ns=2) == 2
    assert [session.session_id for session in state.sessions()] == ["s2"]
    assert set(state.human_verdicts()) == {"s2"}
    assert len(state.events(["s0", "s1", "s2"])) == len(state.hits(["s0", "s1", "s2"])) == 1
    assert state.prune(before_ns=2) == 0


def test_an_exception_undoes_the_whole_transaction_and_passes(state):
    fill(state, "s1")

    def change() -> None:
        with state.begin() as transaction:
            transaction.set_position("loki", {"time_ns": 5})
            transaction.add_counts("a_total", {("x",): 1})
            transaction.append_events(table_for("s1", "Bash"))
            transaction.put_sessions([bare_session("s2")])
            transaction.delete_sessions(["s1"])
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        change()
    assert state.positions() == {}
    assert state.counters() == {}
    assert page(state.events(["s1"])) == ["Read"]
    assert [session.session_id for session in state.sessions()] == ["s1"]


def test_a_full_disk_undoes_the_transaction_in_one_line_and_the_state_stays_usable(state):
    fill(state, "s1")
    with state._database.reading() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 2}")

    def grow() -> None:
        with state.begin() as transaction:
            transaction.set_position("loki", {"time_ns": 5})
            transaction.put_sessions(full_session(f"more-{number}") for number in range(2000))

    with pytest.raises(StateUnwritable, match=r"state\.db cannot be used \(database or disk is full\)") as caught:
        grow()
    assert "\n" not in str(caught.value)
    assert state.positions() == {}
    with state.begin() as transaction:
        transaction.delete_sessions(["s1"])
    assert state.sessions() == []


def test_a_reader_sees_the_last_commit_while_another_thread_writes(state):
    fill(state, "s1")
    seen: list[list[str]] = []

    def read() -> None:
        seen.append([session.session_id for session in state.sessions()])

    with state.begin() as transaction:
        transaction.put_sessions([bare_session("s2")])
        during = threading.Thread(target=read)
        during.start()
        during.join()
    read()
    assert seen == [["s1"], ["s1", "s2"]]


def test_writers_in_several_threads_wait_for_each_other(state):
    def count() -> None:
        for _ in range(20):
            with state.begin() as transaction:
                transaction.add_counts("a_total", {("x",): 1})

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert state.counters() == {"a_total": {("x",): 80.0}}


def test_a_transaction_that_waits_too_long_says_that_the_state_is_busy(tmp_path, monkeypatch):
    monkeypatch.setattr("exporter.state.database.BUSY_SECONDS", 0.01)
    with (
        State.open(tmp_path) as state,
        state.begin(),
        pytest.raises(StateLocked, match="kept busy by another transaction"),
        state.begin(),
    ):
        pass
