"""What goes wrong around the process: Loki, disk, models, state. Each is one clear line, and nothing is lost."""

from __future__ import annotations

import errno
import json
import logging
import os
import sqlite3
import time
from datetime import datetime

import pytest

from exporter.state import State, database
from tests.builders import use
from tests.exporter.running import HOUR, Clock, exporter_of, sample, team, write_config, write_lines
from tests.exporter.test_service import LIGHT, client_of
from tests.exporter.worlds import contents
from tests.loki_standin import Fault, running_standin

DOWN = [Fault("close")] * 50


@pytest.fixture
def loki(without_waiting):  # noqa: ARG001 - in force while the test runs
    """A stand-in for Loki that holds two sessions; its client tries again without waiting."""
    now = time.time()
    with running_standin(int(now * 1e9)) as standin:
        push(standin, team(2, now))
        yield standin


def push(standin, records):
    for record in records:
        stamp = time_ns_of(record)
        standin.store().add(stamp, json.dumps(record), {"service_name": "sigyn-events"}, {})


def time_ns_of(record):
    return int(datetime.fromisoformat(record["timestamp"]).timestamp() * 1e9)


def reading(loki):
    return {"sources": {"loki": {"url": loki.url, "lookback": "2d"}}}


def messages(caplog, level=logging.WARNING):
    return [record.getMessage() for record in caplog.records if record.levelno >= level]


# Loki


def test_an_unreachable_loki_at_the_start_leaves_the_process_up_and_not_ready(tmp_path, loki, caplog):
    loki.faults.extend(DOWN)
    with exporter_of(tmp_path, Clock(loki.now_ns / 1e9), **reading(loki)) as exporter, client_of(exporter) as client:
        exporter.cycle()
        ready = client.get("/-/ready")
        assert ready.status_code == 503
        assert loki.url in ready.text
        assert client.get("/-/healthy").status_code == 200
        assert sample(exporter, "sigyn_source_up", source="loki") == 0
        assert sample(exporter, "sigyn_cycles_total", outcome="failed") == 1
        assert sample(exporter, "sigyn_last_success_timestamp_seconds") == 0
        assert sample(exporter, "sigyn_loki_requests_total", operation="query_range", outcome="failed") >= 1
        assert "sigyn_sessions{" not in client.get("/metrics").text
        assert any(loki.url in message for message in messages(caplog))
        loki.faults.clear()
        exporter.cycle()
        assert client.get("/-/ready").status_code == 200
        assert sample(exporter, "sigyn_source_up", source="loki") == 1


def test_results_outlast_loki_until_they_are_stale_and_come_back_with_it(tmp_path, loki, caplog):
    clock = Clock(loki.now_ns / 1e9)
    told = {"cycle": {"interval": "1m", "staleness": "10m"}}
    with exporter_of(tmp_path, clock, **reading(loki), **told) as exporter, client_of(exporter) as client:
        exporter.cycle()
        assert sample(exporter, "sigyn_sessions", level="initializing") == 2
        loki.faults.extend(DOWN)
        clock.now += 9 * 60
        exporter.cycle()
        assert client.get("/-/ready").status_code == 200
        assert sample(exporter, "sigyn_sessions", level="initializing") == 2
        assert sample(exporter, "sigyn_cycles_total", outcome="failed") == 1
        clock.now += 2 * 60
        exporter.cycle()
        ready = client.get("/-/ready")
        assert ready.status_code == 503
        assert "no successful cycle for 600 s" in ready.text
        assert loki.url in ready.text
        assert sample(exporter, "sigyn_sessions", level="initializing") is None
        assert sample(exporter, "sigyn_events_read_total", source="native", event="tool_result") > 0
        assert any("withdrawn" in message for message in messages(caplog, logging.ERROR))
        assert client.get("/api/v1/sessions").json()["withdrawn"]
        loki.faults.clear()
        exporter.cycle()
        assert client.get("/-/ready").status_code == 200
        assert sample(exporter, "sigyn_sessions", level="initializing") == 2


