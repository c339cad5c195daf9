"""A state of an earlier schema gets the tables that came since, and keeps what it holds."""

from __future__ import annotations

import sqlite3

import pytest

from analytics.familiarity import AGENT, TOOL, Acquaintance, Arrival
from exporter.state import State, StateCorrupt
from exporter.state.tables import SCHEMA_VERSION

TOOL_OF_CODEX = Acquaintance(TOOL, ("codex", "exec\x00\ud800"), 1, 2, 3, "ana", arrival=Arrival(4, "0.1", 5, 6))
CODEX = Acquaintance(AGENT, ("codex",), 1, 9, 7, is_shared=True)


def changed(folder, *statements):
    with sqlite3.connect(folder / "state.db") as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


@pytest.fixture
def earlier(tmp_path):
    """A folder with a state of schema 1 that knows a source's position."""
    with State.open(tmp_path) as state, state.begin() as transaction:
        transaction.set_position("lines", {"row": 7})
    changed(tmp_path, "DROP TABLE sigyn_familiar", "UPDATE sigyn_meta SET value = '1' WHERE key = 'schema_version'")
    return tmp_path


def test_an_earlier_state_is_brought_up_to_date_and_keeps_what_it_holds(earlier):
    with State.open(earlier) as state:
        assert state.positions() == {"lines": {"row": 7}}
        assert state.familiar() == []
        assert state.familiar_since_ns() is None
        with state.begin() as transaction:
            transaction.put_familiar([CODEX])
    with sqlite3.connect(earlier / "state.db") as connection:
        told = connection.execute("SELECT value FROM sigyn_meta WHERE key = 'schema_version'").fetchone()
    connection.close()
    assert told == (str(SCHEMA_VERSION),)


def test_reading_leaves_an_earlier_state_as_it_is(earlier):
    before = (earlier / "state.db").read_bytes()
    with State.open_read_only(earlier) as state:
        assert state.positions() == {"lines": {"row": 7}}
    assert (earlier / "state.db").read_bytes() == before


@pytest.mark.parametrize("opened", [State.open, State.open_read_only])
def test_an_earlier_state_that_is_not_whole_is_corrupt(earlier, opened):
    changed(earlier, "DROP TABLE sigyn_hits")
    with pytest.raises(StateCorrupt, match="table sigyn_hits is missing"):
        opened(earlier)


def test_a_state_of_this_schema_without_the_new_table_is_corrupt(tmp_path):
    State.open(tmp_path).close()
    changed(tmp_path, "DROP TABLE sigyn_familiar")
    with pytest.raises(StateCorrupt, match="table sigyn_familiar is missing"):
        State.open(tmp_path)


def test_what_is_known_comes_back_as_it_was_and_goes_when_it_is_removed(tmp_path):
    with State.open(tmp_path) as state:
        with state.begin() as transaction:
            transaction.put_familiar([CODEX, TOOL_OF_CODEX])
            transaction.set_familiar_since(123)
        assert set(state.familiar()) == {CODEX, TOOL_OF_CODEX}
        assert state.familiar_since_ns() == 123
        with state.begin() as transaction:
            transaction.remove_familiar([TOOL_OF_CODEX.key])
        assert state.familiar() == [CODEX]


def test_a_damaged_row_is_told_as_damage(tmp_path):
    with State.open(tmp_path) as state, state.begin() as transaction:
        transaction.put_familiar([TOOL_OF_CODEX])
    changed(tmp_path, """UPDATE sigyn_familiar SET arrival = '{"unknown": 1}'""")
    with State.open(tmp_path) as state, pytest.raises(StateCorrupt, match="what is known of a name"):
        state.familiar()
