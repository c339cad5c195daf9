"""Opening a state: locks, versions, damage, and what stands in the way, each told in one line."""

from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pytest

from exporter.state import State, StateCorrupt, StateError, StateLocked, StateNewer, StateUnwritable
from exporter.state.tables import SCHEMA_VERSION
from tests.exporter.state.stored import bare_session


def change(directory: Path, statement: str) -> None:
    """Change a closed state behind its back."""
    connection = sqlite3.connect(directory / "state.db")
    with connection:
        connection.execute(statement)
    connection.close()


def made(directory: Path) -> Path:
    with State.open(directory) as state, state.begin() as transaction:
        transaction.put_sessions([bare_session("s1")])
    return directory


def test_folder_and_file_are_made_for_their_owner_only(tmp_path):
    directory = made(tmp_path / "deep" / "state")
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert stat.S_IMODE((directory / "state.db").stat().st_mode) == 0o600


def test_a_second_opener_is_refused_by_the_folders_name_until_the_first_closes(tmp_path):
    with State.open(tmp_path):
        with pytest.raises(StateLocked, match=rf"^{tmp_path} is in use by another Sigyn process: ") as caught:
            State.open(tmp_path)
        assert "\n" not in str(caught.value)
    State.open(tmp_path).close()


def test_a_failed_opening_leaves_no_lock(tmp_path):
    (tmp_path / "state.db").mkdir()
    with pytest.raises(StateUnwritable, match=r"state\.db cannot be written"):
        State.open(tmp_path)
    (tmp_path / "state.db").rmdir()
    State.open(tmp_path).close()


def test_closing_twice_is_harmless(tmp_path):
    state = State.open(tmp_path)
    state.close()
    state.close()
    State.open(tmp_path).close()


@pytest.mark.parametrize("opened", [State.open, State.open_read_only])
def test_a_newer_state_is_refused_and_left_as_it_is(tmp_path, opened):
    change(made(tmp_path), f"UPDATE sigyn_meta SET value = '{SCHEMA_VERSION + 2}'")
    expected = rf"newer Sigyn \(schema {SCHEMA_VERSION + 2}, this one knows {SCHEMA_VERSION}\): upgrade or use another"
    with pytest.raises(StateNewer, match=expected):
        opened(tmp_path)
    change(tmp_path, f"UPDATE sigyn_meta SET value = '{SCHEMA_VERSION}'")
    with State.open(tmp_path) as state:
        assert state.open_session_ids() == {"s1"}


@pytest.mark.parametrize("opened", [State.open, State.open_read_only])
@pytest.mark.parametrize(
    "harm",
    [
        "UPDATE sigyn_meta SET value = 'one'",
        "DELETE FROM sigyn_meta",
        "DROP TABLE sigyn_meta",
        "DROP TABLE sigyn_hits",
    ],
)
def test_a_state_that_is_not_whole_is_corrupt(tmp_path, harm, opened):
    change(made(tmp_path), harm)
    with pytest.raises(StateCorrupt, match=r"state\.db is damaged \(.+\): move it away and start again; Loki"):
        opened(tmp_path)


@pytest.mark.parametrize("opened", [State.open, State.open_read_only])
def test_a_file_that_is_no_database_is_corrupt_and_left_as_it_is(tmp_path, opened):
    (tmp_path / "state.db").write_bytes(b"not a database\n" * 500)
    with pytest.raises(StateCorrupt, match=r"state\.db is damaged \(file is not a database\)") as caught:
        opened(tmp_path)
    assert "\n" not in str(caught.value)
    assert (tmp_path / "state.db").read_bytes() == b"not a database\n" * 500


def test_a_damaged_state_that_was_moved_away_is_replaced_by_a_new_one(tmp_path):
    (tmp_path / "state.db").write_bytes(b"x" * 5000)
    with pytest.raises(StateCorrupt):
        State.open(tmp_path)
    (tmp_path / "state.db").rename(tmp_path / "damaged.db")
    with State.open(tmp_path) as state:
        assert state.sessions() == []


