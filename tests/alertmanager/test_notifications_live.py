"""From an exposition to a notification, on a real Prometheus and a real Alertmanager.

The exporter is a stand-in whose exposition the test switches; ``servers`` says what else differs from the stack.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.alertmanager.receiver import Received, receiving
from tests.alertmanager.servers import (
    needs_servers,
    report_findings,
    running_alertmanager,
    running_prometheus,
    values_of,
)
from tests.alertmanager.switchable_exporter import SwitchableExporter, exposition

pytestmark = [pytest.mark.live, needs_servers]

WITHIN_SECONDS = 30.0
HEALTHY_SCRAPES = 8
REASONS = ("Different tools: 31 (expected at most 12)", "Errors: 40 (expected at most 9)", "Night: 90%")


@dataclass
class Stack:
    exporter: SwitchableExporter
    prometheus: str
    alertmanager: str
    webhook: Received

    def query(self, expression: str) -> dict[str, float]:
        return values_of(self.prometheus, expression)

    def wait_until(self, holds: Callable[[], bool], what: str) -> None:
        never = threading.Event()
        for _ in range(int(WITHIN_SECONDS / 0.2)):
            if holds():
                return
            never.wait(0.2)
        raise AssertionError(f"{what}: not within {WITHIN_SECONDS} s")

    def notified(self, name: str, status: str, session: str | None = None) -> dict[str, Any]:
        return self.webhook.alert(name, status, WITHIN_SECONDS, session)

    def report(self, session: str, agent: str, rules: Iterable[str], severity: str = "warning") -> None:
        report_findings(self.alertmanager, session, agent, rules, severity)


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    exporter = SwitchableExporter()
    exporter.text = exposition({"s-low": 0.1, "s-medium": 0.69}, {}, time.time())
    try:
        with (
            receiving() as webhook,
            running_alertmanager(tmp_path / "alertmanager", webhook.url) as alertmanager,
            running_prometheus(tmp_path / "prometheus", exporter.target, alertmanager) as prometheus,
        ):
            yield Stack(exporter, prometheus, alertmanager, webhook)
    finally:
        exporter.stop()


def test_health_is_silent_risk_is_told_with_reasons_and_an_exporter_that_dies_is_told_and_untold(stack: Stack):
    # Health tells nobody.
    stack.wait_until(
        lambda: stack.query("count_over_time(sigyn_session_risk_score[1m])").get("s-low", 0) >= HEALTHY_SCRAPES,
        "healthy scrapes",
    )
    assert stack.query("ALERTS") == {}
    assert stack.webhook.bodies() == []

    # Two sessions become risky, one of them critically.
    risks = {"s-low": 0.1, "s-high": 0.83, "s-critical": 0.97}
    stack.exporter.text = exposition(risks, {"s-high": REASONS, "s-critical": REASONS[:1]}, time.time())
    high = stack.notified("SigynSessionRiskHigh", "firing", "s-high")
    assert high["labels"] == {
        "alertname": "SigynSessionRiskHigh", "severity": "warning", "level": "high", "session_id": "s-high",
        "agent": "claude-code", "user_id": "ada", "project": "shop", "job": "sigyn", "instance": stack.exporter.target,
    }  # fmt: skip
    assert high["annotations"]["risk"] == "83%"
    assert high["annotations"]["reasons"].split("\n") == [*REASONS, ""]
    assert high["annotations"]["session_url"] == "https://sigyn.example/sessions/s-high"
    critical = stack.notified("SigynSessionRiskCritical", "firing", "s-critical")
    assert critical["labels"]["severity"] == "critical"

    # The critical session is told once: its alert at the lower level fires and is inhibited.
    high_ones = stack.query('ALERTS{alertname="SigynSessionRiskHigh",alertstate="firing"}')
    assert high_ones.keys() == {"s-high", "s-critical"}
    told = [(alert["labels"]["alertname"], alert["labels"].get("session_id")) for alert in stack.webhook.alerts()]
    assert ("SigynSessionRiskHigh", "s-critical") not in told
    assert not [session for _, session in told if session == "s-low"]

    # The exporter dies and comes back.
    stack.exporter.stop()
    down = stack.notified("SigynExporterDown", "firing")
    assert stack.exporter.target in down["annotations"]["description"]
    stack.exporter.text = exposition({"s-low": 0.1}, {}, time.time())
    stack.exporter.start()
    stack.notified("SigynExporterDown", "resolved")
    stack.notified("SigynSessionRiskHigh", "resolved", "s-high")


def test_one_bad_session_is_one_message_whatever_the_rules_found_in_it(stack: Stack):
    # Loki's ruler is quicker than the score. Findings of a session that does not alert are one message of their own.
    stack.wait_until(lambda: "s-low" in stack.query("sigyn_session_risk_score"), "a scrape")
    rules = ["network-scan", "credentials-file-read", "scheduled-job-changed"]
    stack.report("s-critical", "claude-code", rules)
    stack.report("s-high", "claude-code", rules)
    stack.report("s-calm", "codex", ["network-scan", "error-burst"])
    stack.exporter.text = exposition({"s-high": 0.83, "s-critical": 0.97}, {}, time.time())
    stack.notified("SigynFindingReported", "firing", "s-calm")
    stack.notified("SigynSessionRiskHigh", "firing")

    told = [[alert["labels"] for alert in body["alerts"]] for body in stack.webhook.bodies()]
    by_name = {labels[0]["alertname"]: {one["session_id"] for one in labels} for labels in told}
    assert by_name == {
        "SigynSessionRiskCritical": {"s-critical"},
        "SigynSessionRiskHigh": {"s-high"},
        "SigynFindingReported": {"s-calm"},
    }
    assert len(told) == len(by_name), "each came once"
    (calm,) = (labels for labels in told if labels[0]["session_id"] == "s-calm")
    assert {one["rule"] for one in calm} == {"network-scan", "error-burst"}


def test_a_critical_finding_in_a_session_that_is_not_critical_is_told(stack: Stack):
    stack.report("s-high", "claude-code", ["reverse-shell"], severity="critical")
    stack.exporter.text = exposition({"s-high": 0.83}, {}, time.time())
    assert stack.notified("SigynFindingReported", "firing", "s-high")["labels"]["rule"] == "reverse-shell"
