"""An exporter that has read a team's telemetry with hostile sessions in it, and people's verdicts with hostile notes."""

import time
from pathlib import Path

import pytest

from exporter.page_services import page_services
from exporter.web.app import create_app
from exporter.web.session_detail import MAX_NAME, MAX_NOTE, HumanVerdictInput
from tests.abuse.hostile import HOSTILE, READ, hostile_sessions
from tests.exporter.running import Clock, exporter_of, team, write_lines
from tests.exporter.web.deployment import TestClient

LIGHT = {"analyses": {"risk": {"trees": 20}}, "log": {"level": "error"}, "metrics": {"tracked_sessions": 500}}


@pytest.fixture(scope="session")
def telemetry(tmp_path_factory) -> Path:
    """A folder with ``telemetry`` in it."""
    folder, now = tmp_path_factory.mktemp("hostile"), time.time()
    write_lines(folder / "telemetry" / "team.jsonl", [*team(34, now - 7200), *hostile_sessions(now - 3000)])
    return folder


@pytest.fixture(scope="session")
def exporter(telemetry):
    """The exporter after its first training and cycle."""
    with exporter_of(telemetry, Clock(), **LIGHT) as found:
        assert found.cycle() is not None
        assert found.training()
        assert found.cycle() is not None
        for name, session in READ.items():
            note = HOSTILE[name]
            assert found.put_verdict(session, HumanVerdictInput("malicious", note[:MAX_NOTE], note[:MAX_NAME]))
        yield found


@pytest.fixture(scope="session")
def client(exporter):
    """Its web application."""
    return TestClient(create_app(page_services(exporter)), base_url="http://127.0.0.1", follow_redirects=False)
