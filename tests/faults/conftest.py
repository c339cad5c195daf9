"""What the tests of faults share."""

from __future__ import annotations

import pytest

from exporter.loki.client import LokiClient
from tests.faults.deployment import AFTERWARDS, deployment


@pytest.fixture(autouse=True)
def _without_waiting(monkeypatch):
    """The client of Loki tries again at once."""
    init = LokiClient.__init__
    monkeypatch.setattr(
        LokiClient, "__init__", lambda self, *given, **named: init(self, *given, **{**named, "sleep": lambda _: None})
    )


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory):
    """What is known in the end when nothing goes wrong."""
    with deployment(tmp_path_factory.mktemp("undisturbed")) as running:
        running.run(AFTERWARDS)
        return running.outcome()
