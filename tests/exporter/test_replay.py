"""``sigyn replay``: what would have been reported when, without touching the deployment's own state."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from tests.exporter.running import HOUR, team, thief, write_config, write_lines

ENDED = datetime(2026, 3, 10, tzinfo=UTC).timestamp()
STOLEN_AT = ENDED - 10 * HOUR
LINE = re.compile(r"(\S+Z) (high|critical) (\d\.\d\d) (\S+) ")


def moment(seconds):
    return datetime.fromtimestamp(seconds, UTC).isoformat()


@pytest.fixture
def history(tmp_path):
    """Sessions over three and a half days, one of them a thief; the configuration's state does not exist yet."""
    write_lines(tmp_path / "telemetry" / "a.jsonl", [*team(42, ENDED), *thief(STOLEN_AT)])
    return write_config(tmp_path, analyses={"risk": {"trees": 20}})


def test_a_session_gone_wrong_is_reported_about_when_it_happened(history, sigyn, tmp_path):
    begin, end = moment(STOLEN_AT - 6 * HOUR), moment(ENDED)
    outcome = sigyn("replay", "--config", history, "--from", begin, "--to", end, "--step", "1h")
    assert outcome.status == 0, outcome.err
    reports = {found[4]: found for line in outcome.out.splitlines() if (found := LINE.match(line))}
    reported = datetime.fromisoformat(reports["thief"][1]).timestamp()
    assert STOLEN_AT <= reported <= STOLEN_AT + 2 * HOUR
    assert float(reports["thief"][3]) >= 0.7
    assert re.search(r"43 sessions; \d+ reached high, \d+ critical", outcome.err)
    assert not (tmp_path / "state").exists()


def test_models_are_trained_on_the_way_as_soon_as_there_is_enough(history, sigyn):
    early = moment(ENDED - 84 * HOUR), moment(ENDED - 60 * HOUR)
    outcome = sigyn("replay", "--config", history, "--from", early[0], "--to", early[1], "--step", "4h")
    assert outcome.status == 0
    assert outcome.out == ""
    assert "0 reached high, 0 critical" in outcome.err


def test_the_state_of_a_running_deployment_is_left_alone(history, sigyn, tmp_path):
    assert sigyn("once", "--config", history).status == 0
    before = {path: path.read_bytes() for path in sorted((tmp_path / "state").rglob("*")) if path.is_file()}
    span = ("--from", moment(ENDED - 4 * HOUR), "--to", moment(ENDED), "--step", "2h")
    assert sigyn("replay", "--config", history, *span).status == 0
    assert {path: path.read_bytes() for path in sorted((tmp_path / "state").rglob("*")) if path.is_file()} == before


@pytest.mark.usefixtures("without_waiting")
def test_history_that_cannot_be_read_is_a_failure(sigyn, tmp_path):
    config = write_config(tmp_path, sources={"loki": {"url": "http://127.0.0.1:9", "timeout": "1s"}})
    outcome = sigyn("replay", "--config", config, "--from", "1h", "--to", "now")
    assert outcome.status == 1
    assert "http://127.0.0.1:9" in outcome.lines[-1]
