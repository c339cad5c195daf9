"""Every way in that docs/telemetry.md describes, into the stack's own Loki and out again through the exporter."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time

import numpy as np
import pytest
import requests

from analytics.simulation import SimulationSettings, merge_in_time, simulate_team
from exporter.commands.simulate_command import push_sessions
from exporter.config import load_config
from exporter.hook_options import USEFUL_EVENTS
from exporter.loki.client import LokiClient
from exporter.loki.settings import LokiSettings
from exporter.service import Exporter
from tests.loki_server import needs_loki
from tests.stack.agent_payloads import claude_code, codex, gemini
from tests.stack.stack_files import ROOT, mounted_file
from tests.stack.stack_loki import running_stack_loki

GUIDE = (ROOT / "docs" / "telemetry.md").read_text()
SECOND = 1_000_000_000


def blocks(language: str) -> list[str]:
    """The guide's examples in one language."""
    return re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)


def read_by_the_exporter(url: str, state) -> tuple[Exporter, int]:
    """One cycle with the stack's own configuration; the exporter and how many events it read."""
    environment = {"SIGYN_LOKI_URL": url, "SIGYN_STATE": str(state)}
    exporter = Exporter(load_config(mounted_file("sigyn", "/etc/sigyn/config.yml"), environment), None)
    try:
        report = exporter.cycle()
        assert report is not None, exporter.last_problem
        return exporter, report.events
    finally:
        exporter.world.state.close()


@pytest.fixture(scope="module")
def loki(tmp_path_factory):
    with running_stack_loki(tmp_path_factory.mktemp("loki")) as url:
        yield url


@pytest.mark.live
@needs_loki
def test_a_month_pushed_at_once_is_read_whole_at_once(tmp_path):
    # Right after the push nothing is flushed yet: this is where a Loki that asks its ingester for recent times only
    # answers with holes, and the exporter moves on past them.
    settings = SimulationSettings(end_ns=time.time_ns(), sessions=40, days=28)
    sessions = list(simulate_team(settings, np.random.default_rng(1)))
    with running_stack_loki(tmp_path) as url:
        with LokiClient(LokiSettings(url)) as client:
            push_sessions(sessions, client, url)
        exporter, events = read_by_the_exporter(url, tmp_path / "state")
    assert events == len(list(merge_in_time(sessions)))
    assert set(exporter.world.verdicts) == {session.session_id for session in sessions}


@pytest.mark.live
@needs_loki
def test_all_five_ways_in_arrive_as_sessions(loki, tmp_path):
    begin_ns = time.time_ns() - 120 * SECOND
    for session, payload in (("s-claude", claude_code), ("s-codex", codex), ("s-gemini", gemini)):
        answer = requests.post(f"{loki}/otlp/v1/logs", json=payload(session, begin_ns), timeout=10)
        assert answer.status_code == 204, answer.text
    for payload in hook_payloads("s-hook"):
        hook(payload, loki, tmp_path)
    push_like_the_guide(loki, native_lines("s-native", begin_ns))
    exporter, events = read_by_the_exporter(loki, tmp_path / "state")
    found = {verdict.session_id: (verdict.agent, verdict.events) for verdict in exporter.world.verdicts.values()}
    assert found == {
        "s-claude": ("claude-code", 5),
        "s-codex": ("codex", 5),
        "s-gemini": ("gemini-cli", 4),
        "s-hook": ("claude-code", 4),
        "s-native": ("my-agent", 3),
    }
    assert events == 21


def hook_payloads(session_id: str) -> list[dict]:
    common = {"session_id": session_id, "cwd": "/srv/app", "permission_mode": "default"}
    tool = {"tool_name": "Bash", "tool_input": {"command": "make test"}, "tool_use_id": "toolu_9"}
    return [
        {**common, "hook_event_name": "UserPromptSubmit", "prompt": "please run the tests"},
        {**common, "hook_event_name": "PreToolUse", **tool},
        {**common, "hook_event_name": "PostToolUseFailure", **tool, "error": "Exit code 2", "duration_ms": 80},
        {**common, "hook_event_name": "Stop", "stop_hook_active": False, "last_assistant_message": "They fail."},
    ]


def hook(payload: dict, url: str, folder) -> None:
    """Run the hook as an agent does; a machine that is busy gets more time than an agent would give."""
    command = [sys.executable, "-m", "exporter", "hook", "--push", url, "--user", "ada", "--timeout-ms", "5000"]
    spool = ["--spool", str(folder / "spool")]
    subprocess.run([*command, *spool], input=json.dumps(payload), text=True, check=True, cwd=ROOT, timeout=30)
    assert not list((folder / "spool").glob("*")), "the line was spooled, not pushed"


def native_lines(session_id: str, begin_ns: int) -> list[tuple[int, str]]:
    """The guide's example lines, at another time and in another session."""
    examples = [json.loads(line) for line in blocks("jsonl")[0].splitlines()]
    return [
        (begin_ns + place * SECOND, json.dumps({**line, "session_id": session_id, "timestamp": begin_ns / 1e9 + place}))
        for place, line in enumerate(examples)
    ]


def push_like_the_guide(url: str, lines: list[tuple[int, str]]) -> None:
    values = [[str(time_ns), line] for time_ns, line in lines]
    body = {"streams": [{"stream": {"service_name": "sigyn-events"}, "values": values}]}
    requests.post(f"{url}/loki/api/v1/push", json=body, timeout=10).raise_for_status()


def test_the_guides_hook_settings_register_every_useful_event():
    (settings,) = [json.loads(block) for block in blocks("json") if '"hooks"' in block]
    assert settings["hooks"].keys() == set(USEFUL_EVENTS)
    commands = {entry["hooks"][0]["command"] for entries in settings["hooks"].values() for entry in entries}
    assert commands == {"sigyn hook"}


def test_the_guides_example_lines_are_native_events():
    for line in blocks("jsonl")[0].splitlines():
        assert json.loads(line).keys() >= {"timestamp", "session_id", "event"}


def test_the_guide_names_the_ports_that_compose_publishes():
    named = set(re.findall(r"http://localhost:(\d+)", GUIDE))
    compose = (ROOT / "docker-compose.yml").read_text()
    assert named
    assert not [port for port in named if f"127.0.0.1:{port}:{port}" not in compose]
