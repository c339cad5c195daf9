"""The state on a PostgreSQL server: what SQLite promises holds there too.

``SIGYN_POSTGRESQL_URL`` names a database that may be emptied, such as ``postgresql+psycopg://user@127.0.0.1/test``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy

from exporter.state import State, StateError, StateLocked
from exporter.state.lease import STALE_SECONDS
from exporter.state.tables import TABLES
from tests.builders import table_of, use
from tests.exporter.running import Clock, run_command
from tests.exporter.state.stored import bare_session, full_session, same_session

SERVER = os.environ.get("SIGYN_POSTGRESQL_URL", "")
"""Read once: each test begins without variables of ours."""
pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(not SERVER, reason="set SIGYN_POSTGRESQL_URL to a database that may be emptied"),
]


@pytest.fixture
def url() -> Iterator[str]:
    engine = sqlalchemy.create_engine(SERVER)
    TABLES.drop_all(engine)
    yield SERVER
    TABLES.drop_all(engine)
    engine.dispose()


def test_everything_of_a_session_comes_back_after_a_restart(tmp_path: Path, url: str) -> None:
    with State.open(tmp_path, url) as state, state.begin() as transaction:
        transaction.put_sessions([full_session()])
        transaction.append_events(table_of(use(0), use(1)))
        transaction.set_position("local", {"a": 1})
        transaction.add_counts("sigyn_events_total", {("codex",): 2.0})
        transaction.add_counts("sigyn_events_total", {("codex",): 3.0})
    with State.open(tmp_path, url) as state:
        assert same_session(state.session("s1"), full_session())
        assert len(state.events(["s1"])) == 2
        assert state.positions() == {"local": {"a": 1}}
        assert state.counters() == {"sigyn_events_total": {("codex",): 5.0}}


def test_an_exception_undoes_the_whole_transaction(tmp_path: Path, url: str) -> None:
    with State.open(tmp_path, url) as state:

        def change() -> None:
            with state.begin() as transaction:
                transaction.put_sessions([bare_session("s1")])
                transaction.append_events(table_of(use(0)))
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            change()
        assert state.sessions() == []
        assert len(state.events(["s1"])) == 0


def test_deleting_a_session_removes_everything_of_it_and_nothing_else(tmp_path: Path, url: str) -> None:
    with State.open(tmp_path, url) as state:
        with state.begin() as transaction:
            transaction.put_sessions([bare_session("s1"), bare_session("s2")])
            transaction.append_events(table_of(use(0, session="s1"), use(1, session="s2")))
        with state.begin() as transaction:
            transaction.delete_sessions(["s1"])
        assert [session.session_id for session in state.sessions()] == ["s2"]
        assert len(state.events(["s1", "s2"])) == 1


def test_a_server_that_is_not_there_is_told_in_one_line_without_the_password(tmp_path: Path) -> None:
    nowhere = "postgresql+psycopg://sigyn:secret@127.0.0.1:1/nothing?connect_timeout=2"
    with pytest.raises(StateError) as error:
        State.open(tmp_path, nowhere)
    assert "\n" not in str(error.value)
    assert "secret" not in str(error.value)


def test_two_cycles_over_the_same_lines_count_each_event_once(
    tmp_path: Path, url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATE_URL", url)
    run_command("simulate", "--sessions", "40", "--seed", "3", "--out", tmp_path / "team.jsonl")
    lines = len((tmp_path / "team.jsonl").read_text().splitlines())
    (tmp_path / "c.yml").write_text(
        f"sources: {{local: {{paths: [{tmp_path / 'team.jsonl'}]}}}}\n"
        f"state: {{directory: {tmp_path / 'state'}, url: '${{STATE_URL}}'}}\n"
    )
    totals = []
    for _ in range(2):
        capsys.readouterr()
        assert run_command("once", "--config", tmp_path / "c.yml") == os.EX_OK
        shown = capsys.readouterr().out.splitlines()
        totals.append(sum(float(line.split()[-1]) for line in shown if line.startswith("sigyn_events_read_total{")))
    assert totals == [lines, lines]


def test_two_folders_do_not_share_the_database(tmp_path: Path, url: str) -> None:
    with State.open(tmp_path / "one", url) as one:
        with pytest.raises(StateLocked, match="in use by a Sigyn with another state"):
            State.open(tmp_path / "two", url)
        with one.begin() as transaction:
            transaction.set_position("local", {"row": 1})
    with State.open(tmp_path / "two", url) as two:
        assert two.positions() == {"local": {"row": 1}}


def test_a_holder_that_was_taken_over_writes_no_more(tmp_path: Path, url: str) -> None:
    clock = Clock(1_800_000_000.0)
    with State.open(tmp_path / "one", url, clock) as suspended:
        clock.now += STALE_SECONDS + 1
        with State.open(tmp_path / "two", url, clock):
            with pytest.raises(StateLocked, match="was taken over"), suspended.begin() as transaction:
                transaction.set_position("local", {"row": 2})
            assert suspended.positions() == {}
