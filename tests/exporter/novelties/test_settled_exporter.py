"""The whole exporter and an agent that gets another tool: what it exposes, and when it trains."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exporter.novelties.settling import SETTLING
from exporter.verdict_json import verdict_to_dict
from exporter.web.session_detail import SessionDetail
from tests.exporter.running import HOUR, Clock, exporter_of, sample, team, write_lines
from tests.exporter.web.deployment import SESSIONS, START_NS, House

DAY = 24 * HOUR
RARELY = {"every": "300d", "growth": 900}
"""No other reason to train."""


@pytest.fixture
def clock():
    return Clock(START_NS / 1e9)


def re_tooled(count, ended):
    """Sessions in which another tool does the reading."""
    return [
        {**one, "tool_name": "mcp__files__open"} if one.get("tool_name") == "Read" else one
        for one in team(count, ended, seed=2, prefix="new-")
    ]


def test_it_trains_when_the_agent_has_settled_and_not_before(tmp_path, clock):
    write_lines(tmp_path / "telemetry" / "a.jsonl", team(35, clock.now))
    light = {"analyses": {"risk": {"trees": 20}, "fingerprint": {"enabled": False}}}
    with exporter_of(tmp_path, clock, training={**RARELY, "settle": "2d"}, **light) as exporter:
        exporter.cycle()
        assert exporter.training()
        begun, clock.now = clock.now, clock.now + 8 * 2 * HOUR
        write_lines(tmp_path / "telemetry" / "a.jsonl", re_tooled(8, clock.now))
        exporter.cycle()
        until = sample(exporter, SETTLING.name, agent="claude-code")
        assert begun + 2 * DAY <= until <= begun + 2 * DAY + HOUR
        assert sample(exporter, "sigyn_novelties_total", kind="tool") == 1
        assert sample(exporter, "sigyn_novelties_total", kind="user") == 0
        clock.now = until - 1
        assert not exporter.training()
        clock.now = until + 1
        assert exporter.training()
        assert not exporter.training()
        exporter.cycle()
        assert sample(exporter, SETTLING.name, agent="claude-code") is None


def test_notes_stand_on_the_page_and_in_the_line():
    noted = replace(SESSIONS[0], notes=("Agent <b>x</b> has been re-tooled", "lone \ud800"))
    assert verdict_to_dict(noted)["notes"] == ["Agent <b>x</b> has been re-tooled", "lone ?"]
    house = House(extra={"noted": SessionDetail(noted)})
    with house.client() as client:
        shown = client.get("/sessions/noted").text
    assert "Agent &lt;b&gt;x&lt;/b&gt; has been re-tooled" in shown