def test_restored_results_are_withdrawn_too_when_loki_stays_away(tmp_path, loki):
    clock = Clock(loki.now_ns / 1e9)
    with exporter_of(tmp_path, clock, **reading(loki)) as exporter:
        exporter.cycle()
    loki.faults.extend(DOWN)
    with exporter_of(tmp_path, clock, **reading(loki)) as again:
        again.cycle()
        assert again.readiness() is None
        clock.now += HOUR
        again.cycle()
        assert loki.url in again.readiness()
        assert again.publisher.snapshot.sessions == ()


def test_what_was_pushed_while_loki_was_away_is_read_when_it_is_back(tmp_path, loki):
    clock = Clock(loki.now_ns / 1e9)
    with exporter_of(tmp_path, clock, **reading(loki)) as exporter:
        exporter.cycle()
        loki.faults.extend(DOWN)
        clock.now += 300
        push(loki, team(1, clock.now + 2 * HOUR - 240, seed=4, prefix="later-"))
        exporter.cycle()
        loki.faults.clear()
        clock.now += 3 * HOUR
        exporter.cycle()
        assert set(exporter.world.verdicts) == {"s0000", "s0001", "later-s0000"}
        pushed = len(loki.store().entries)
        assert len(exporter.world.state.events(exporter.world.verdicts)) == pushed


def test_once_prints_what_it_has_and_fails_when_loki_is_away(tmp_path, loki, sigyn):
    loki.faults.extend(DOWN)
    outcome = sigyn("once", "--config", write_config(tmp_path, log={"level": "error"}, **reading(loki)))
    assert outcome.status == 1
    assert 'sigyn_source_up{source="loki"} 0.0' in outcome.out
    assert len(outcome.lines) == 1
    assert loki.url in outcome.err


# Models


def damage(folder, analysis):
    for model in (folder / "state" / "models" / analysis).glob("*.joblib"):
        model.write_bytes(model.read_bytes()[:100])


@pytest.mark.parametrize("damaged", [["risk"], ["risk", "fingerprint"]])
def test_a_damaged_model_is_one_line_and_is_fitted_anew_with_nothing_lost(tmp_path, caplog, damaged):
    clock = Clock()
    write_lines(tmp_path / "telemetry" / "a.jsonl", team(35, clock.now))
    with exporter_of(tmp_path, clock, **LIGHT) as exporter:
        exporter.cycle()
        assert exporter.training()
        exporter.cycle()
        before = dict(exporter.world.verdicts)
    for analysis in damaged:
        damage(tmp_path, analysis)
    caplog.clear()
    with exporter_of(tmp_path, clock, **LIGHT) as again:
        for analysis in damaged:
            assert sum(f"models/{analysis}/" in message for message in messages(caplog)) == 1
        again.cycle()
        assert again.training()
        again.cycle()
        assert set(again.world.models.fitted) == {"risk", "fingerprint"}
        assert dict(again.world.verdicts) == before


def test_a_disk_too_full_for_a_model_keeps_the_models_in_use(tmp_path, caplog, monkeypatch):
    clock = Clock()
    write_lines(tmp_path / "telemetry" / "a.jsonl", team(35, clock.now))
    with exporter_of(tmp_path, clock, **LIGHT) as exporter:
        exporter.cycle()
        assert exporter.training()
        before = exporter.world.models
        monkeypatch.setattr("exporter.model_store._write", full_disk)
        exporter.wants_training = True
        assert not exporter.training()
        assert exporter.world.models is before
        assert sample(exporter, "sigyn_trainings_total", outcome="failed") == 1
        (told,) = [record for record in caplog.records if "training failed" in record.getMessage()]
        assert str(tmp_path / "state") in str(told.exc_info[1])
        monkeypatch.undo()
        clock.now += 60
        exporter.wants_training = True
        assert exporter.training()


