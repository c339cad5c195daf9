"""Notifications as Alertmanager hands them to its templates."""

from __future__ import annotations

from typing import Any

HOSTILE = (
    "<!channel> <https://evil.example|click> [click](https://evil.example) *bold* _it_ ~no~ `run` "
    "<script>alert(1)</script> &lt;b&gt; {{DATE(2026-01-01T00:00:00Z)}} \\*\r\nBcc: all@evil.example\u2028\u202e\u200b\x07end"
)
"""Mark-up of every receiver, line ends, and characters that hide or turn text."""


def session_alert(session_id: str = "s-1", status: str = "firing", **changed: str) -> dict[str, Any]:
    """An alert on a session's risk; ``changed`` are labels or annotations, whichever has the name."""
    labels = {
        "alertname": "SigynSessionRiskHigh", "severity": "warning", "level": "high", "session_id": session_id,
        "agent": "claude-code", "user_id": "ada", "project": "shop",
    }  # fmt: skip
    annotations = {
        "summary": "An agent's session is risky",
        "description": f"Session {session_id} of ada in shop, run by claude-code, has a risk of 83%.",
        "risk": "83%",
        "reasons": "Different tools: 31 (expected at most 12)\nErrors: 40 (expected at most 9)\nNight: 90%\n",
        "session_url": f"https://sigyn.example/sessions/{session_id}",
        "dashboard_url": f"https://grafana.example/d/sigyn-session?var-session={session_id}",
        "runbook_url": "docs/runbooks/SigynSessionRiskHigh.md",
    }
    return {
        "status": status,
        "labels": labels | {name: value for name, value in changed.items() if name in labels},
        "annotations": annotations | {name: value for name, value in changed.items() if name in annotations},
        "startsAt": "2026-10-05T06:00:00Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus.example/graph",
        "fingerprint": "0123456789abcdef",
    }


def hostile_alert() -> dict[str, Any]:
    return session_alert(
        user_id=HOSTILE,
        project=HOSTILE,
        agent=HOSTILE,
        description=f"Session s-1 of {HOSTILE} in {HOSTILE}, run by {HOSTILE}, has a risk of 83%.",
        reasons=f"{HOSTILE}\nsecond\n",
    )


def notification(*alerts: dict[str, Any], status: str = "firing") -> dict[str, Any]:
    """The data of one notification; what all alerts share is worked out as Alertmanager does."""
    first = alerts[0]
    common = {
        part: {
            name: value
            for name, value in first[part].items()
            if all(alert[part].get(name) == value for alert in alerts)
        }
        for part in ("labels", "annotations")
    }
    return {
        "receiver": "people",
        "status": status,
        "alerts": list(alerts),
        "groupLabels": {"alertname": first["labels"]["alertname"], "agent": first["labels"]["agent"]},
        "commonLabels": common["labels"],
        "commonAnnotations": common["annotations"],
        "externalURL": "http://alertmanager.example",
    }
