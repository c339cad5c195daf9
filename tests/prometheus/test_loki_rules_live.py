"""Loki's rules on a real Loki: its ruler loads them, evaluates them and posts the alerts that they should raise.

The rules are a copy in which a group is evaluated every second; nothing else is changed.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from exporter.config_sources import DEFAULT_SELECTOR
from tests.alertmanager.receiver import Received, receiving
from tests.loki_server import free_port, needs_loki, server_settings, wait_until_ready
from tests.prometheus.rule_files import LOKI_RULES

pytestmark = [pytest.mark.live, needs_loki]

FINDING = {"service_name": "sigyn", "kind": "finding"}
CLAUDE = {"service_name": "claude-code"}
LINES: list[tuple[dict[str, str], str, dict[str, str]]] = [
    (FINDING, '{"rule":"network-scan"}', {"session_id": "s-1", "rule": "network-scan", "severity": "high",
     "agent": "codex", "user_id": "ada", "project": "shop"}),
    (FINDING, '{"rule":"cut', {"session_id": "s-2", "rule": "reverse-shell", "severity": "critical",
     "agent": "codex"}),
    (FINDING, '{"rule":"error-burst"}', {"session_id": "s-3", "rule": "error-burst", "severity": "medium",
     "agent": "codex", "user_id": "ben", "project": "till"}),
    (CLAUDE, "claude_code.permission_mode_changed", {"event_name": "permission_mode_changed", "session_id": "s-4/?",
     "from_mode": "default", "to_mode": "bypassPermissions", "user_id": "installation", "user_account_uuid": "cid"}),
    (CLAUDE, "claude_code.permission_mode_changed", {"event_name": "permission_mode_changed", "session_id": "s-5",
     "from_mode": "default", "to_mode": "bypassPermissions", "user_id": "installation"}),
    (CLAUDE, "claude_code.permission_mode_changed", {"event_name": "permission_mode_changed", "session_id": "s-6",
     "from_mode": "default", "to_mode": "plan", "user_id": "installation"}),
    (CLAUDE, "claude_code.user_prompt", {"event_name": "user_prompt", "session_id": "s-7",
     "to_mode": "bypassPermissions"}),
]  # fmt: skip


def write_rules(folder: Path) -> None:
    for file in LOKI_RULES:
        content = yaml.safe_load(file.read_text())
        for group in content["groups"]:
            group["interval"] = "1s"
        (folder / "fake").mkdir(parents=True, exist_ok=True)
        (folder / "fake" / file.name).write_text(yaml.safe_dump(content))


def ruler_settings(folder: Path, alertmanager: str) -> dict[str, Any]:
    return {
        "storage": {"type": "local", "local": {"directory": str(folder / "rules")}},
        "rule_path": str(folder / "rules-temp"),
        "alertmanager_url": alertmanager,
        "evaluation_interval": "1s",
        "poll_interval": "1s",
        "enable_api": True,
        "ring": {"kvstore": {"store": "inmemory"}},
        "external_labels": {"sigyn_url": "https://sigyn.example", "sigyn_grafana_url": "https://grafana.example"},
        "alert_relabel_configs": [{"action": "labeldrop", "regex": "sigyn_.*url"}],
    }


@pytest.fixture(scope="module")
def alertmanager() -> Iterator[Received]:
    with receiving() as received:
        yield received


@pytest.fixture(scope="module")
def loki(tmp_path_factory: pytest.TempPathFactory, alertmanager: Received) -> Iterator[str]:
    """A Loki whose ruler has the rules; the lines are in it."""
    folder, port = tmp_path_factory.mktemp("loki"), free_port()
    write_rules(folder / "rules")
    settings = {**server_settings(folder, port), "ruler": ruler_settings(folder, alertmanager.url)}
    (folder / "loki.yml").write_text(yaml.safe_dump(settings))
    url, log = f"http://127.0.0.1:{port}", folder / "loki.log"
    with log.open("wb") as output:
        process = subprocess.Popen(["loki", f"-config.file={folder / 'loki.yml'}"], stdout=output, stderr=output)
        try:
            wait_until_ready(url, process, log)
            push(url)
            yield url
        finally:
            process.kill()
            process.wait()


def push(url: str) -> None:
    now = time.time_ns()
    streams = [{"stream": labels, "values": [[str(now), line, metadata]]} for labels, line, metadata in LINES]
    requests.post(f"{url}/loki/api/v1/push", json={"streams": streams}, timeout=10).raise_for_status()


def test_findings_and_bypassed_permissions_raise_alerts_and_nothing_else_does(loki: str, alertmanager: Received):
    def sessions(bodies: list[list[dict[str, Any]]]) -> dict[str, dict[str, Any]] | None:
        seen = {alert["labels"].get("session_id", ""): alert for body in bodies for alert in body}
        return seen if {"s-1", "s-2", "s-4/?", "s-5"} <= seen.keys() else None

    seen = alertmanager.wait_for(sessions, 45, f"alerts of four sessions from {loki}")
    assert set(seen) == {"s-1", "s-2", "s-4/?", "s-5"}
    assert seen["s-1"]["labels"] == {
        "alertname": "SigynFindingReported", "severity": "warning", "session_id": "s-1", "rule": "network-scan",
        "agent": "codex", "user_id": "ada", "project": "shop",
    }  # fmt: skip
    assert seen["s-1"]["annotations"] == {
        "summary": "A rule found something severe in a session",
        "description": "Rule network-scan, severity high, matched in session s-1 of ada in shop, run by codex.",
        "session_url": "https://sigyn.example/sessions/s-1",
        "dashboard_url": "https://grafana.example/d/sigyn-session?var-session=s-1",
        "runbook_url": "docs/runbooks/SigynFindingReported.md",
    }
    # A line that is no JSON at all hides no alert; what is not known is not invented.
    assert seen["s-2"]["labels"]["severity"] == "critical"
    assert "of an unknown user in an unknown project" in seen["s-2"]["annotations"]["description"]


def test_a_bypass_names_the_account_else_the_installation_and_links_safely(loki: str, alertmanager: Received):
    def bypasses(bodies: list[list[dict[str, Any]]]) -> dict[str, dict[str, Any]] | None:
        found = {
            alert["labels"]["session_id"]: alert
            for body in bodies
            for alert in body
            if alert["labels"]["alertname"] == "SigynPermissionsBypassed"
        }
        return found if len(found) == 2 else None

    found = alertmanager.wait_for(bypasses, 45, f"two bypasses from {loki}")
    assert found["s-4/?"]["labels"]["user_id"] == "cid"
    assert found["s-5"]["labels"]["user_id"] == "installation"
    assert found["s-4/?"]["labels"]["agent"] == "claude-code"
    assert found["s-4/?"]["annotations"]["session_url"] == "https://sigyn.example/sessions/s-4%2F%3F"


def test_the_exporters_selector_does_not_see_the_lines_that_raised_alerts(loki: str):
    reply = requests.get(
        f"{loki}/loki/api/v1/query_range", params={"query": DEFAULT_SELECTOR, "limit": "100"}, timeout=10
    ).json()
    services = {stream["stream"]["service_name"] for stream in reply["data"]["result"]}
    assert services == {"claude-code"}
