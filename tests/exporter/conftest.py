"""What the tests of the process share: commands run in this process, and the log as it was afterwards."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

from exporter.loki.client import LokiClient
from tests.exporter.running import Outcome, run_command


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