@pytest.mark.parametrize(
    ("harm", "read"),
    [
        ("UPDATE sigyn_sessions SET verdict = '{'", lambda state: state.sessions()),
        ("UPDATE sigyn_sessions SET verdict = '[]'", lambda state: state.session("s1")),
        ("UPDATE sigyn_sessions SET features = x'00'", lambda state: state.sessions()),
        ("UPDATE sigyn_sessions SET checkpoints = x'0900000000000000'", lambda state: state.session("s1")),
        (
            "INSERT INTO sigyn_event_chunks (session_id, payload) VALUES ('s1', x'01')",
            lambda state: state.events(["s1"]),
        ),
        ("INSERT INTO sigyn_hits (session_id, hit) VALUES ('s1', '{\"x\":1}')", lambda state: state.hits(["s1"])),
        ("INSERT INTO sigyn_positions VALUES ('loki', '{')", lambda state: state.positions()),
        (
            "INSERT INTO sigyn_human_verdicts VALUES ('s1', 'odd', '\"\"', 1.0, NULL)",
            lambda state: state.human_verdicts(),
        ),
    ],
)
def test_a_value_that_cannot_be_read_back_is_corrupt_and_names_the_file(tmp_path, harm, read):
    change(made(tmp_path), harm)
    with State.open(tmp_path) as state, pytest.raises(StateCorrupt, match=rf"^{tmp_path / 'state.db'} is damaged"):
        read(state)


def test_pages_lost_from_the_file_are_corrupt(tmp_path):
    with State.open(tmp_path) as state, state.begin() as transaction:
        transaction.put_sessions([bare_session(f"session-{number:06d}") for number in range(3000)])
    content = (tmp_path / "state.db").read_bytes()
    (tmp_path / "state.db").write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))
    with pytest.raises(StateCorrupt, match=r"state\.db is damaged"), State.open(tmp_path) as state:
        state.sessions()


def test_a_file_where_the_folder_should_be_is_unwritable(tmp_path):
    (tmp_path / "state").write_text("in the way")
    with pytest.raises(StateUnwritable, match=r"state cannot be made \(File exists\): use another --state"):
        State.open(tmp_path / "state")
    with pytest.raises(StateUnwritable, match=r"cannot be made \(Not a directory\)"):
        State.open(tmp_path / "state" / "below")


def test_reading_only_needs_a_state(tmp_path):
    with pytest.raises(StateError, match=r"state\.db does not exist: name the folder"):
        State.open_read_only(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_reading_only_an_empty_file_says_that_it_holds_nothing(tmp_path):
    (tmp_path / "state.db").touch()
    with pytest.raises(StateError, match="holds no state yet"):
        State.open_read_only(tmp_path)


def test_reading_only_works_beside_a_writer_and_refuses_to_write(tmp_path):
    with State.open(tmp_path) as writer, State.open_read_only(tmp_path) as reader:
        with writer.begin() as transaction:
            transaction.put_sessions([bare_session("s1")])
        assert reader.open_session_ids() == {"s1"}
        with pytest.raises(StateUnwritable, match="opened for reading only"), reader.begin():
            pass


def test_an_sqlite_url_is_used_in_place_of_the_folders_file(tmp_path):
    url = f"sqlite:///{tmp_path / 'elsewhere.db'}"
    with State.open(tmp_path / "state", url) as state, state.begin() as transaction:
        transaction.put_sessions([bare_session("s1")])
    assert not (tmp_path / "state" / "state.db").exists()
    with State.open_read_only(tmp_path / "state", url) as state:
        assert state.open_session_ids() == {"s1"}


@pytest.mark.parametrize(
    "url", ["secret-word", "nosuchdatabase://ana:secret-word@h/d", "sqlite+nodriver://ana:secret-word@/x"]
)
def test_a_url_that_cannot_be_used_is_one_line_without_its_password(tmp_path, url):
    with pytest.raises(StateError) as caught:
        State.open(tmp_path, url)
    assert "secret-word" not in str(caught.value)
    assert "\n" not in str(caught.value)