def full_disk(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_train_names_the_folder_of_a_full_disk(tmp_path, sigyn, monkeypatch):
    path = write_lines(tmp_path / "a.jsonl", team(31, 1_700_000_000))
    config = write_config(tmp_path, analyses={"risk": {"trees": 2}})
    monkeypatch.setattr("exporter.model_store._write", full_disk)
    outcome = sigyn("train", "--input", path, "--state", "state", "--config", config)
    assert outcome.status == 1
    assert outcome.lines[-1].startswith("sigyn: state/models/")
    assert "No space left on device" in outcome.lines[-1]
    assert "unexpected" not in outcome.err


# State


@pytest.fixture
def small_disk(monkeypatch):
    """State files cannot grow beyond a few hundred kilobytes: SQLite then says that the disk is full."""
    sound = database._prepare_connection
    limit = {"pages": 60}

    def bounded(connection, record):
        sound(connection, record)
        connection.execute(f"PRAGMA max_page_count = {limit['pages']}")

    monkeypatch.setattr(database, "_prepare_connection", bounded)
    return limit


def without_a_fault(folder, clock, disk):
    """What is known of two files, the second an hour before the last cycle, when there is room for them."""
    bounded, disk["pages"] = disk["pages"], 1_000_000
    write_lines(folder / "telemetry" / "a.jsonl", team(2, clock.now))
    with exporter_of(folder, clock) as exporter:
        exporter.cycle()
        write_lines(folder / "telemetry" / "b.jsonl", team(60, clock.now, seed=2, prefix="b-"))
        exporter.cycle()
        clock.now += HOUR
        exporter.cycle()
        known = contents(exporter.world)
    disk["pages"] = bounded
    assert len(known["sessions"]) == 62
    return known


def test_a_full_disk_fails_the_cycle_keeps_the_results_and_loses_nothing(tmp_path, small_disk, caplog):
    clock = Clock()
    undisturbed = without_a_fault(tmp_path / "undisturbed", Clock(clock.now), small_disk)
    write_lines(tmp_path / "telemetry" / "a.jsonl", team(2, clock.now))
    with exporter_of(tmp_path, clock) as exporter, client_of(exporter) as client:
        exporter.cycle()
        write_lines(tmp_path / "telemetry" / "b.jsonl", team(60, clock.now, seed=2, prefix="b-"))
        assert exporter.cycle() is None
        assert sample(exporter, "sigyn_cycles_total", outcome="failed") == 1
        assert sample(exporter, "sigyn_sessions", level="initializing") == 2
        assert "database or disk is full" in exporter.last_problem
        assert str(tmp_path / "state") in exporter.last_problem
        assert any("cycle failed" in message for message in messages(caplog))
        clock.now += HOUR
        exporter.cycle()
        assert "full" in client.get("/-/ready").text
    small_disk["pages"] = 1_000_000
    with exporter_of(tmp_path, clock) as exporter:
        exporter.cycle()
        assert contents(exporter.world) == undisturbed


def test_once_on_a_full_disk_is_one_line(tmp_path, sigyn, small_disk):
    write_lines(tmp_path / "telemetry" / "a.jsonl", team(60, time.time()))
    assert small_disk["pages"] == 60
    outcome = sigyn("once", "--config", write_config(tmp_path, log={"level": "error"}))
    assert outcome.status == 1
    assert "Traceback" not in outcome.err
    assert "full" in outcome.lines[-1]


def test_a_state_folder_that_cannot_be_written_is_one_line(tmp_path, sigyn, monkeypatch):
    really_open = os.open

    def read_only(path, flags, *rest, **named):
        if str(path).startswith(str(tmp_path / "state")) and flags & os.O_RDWR:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
        return really_open(path, flags, *rest, **named)

    path = write_lines(tmp_path / "a.jsonl", [use(0)])
    monkeypatch.setattr(os, "open", read_only)
    config = write_config(tmp_path)
    for command in (
        ["once", "--config", config],
        ["serve", "--config", config, "--listen", "127.0.0.1:0"],
        ["score", "--input", path, "--state", tmp_path / "state"],
    ):
        outcome = sigyn(*command)
        assert outcome.status == 1
        assert len(outcome.lines) == 1
        assert "Read-only file system" in outcome.err
        assert str(tmp_path / "state") in outcome.err


def test_a_state_folder_that_is_a_file_is_wrong(tmp_path, sigyn):
    (tmp_path / "state").write_text("")
    path = write_lines(tmp_path / "a.jsonl", [use(0)])
    configured = sigyn("once", "--config", write_config(tmp_path))
    assert (configured.status, len(configured.lines)) == (2, 1)
    assert "state.directory" in configured.err
    given = sigyn("score", "--input", path, "--state", tmp_path / "state")
    assert (given.status, len(given.lines)) == (1, 1)
    assert str(tmp_path / "state") in given.err


def spoil(tmp_path, statement):
    State.open(tmp_path / "state").close()
    with sqlite3.connect(tmp_path / "state" / "state.db") as connection:
        connection.execute(statement)
    connection.close()


def test_a_state_of_a_newer_version_is_refused_untouched(tmp_path, sigyn):
    spoil(tmp_path, "UPDATE sigyn_meta SET value = '999' WHERE key = 'schema_version'")
    before = (tmp_path / "state" / "state.db").read_bytes()
    outcome = sigyn("once", "--config", write_config(tmp_path))
    assert outcome.status == 1
    assert len(outcome.lines) == 1
    assert "newer Sigyn" in outcome.err
    assert (tmp_path / "state" / "state.db").read_bytes() == before


def test_a_state_file_that_is_none_is_refused_untouched(tmp_path, sigyn):
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "state.db").write_bytes(b"not a database at all" * 300)
    outcome = sigyn("once", "--config", write_config(tmp_path))
    assert outcome.status == 1
    assert len(outcome.lines) == 1
    assert "damaged" in outcome.err
    assert (tmp_path / "state" / "state.db").read_bytes() == b"not a database at all" * 300


