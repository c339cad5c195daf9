"""What the tests of the process share: commands run in this process, and the log as it was afterwards."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from exporter.loki.client import LokiClient
from tests.exporter.running import Outcome, run_command
from tests.exporter.two_people import fill


@pytest.fixture(scope="session")
def two_people(tmp_path_factory) -> Path:
    """Telemetry and state of two people; to be copied, not changed."""
    folder = tmp_path_factory.mktemp("two_people")
    fill(folder)
    return folder


@pytest.fixture
def deployment(two_people, tmp_path) -> Path:
    """A folder of one's own with the telemetry and the state of two people."""
    return Path(shutil.copytree(two_people, tmp_path / "deployment"))


@pytest.fixture
def restored_log():
    """The root logger as it was, after the test."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def without_waiting(monkeypatch):
    """The client of Loki tries again at once."""
    init = LokiClient.__init__

    def impatient(self, *given, **named):
        init(self, *given, **{**named, "sleep": lambda _: None})

    monkeypatch.setattr(LokiClient, "__init__", impatient)


@pytest.fixture
def sigyn(capsys, tmp_path, monkeypatch, restored_log) -> Callable[..., Outcome]:  # noqa: ARG001 - undone afterwards
    """Runs a command of the command line in this process, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    capsys.readouterr()

    def run(*arguments: object) -> Outcome:
        status = run_command(*arguments)
        captured = capsys.readouterr()
        return Outcome(status, captured.out, captured.err)

    return run
