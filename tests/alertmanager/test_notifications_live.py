"""From an exposition to a notification, on a real Prometheus and a real Alertmanager.

The exporter is a stand-in whose exposition the test switches; ``servers`` says what else differs from the stack.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.alertmanager.receiver import Received, receiving
from tests.alertmanager.servers import needs_servers, running_alertmanager, running_prometheus
from tests.alertmanager.switchable_exporter import SwitchableExporter, exposition

pytestmark = [pytest.mark.live, needs_servers]

WITHIN_SECONDS = 20.0
HEALTHY_SCRAPES = 8
REASONS = ("Different tools: 31 (expected at most 12)", "Errors: 40 (expected at most 9)", "Night: 90%")


@dataclass
class Stack:
    exporter: SwitchableExporter
    prometheus: str
    webhook: Received

    def query(self, expression: str) -> float:
        reply = requests.get(f"{self.prometheus}/api/v1/query", params={"query": expression}, timeout=5).json()
        return float(reply["data"]["result"][0]["value"][1]) if reply["data"]["result"] else 0.0

    def wait_until(self, holds: Callable[[], bool], what: str) -> None:
        never = threading.Event()
        for _ in range(int(WITHIN_SECONDS / 0.2)):
            if holds():
                return
            never.wait(0.2)
        raise AssertionError(f"{what}: not within {WITHIN_SECONDS} s")

    def notified(self, name: str, status: str, session: str | None = None) -> dict[str, Any]:
        """The first alert so named that the webhook is told, waiting for it if need be."""

        def found(bodies: list[Any]) -> dict[str, Any] | None:
            return next(
                (
                    alert
                    for body in bodies
                    for alert in body["alerts"]
                    if alert["labels"]["alertname"] == name
                    and alert["status"] == status
                    and session in {None, alert["labels"].get("session_id")}
                ),
                None,
            )

        return self.webhook.wait_for(found, WITHIN_SECONDS, f"{name} {status}")


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
            yield Stack(exporter, prometheus, webhook)
    finally:
        exporter.stop()


def test_health_is_silent_risk_is_told_with_reasons_and_an_exporter_that_dies_is_told_and_untold(stack: Stack):
    # Health tells nobody.
    stack.wait_until(
        lambda: stack.query('count_over_time(sigyn_session_risk_score{session_id="s-low"}[1m])') >= HEALTHY_SCRAPES,
        "healthy scrapes",
    )
    assert stack.query("count(ALERTS)") == 0
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
    assert stack.query('count(ALERTS{alertname="SigynSessionRiskHigh",alertstate="firing"})') == 2
    told = [
        (alert["labels"]["alertname"], alert["labels"].get("session_id"))
        for body in stack.webhook.bodies()
        for alert in body["alerts"]
    ]
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