# Files


def test_a_damaged_file_is_named_and_leaves_the_others_unharmed(tmp_path):
    clock = Clock()
    write_lines(tmp_path / "telemetry" / "good.jsonl", team(2, clock.now))
    (tmp_path / "telemetry" / "bad.jsonl.gz").write_bytes(b"\x1f\x8b\x08\x00nothing that is gzip")
    with exporter_of(tmp_path, clock) as exporter:
        report = exporter.cycle()
        assert len(exporter.world.verdicts) == 2
        assert not report.failed
        assert any("bad.jsonl.gz" in problem for problem in exporter.publisher.snapshot.problems)


def test_no_bytes_stop_a_cycle(tmp_path):
    clock = Clock()
    folder = tmp_path / "telemetry"
    write_lines(folder / "a.jsonl", team(1, clock.now))
    with (folder / "a.jsonl").open("ab") as file:
        file.write(
            b"\x00\xff\xfe\n" + b"[" * 100_000 + b"\n" + b'{"timestamp": 1e400, "session_id": "x", "event": "y"}\n'
        )
        file.write(b'{"timestamp": %d, "session_id": "%s", "event": "tool_result"}\n' % (int(clock.now), b"s" * 5000))
        file.write(b'"\\ud800"\n{"timestamp": 1, "session_id": "\\ud800", "event": "e", "tool_name": "\\u0000"}\n')
    with exporter_of(tmp_path, clock) as exporter, client_of(exporter) as client:
        report = exporter.cycle()
        assert report is not None
        assert not report.failed
        assert "s0000" in exporter.world.verdicts
        assert client.get("/metrics").status_code == 200
        assert sum(exporter.world.state.counters()["sigyn_events_dropped_total"].values()) >= 2


def test_requests_go_on_being_answered_after_a_failed_cycle(tmp_path, monkeypatch):
    def broken(*_):
        raise RuntimeError("two\nlines")

    with exporter_of(tmp_path, Clock()) as exporter, client_of(exporter) as client:
        monkeypatch.setattr("exporter.service.run_cycle", broken)
        assert exporter.cycle() is None
        ready = client.get("/-/ready")
        assert ready.status_code == 503
        assert ready.text.count("\n") == 1
        monkeypatch.undo()
        exporter.cycle()
        assert client.get("/-/ready").status_code == 200
