"""Two folders that name one database: one writes, the other is refused, until the first is gone or silent for long."""

import logging

import pytest

from exporter.state import State, StateCorrupt, StateLocked
from exporter.state.lease import HOLDER_NAME, RENEW_SECONDS, STALE_SECONDS
from tests.exporter.running import Clock, exporter_of, run_command, write_config


class Site:
    """A database at a URL, folders that name it, and a clock."""

    def __init__(self, folder):
        self.folder, self.clock = folder, Clock(1_800_000_000.0)
        self.url = f"sqlite:///{folder / 'shared.db'}"

    def open(self, name):
        return State.open(self.folder / name, self.url, self.clock)


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path)


def crash(state):
    """What the end of a process leaves: the folder is free, the lease stands."""
    state._lock.release()
    state._database.close()


def write(state, row):
    with state.begin() as transaction:
        transaction.set_position("local", {"row": row})


def test_another_folder_is_refused_in_one_line_and_let_in_once_the_first_has_closed(site):
    with site.open("one") as one:
        with pytest.raises(
            StateLocked, match=r"shared\.db is in use by a Sigyn with another state\.directory"
        ) as refused:
            site.open("two")
        assert "\n" not in str(refused.value)
        write(one, 1)
    with site.open("two") as two:
        assert two.positions() == {"local": {"row": 1}}


def test_a_refused_folder_is_not_left_locked(site):
    with site.open("one"):
        for _ in range(2):
            with pytest.raises(StateLocked, match="in use by a Sigyn"):
                site.open("two")


def test_after_a_crash_the_same_folder_goes_on_at_once_and_another_when_the_lease_is_stale(site, caplog):
    crash(site.open("one"))
    again = site.open("one")
    write(again, 1)
    crash(again)
    site.clock.now += STALE_SECONDS - 1
    with pytest.raises(StateLocked):
        site.open("two")
    site.clock.now += 1
    with caplog.at_level(logging.WARNING), site.open("two") as two:
        write(two, 2)
    assert "silent for 300 s; this one takes over" in caplog.text


def test_who_was_only_silent_writes_no_more_and_stores_nothing_of_its_transaction(site):
    with site.open("one") as one:
        write(one, 1)
        site.clock.now += STALE_SECONDS
        with site.open("two") as two:
            with pytest.raises(StateLocked, match="was taken over by a Sigyn"):
                write(one, 2)
            assert two.positions() == {"local": {"row": 1}}
            write(two, 3)
            one.close()
            write(two, 4)
            with pytest.raises(StateLocked):
                site.open("three")


def test_what_is_renewed_does_not_become_stale(site):
    with site.open("one") as one:
        for _ in range(5):
            site.clock.now += STALE_SECONDS - 1
            one.renew()
            with pytest.raises(StateLocked):
                site.open("two")


def test_writing_renews_too_and_not_with_every_transaction(site):
    with site.open("one") as one:
        begun = one._lease._renewed
        site.clock.now += RENEW_SECONDS - 1
        write(one, 1)
        assert one._lease._renewed == begun
        site.clock.now += 1
        write(one, 2)
        assert one._lease._renewed == begun + RENEW_SECONDS


def test_reading_needs_no_lease(site):
    with site.open("one") as one:
        write(one, 1)
        with State.open_read_only(site.folder / "two", site.url) as reader:
            assert reader.positions() == {"local": {"row": 1}}


def test_a_folder_with_its_own_database_has_no_lease(tmp_path):
    with State.open(tmp_path) as state:
        state.renew()
        assert not (tmp_path / HOLDER_NAME).exists()


def test_a_lease_that_cannot_be_read_is_damage(site):
    site.open("one").close()
    with site.open("one") as one:
        with one._database.writing() as connection:
            connection.exec_driver_sql("UPDATE sigyn_meta SET value = '{' WHERE key = 'lease'")
        with pytest.raises(StateCorrupt, match="the lease cannot be read back"):
            write(one, 1)


def test_a_second_exporter_on_one_database_is_refused_in_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SIGYN_TEST_URL", url := f"sqlite:///{tmp_path / 'shared.db'}")
    with exporter_of(tmp_path, Clock(), state={"directory": str(tmp_path / "one"), "url": url}) as exporter:
        exporter._upkeep_job()
        state = {"directory": str(tmp_path / "two"), "url": "${SIGYN_TEST_URL}"}
        assert run_command("once", "--config", write_config(tmp_path, state=state)) == 1
        errors = capsys.readouterr().err.splitlines()
        assert len(errors) == 1
        assert "in use by a Sigyn with another state.directory" in errors[0]
