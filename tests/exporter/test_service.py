"""The running process: schedule, readiness, scrape and training, in this process; signals in one of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import requests
from apscheduler.schedulers.base import STATE_RUNNING

from exporter.config_values import ListenAddress
from exporter.listening import ListenError, open_listener
from exporter.page_services import page_services
from exporter.sources.source import Batch
from exporter.web.app import create_app
from tests.builders import table_of, use
from tests.exporter.running import (
    Clock,
    exporter_of,
    sample,
    team,
    write_config,
    write_lines,
)
from tests.exporter.web.deployment import TestClient
from tests.loki_server import free_port
from tests.loki_standin import Fault, running_standin

LIGHT = {"analyses": {"risk": {"trees": 20}}}
SOON = 60.0
"""Seconds after which something that should happen at once has failed to."""


class Gated:
    """A source whose read waits in the middle until it is let go."""

    name = "gated"
    problems: tuple[str, ...] = ()

    def __init__(self):
        self.entered, self.released = threading.Event(), threading.Event()

    def read(self, position, now_ns):  # noqa: ARG002 - one read is enough here
        yield Batch(table_of(use(0), use(1), use(2)), {"row": 3}, progress=0.4)
        self.entered.set()
        assert self.released.wait(SOON)

    def close(self):
        """Nothing is held open."""


@contextmanager
def cycle_in_progress(exporter):
    """A cycle that has stored one batch and is waiting for its source."""
    source = Gated()
    exporter.world.sources = (source,)
    working = threading.Thread(target=exporter.cycle)
    working.start()
    try:
        assert source.entered.wait(SOON)
        yield
    finally:
        source.released.set()
        working.join()


def client_of(exporter):
    return TestClient(create_app(page_services(exporter)), base_url="http://127.0.0.1")


def test_the_scrape_answers_while_a_cycle_runs_and_ready_says_how_far_it_is(tmp_path):
    with exporter_of(tmp_path, Clock()) as exporter, client_of(exporter) as client:
        before = client.get("/-/ready")
        assert (before.status_code, "first cycle has not finished" in before.text) == (503, True)
        with cycle_in_progress(exporter):
            assert client.get("/metrics").status_code == 200
            during = client.get("/-/ready")
            assert during.status_code == 503
            assert "reading gated: 40% of the first read done" in during.text
            assert client.get("/-/healthy").status_code == 200
        assert client.get("/-/ready").status_code == 200


def test_a_running_cycle_keeps_the_last_results_on_the_scrape(tmp_path):
    clock = Clock()
    write_lines(tmp_path / "telemetry" / "a.jsonl", team(3, clock.now))
    with exporter_of(tmp_path, clock) as exporter, client_of(exporter) as client:
        exporter.cycle()
        before = [line for line in client.get("/metrics").text.splitlines() if line.startswith("sigyn_sessions{")]
        with cycle_in_progress(exporter):
            during = [line for line in client.get("/metrics").text.splitlines() if line.startswith("sigyn_sessions{")]
            assert client.get("/-/ready").status_code == 200
    assert before == during
    assert 'sigyn_sessions{level="initializing"} 3.0' in before


def test_a_restored_state_is_ready_at_once(tmp_path):
    clock = Clock()
    write_lines(tmp_path / "telemetry" / "a.jsonl", team(3, clock.now))
    with exporter_of(tmp_path, clock) as exporter:
        exporter.cycle()
    with exporter_of(tmp_path, clock) as again, client_of(again) as client:
        assert client.get("/-/ready").status_code == 200
        assert again.publisher.restored
        assert sample(again, "sigyn_sessions", level="initializing") == 3
        assert sample(again, "sigyn_last_success_timestamp_seconds") == 0


def test_the_first_cycle_runs_at_once_and_trains_when_there_is_enough(tmp_path):
    clock = Clock()
    write_lines(tmp_path / "telemetry" / "a.jsonl", team(35, clock.now))
    with exporter_of(tmp_path, clock, **LIGHT) as exporter:
        scored = threading.Event()
        exporter.publisher.watch(lambda published: scored.set() if _has_scores(published) else None)
        exporter.start()
        assert scored.wait(SOON)
        assert sample(exporter, "sigyn_trainings_total", outcome="success") == 1
        assert sample(exporter, "sigyn_cycles_total", outcome="failed") == 0


def _has_scores(publication):
    return publication.snapshot is not None and any(one.risk is not None for one in publication.snapshot.sessions)


# Training on demand


def test_training_on_demand_happens_though_it_is_not_due(tmp_path):
    clock = Clock()
    write_lines(tmp_path / "telemetry" / "a.jsonl", team(35, clock.now))
    with exporter_of(tmp_path, clock, **LIGHT) as exporter:
        exporter.cycle()
        assert exporter.training()
        first = exporter.world.models.version
        clock.now += 60
        assert not exporter.training()
        exporter.train_now()
        assert exporter.training()
        assert exporter.world.models.version != first
        assert sample(exporter, "sigyn_trainings_total", outcome="success") == 2


# Stopping


def test_stopping_ends_a_cycle_after_its_batch_and_keeps_the_batch(tmp_path):
    with exporter_of(tmp_path, Clock()) as exporter:
        source = Gated()
        source.released.set()
        exporter.world.sources = (source,)
        exporter.stopping.set()
        assert exporter.cycle() is None
        exporter.stopping.clear()

        def stop_half_way(_position, _now_ns):
            yield Batch(table_of(use(0), use(1)), {"row": 2}, progress=0.5)
            exporter.stopping.set()
            yield Batch(table_of(use(2), use(3)), {"row": 4}, progress=1.0)

        source.read = stop_half_way
        assert exporter.cycle() is None
        assert exporter.world.state.positions() == {"gated": {"row": 4}}
        assert len(exporter.world.state.events(["s1"])) == 4


def test_a_stop_while_the_schedule_hands_over_a_job_is_no_error(tmp_path, monkeypatch):
    never, entered = threading.Event(), threading.Event()
    with exporter_of(tmp_path, Clock()) as exporter:
        exporter.start()
        executor = exporter.scheduler._executors["default"]
        hand_over = executor.submit_job

        def wait_for_the_stop(job, times):
            hand_over(job, times)
            if job.id == "training":
                entered.set()
                deadline = time.monotonic() + SOON
                while exporter.scheduler.state == STATE_RUNNING and time.monotonic() < deadline:
                    never.wait(0.01)

        monkeypatch.setattr(executor, "submit_job", wait_for_the_stop)
        exporter.train_now()
        assert entered.wait(SOON)
        exporter.stop()


def test_work_that_is_asked_for_after_the_stop_does_not_begin_and_does_not_hang(tmp_path):
    with exporter_of(tmp_path, Clock()) as exporter:
        exporter.stop()
        late = threading.Thread(target=lambda: (exporter.cycle(), exporter.training()), daemon=True)
        late.start()
        late.join(SOON)
        assert not late.is_alive()


def test_a_training_that_takes_too_long_does_not_hold_up_the_end(tmp_path, monkeypatch):
    entered, released, ended = threading.Event(), threading.Event(), []

    def endless(*_):
        entered.set()
        released.wait(SOON)
        raise RuntimeError("let go")

    def exit_now(status):
        ended.append(status)
        raise SystemExit(status)

    monkeypatch.setattr("exporter.service.train", endless)
    monkeypatch.setattr("exporter.service.os._exit", exit_now)
    monkeypatch.setattr("exporter.service.GRACE_SECONDS", 0.05)
    with exporter_of(tmp_path, Clock()) as exporter:
        exporter.train_now()
        learning = threading.Thread(target=exporter.training)
        learning.start()
        assert entered.wait(SOON)
        with pytest.raises(SystemExit):
            exporter.stop()
        released.set()
        learning.join()
    assert ended == [0]


# Refusing to start


def test_a_second_exporter_on_the_same_state_is_refused_in_one_line(tmp_path, sigyn):
    file = write_config(tmp_path)
    with exporter_of(tmp_path, Clock(), file):
        for command in (["serve", "--listen", "127.0.0.1:0"], ["once"]):
            outcome = sigyn(*command, "--config", file)
            assert outcome.status == 1
            assert len(outcome.lines) == 1
            assert str(tmp_path / "state") in outcome.err


@pytest.mark.parametrize("command", ["serve", "demo"])
def test_an_address_in_use_is_one_line_and_nothing_is_begun(tmp_path, sigyn, command):
    with closing(open_listener(ListenAddress("127.0.0.1", 0))) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        given = ["--config", write_config(tmp_path)] if command == "serve" else ["--directory", tmp_path / "demo"]
        outcome = sigyn(command, *given, "--listen", address)
    assert outcome.status == 1
    assert len(outcome.lines) == 1
    assert address in outcome.err
    assert not (tmp_path / "state").exists()
    assert not (tmp_path / "demo").exists()


def test_a_host_that_is_not_ours_cannot_be_listened_on():
    with pytest.raises(ListenError, match=r"192\.0\.2\.1:9847"):
        open_listener(ListenAddress("192.0.2.1", 9847))


# Signals, in a process of its own


class Process:
    """``sigyn serve`` on a free port."""

    def __init__(self, config: Path) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        self.log = config.with_suffix(".log")
        command = [sys.executable, "-m", "exporter", "serve", "--config", config, "--listen", self.url[7:]]
        with self.log.open("wb") as log:
            self.running = subprocess.Popen(command, stderr=log, cwd=config.parent)

    def until(self, is_so):
        """Wait until the predicate of this process holds."""
        never = threading.Event()
        deadline = time.monotonic() + SOON
        while time.monotonic() < deadline:
            assert self.running.poll() is None, self.log.read_text()
            try:
                if is_so():
                    return
            except requests.ConnectionError:
                pass
            never.wait(0.05)
        raise AssertionError(f"not within {SOON:.0f} s: {self.log.read_text()}")

    def get(self, path: str) -> requests.Response:
        return requests.get(self.url + path, timeout=5)

    def metric(self, line: str) -> bool:
        return line in self.get("/metrics").text.splitlines()

    def signal(self, number: int) -> None:
        os.kill(self.running.pid, number)

    def ended_within(self, seconds: float) -> int:
        return self.running.wait(seconds)


@contextmanager
def serving(config: Path):
    process = Process(config)
    try:
        yield process
    finally:
        process.running.kill()
        process.running.wait()


def test_the_process_obeys_its_signals(tmp_path):
    write_lines(tmp_path / "telemetry" / "a.jsonl", team(32, time.time()))
    file = write_config(tmp_path, cycle={"interval": "1h", "staleness": "1d"}, **LIGHT)
    with serving(file) as process:
        process.until(lambda: process.get("/-/ready").ok)
        process.until(lambda: process.metric('sigyn_trainings_total{outcome="success"} 1.0'))
        process.signal(signal.SIGUSR1)
        process.until(lambda: process.metric('sigyn_trainings_total{outcome="success"} 2.0'))
        write_config(tmp_path, cycle={"interval": "2h", "staleness": "1d"}, **LIGHT)
        process.signal(signal.SIGHUP)
        process.until(lambda: process.metric("sigyn_cycle_interval_seconds 7200.0"))
        file.write_text("cycle: {interval: never}\n")
        process.signal(signal.SIGHUP)
        process.until(lambda: process.metric("sigyn_config_last_reload_successful 0.0"))
        assert process.metric("sigyn_cycle_interval_seconds 7200.0")
        assert "cycle.interval" in process.log.read_text()
        process.signal(signal.SIGTERM)
        assert process.ended_within(5) == 0
    assert "Traceback" not in process.log.read_text()
    with exporter_of(tmp_path, Clock()) as next_one:
        assert len(next_one.world.verdicts) == 32


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_cycle_that_waits_for_loki_does_not_hold_up_the_end(tmp_path, number):
    with running_standin(time.time_ns()) as loki:
        loki.faults.extend([Fault("hang")] * 20)
        file = write_config(tmp_path, sources={"loki": {"url": loki.url}})
        with serving(file) as process:
            process.until(lambda: process.get("/-/healthy").ok and bool(loki.requests))
            ready = process.get("/-/ready")
            assert ready.status_code == 503
            begun = time.monotonic()
            process.signal(number)
            assert process.ended_within(5) == 0
            assert time.monotonic() - begun < 5


def test_the_socket_of_any_free_port_says_which_it_is():
    with closing(open_listener(ListenAddress("127.0.0.1", 0))) as listener:
        assert listener.getsockname()[1] > 0
