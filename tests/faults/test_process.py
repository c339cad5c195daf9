"""The process is suspended, starved of disk, or given a wrong clock; one source of two is away."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

from apscheduler.schedulers.background import BackgroundScheduler

from exporter.state.transaction import Transaction
from exporter.watch import ClockSteps, Watch
from tests.exporter.running import HOUR, Clock, exporter_of, sample, team, write_lines
from tests.exporter.test_service import client_of, cycle_in_progress
from tests.faults.deployment import AFTERWARDS, BEGIN, deployment
from tests.loki_standin import Fault, running_standin

SOON = 60.0


# One of two sources


def test_with_one_of_two_sources_away_from_the_start_the_other_is_published_and_the_missing_one_named(tmp_path, caplog):
    clock = Clock()
    write_lines(tmp_path / "telemetry" / "a.jsonl", team(2, clock.now))
    with running_standin(int(clock.now * 1e9)) as loki:
        loki.outage = Fault("close")
        both = {"local": {"paths": [str(tmp_path / "telemetry")]}, "loki": {"url": loki.url}}
        with exporter_of(tmp_path, clock, sources=both) as exporter, client_of(exporter) as client:
            for _ in range(3):
                exporter.cycle()
                clock.now += HOUR
            assert client.get("/-/ready").status_code == 200
            assert sample(exporter, "sigyn_sessions", level="initializing") == 2
            assert sample(exporter, "sigyn_source_up", source="loki") == 0
            assert sample(exporter, "sigyn_source_up", source="local") == 1
            assert sample(exporter, "sigyn_cycles_total", outcome="failed") == 3
            assert sample(exporter, "sigyn_last_success_timestamp_seconds") == 0
            assert any(loki.url in line for line in exporter.publisher.snapshot.problems)
            assert loki.url in client.get("/").text
            assert any("cannot read loki" in record.getMessage() for record in caplog.records)
            loki.outage = None
            exporter.cycle()
            assert sample(exporter, "sigyn_source_up", source="loki") == 1
            assert sample(exporter, "sigyn_cycles_total", outcome="success") == 1
            assert exporter.publisher.snapshot.problems == ()


def test_while_a_loki_trickles_ready_names_it_and_afterwards_the_other_source_is_published(tmp_path):
    clock, told = Clock(), []
    write_lines(tmp_path / "telemetry" / "a.jsonl", team(2, clock.now))
    with running_standin(int(clock.now * 1e9)) as loki:
        loki.outage = Fault("trickle")
        both = {
            "local": {"paths": [str(tmp_path / "telemetry")]},
            "loki": {"url": loki.url, "timeout": "200ms"},
        }
        with exporter_of(tmp_path, clock, sources=both) as exporter, client_of(exporter) as client:
            working = threading.Thread(target=exporter.cycle)
            working.start()
            while working.is_alive():
                if loki.requests:
                    told.append(client.get("/-/ready").text)
                working.join(0.05)
            assert told[0] == "Sigyn is not ready: waiting for loki: nothing of the first read has come yet\n"
            assert client.get("/-/ready").status_code == 200
            assert sample(exporter, "sigyn_sessions", level="initializing") == 2
            assert sample(exporter, "sigyn_source_up", source="loki") == 0
            assert sample(exporter, "sigyn_source_up", source="local") == 1
            assert sample(exporter, "sigyn_cycles_total", outcome="failed") == 1
            asked = {"operation": "query_range"}
            assert sample(exporter, "sigyn_loki_requests_total", outcome="retried", **asked) >= 4
            assert sample(exporter, "sigyn_loki_requests_total", outcome="failed", **asked) >= 1
            assert any("no whole reply in time" in line for line in exporter.publisher.snapshot.problems)


def test_the_reason_of_a_first_read_that_failed_stands_while_it_is_tried_again(tmp_path):
    clock = Clock()
    with running_standin(int(clock.now * 1e9)) as loki:
        loki.outage = Fault("status", 401)
        reading = {"sources": {"loki": {"url": loki.url, "timeout": "1s", "lookback": "1h"}}}
        with exporter_of(tmp_path, clock, **reading) as exporter:
            exporter.cycle()
            exporter._tell_progress("loki", 0.0)
            assert "401" in exporter.readiness()


# Suspended, or a cycle that does not end


def test_after_an_hour_of_suspension_old_scores_are_withdrawn_until_one_cycle_has_caught_up(tmp_path, undisturbed):
    with deployment(tmp_path) as running:
        running.run(BEGIN + HOUR)
        done = running.metric("sigyn_cycles_total", outcome="success")
        running.clock.now += HOUR
        running.deliver()
        running.exporter.watch.look()
        assert running.ready()[0] == 503
        assert "no successful cycle for 900 s" in running.ready()[1]
        assert running.metric("sigyn_sessions", level="initializing") is None
        running.exporter.cycle()
        assert running.ready()[0] == 200
        assert running.metric("sigyn_cycles_total", outcome="success") == done + 1
        running.run(AFTERWARDS)
        assert running.outcome() == undisturbed


def test_a_schedule_that_was_suspended_runs_one_cycle_for_all_that_were_missed(tmp_path):
    with exporter_of(tmp_path, Clock()) as exporter:
        ran = threading.Event()
        exporter.publisher.watch(lambda publication: ran.set() if publication.snapshot else None)
        exporter.start()
        assert ran.wait(SOON)
        with exporter.busy:
            done = sample(exporter, "sigyn_cycles_total", outcome="success")
        job = exporter.scheduler.get_job("cycle")
        ran.clear()
        exporter.scheduler.modify_job("cycle", next_run_time=datetime.now(UTC) - timedelta(hours=1))
        assert ran.wait(SOON)
        with exporter.busy:
            assert sample(exporter, "sigyn_cycles_total", outcome="success") == done + 1
        assert job.next_run_time > datetime.now(UTC)


def test_a_cycle_that_does_not_end_has_the_scores_withdrawn_and_says_since_when(tmp_path):
    clock = Clock()
    write_lines(tmp_path / "telemetry" / "a.jsonl", team(2, clock.now))
    with exporter_of(tmp_path, clock) as exporter, client_of(exporter) as client:
        exporter.cycle()
        with cycle_in_progress(exporter):
            exporter.watch.look()
            assert client.get("/-/ready").status_code == 200
            clock.now += HOUR
            exporter.watch.look()
            answer = client.get("/-/ready")
            assert answer.status_code == 503
            assert "a cycle has been running for" in answer.text
            assert "the last source asked is gated" in answer.text
            assert client.get("/metrics").status_code == 200
            assert sample(exporter, "sigyn_sessions", level="initializing") is None
        assert client.get("/-/ready").status_code == 200


def test_a_slow_disk_delays_the_cycle_and_nothing_else(tmp_path, monkeypatch):
    clock = Clock()
    write_lines(tmp_path / "telemetry" / "a.jsonl", team(2, clock.now))
    entered, released = threading.Event(), threading.Event()
    append = Transaction.append_events

    def slow(self, table):
        entered.set()
        assert released.wait(SOON)
        append(self, table)

    with exporter_of(tmp_path, clock) as exporter, client_of(exporter) as client:
        exporter.cycle()
        monkeypatch.setattr(Transaction, "append_events", slow)
        write_lines(tmp_path / "telemetry" / "b.jsonl", team(1, clock.now, seed=2, prefix="b-"))
        working = threading.Thread(target=exporter.cycle)
        working.start()
        try:
            assert entered.wait(SOON)
            assert client.get("/metrics").status_code == 200
            assert client.get("/-/ready").status_code == 200
            assert client.get("/api/v1/sessions").status_code == 200
            assert sample(exporter, "sigyn_sessions", level="initializing") == 2
        finally:
            released.set()
            working.join()
        assert sample(exporter, "sigyn_sessions", level="initializing") == 3
        assert sample(exporter, "sigyn_cycle_duration_seconds_count") == 2


# The clock


class Shifted:
    """A system clock that can be set, and one that cannot."""

    def __init__(self):
        self.wall, self.steady = 1_800_000_000.0, 50.0

    def passes(self, seconds):
        self.wall += seconds
        self.steady += seconds


def test_only_steps_back_are_told_from_time_that_passes():
    shifted = Shifted()
    steps = ClockSteps(lambda: shifted.wall, lambda: shifted.steady)
    shifted.passes(3600)
    assert steps.back() == 0
    shifted.wall -= 0.5
    assert steps.back() == 0
    shifted.wall -= 3600
    assert steps.back() == 3600
    assert steps.back() == 0
    shifted.wall += 7200
    assert steps.back() == 0


def test_a_clock_set_back_brings_the_next_cycle_forward(caplog):
    shifted, ran, seen = Shifted(), threading.Event(), []
    scheduler = BackgroundScheduler(timezone="UTC")
    scheduler.add_job(ran.set, "interval", id="cycle", hours=1)
    watch = Watch(ClockSteps(lambda: shifted.wall, lambda: shifted.steady), scheduler, seen.append, lambda: None)
    scheduler.start()
    try:
        watch.look()
        assert not ran.is_set()
        shifted.wall -= 1800
        watch.look()
        assert ran.wait(SOON)
    finally:
        scheduler.shutdown()
    assert seen == [1800]
    assert any("set back by 1800 s" in record.getMessage() for record in caplog.records)


def test_scores_do_not_stand_longer_because_the_clock_was_set_back(tmp_path):
    clock = Clock()
    write_lines(tmp_path / "telemetry" / "a.jsonl", team(2, clock.now))
    with exporter_of(tmp_path, clock) as exporter:
        exporter.cycle()
        clock.now -= 3 * HOUR
        exporter.watch.look()
        clock.now += 1000
        exporter.watch.look()
        assert "no successful cycle for 900 s" in exporter.readiness()


def test_a_clock_that_ran_ahead_and_was_set_back_loses_and_doubles_nothing(tmp_path, undisturbed):
    with deployment(tmp_path) as running:
        running.run(BEGIN + HOUR)
        running.clock.now += 2 * HOUR
        running.exporter.cycle()
        running.clock.now -= 2 * HOUR
        running.run(AFTERWARDS)
        assert running.outcome() == undisturbed


def test_the_watch_looks_by_itself_and_ends_with_the_process(tmp_path, monkeypatch):
    looked = threading.Event()
    monkeypatch.setattr("exporter.watch.LOOK_SECONDS", 0.01)
    with exporter_of(tmp_path, Clock()) as exporter:
        monkeypatch.setattr(exporter.watch, "_look", looked.set)
        exporter.start()
        assert looked.wait(SOON)
        watching = exporter.watch._thread
    watching.join(SOON)
    assert not watching.is_alive()
