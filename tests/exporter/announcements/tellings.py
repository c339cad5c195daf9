"""Verdicts to tell about, and a Loki that can be made to refuse."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

from analytics.findings import Finding
from analytics.verdicts import SessionVerdict, level_of
from exporter.loki.errors import LokiLimit, LokiUnavailable, Outlook

HOUR_NS = 3_600_000_000_000
NOW_NS = 1_790_000_000_000_000_000


def verdict(session_id="s1", risk=0.5, *, ended_ns=NOW_NS, **changes):
    made = SessionVerdict(
        session_id, ended_ns - HOUR_NS, ended_ns, 41, "claude-code", "ana", "/home/ana/shop", "scored", risk=risk,
        level=level_of(risk), anomaly=risk,
    )  # fmt: skip
    return replace(made, **changes)


def unscored(session_id="s1", status="initializing", **changes):
    return replace(verdict(session_id), status=status, risk=None, level=None, anomaly=None, **changes)


def finding(rule="reads-secrets", count=1, *, session_id="s1", last_ns=NOW_NS, severity="high"):
    return Finding(session_id, rule, severity, count, last_ns, last_ns)


class Loki:
    """Takes pushes; ``fails`` holds errors to raise, one a push, and ``minds`` says for good which line is refused."""

    def __init__(self, minds=lambda _line: False):
        self.fails = []
        self.minds = minds
        self.pushes = []
        self.entries = []

    def push(self, streams):
        if self.fails:
            raise self.fails.pop(0)
        values = [(stream["stream"], *value) for stream in streams for value in stream["values"]]
        self.pushes.append(len(values))
        self.entries += [value for value in values if not self.minds(value[2])]
        if any(self.minds(value[2]) for value in values):
            raise LokiLimit("loki: has timestamp too old", "reject_old_samples_max_age")

    def close(self):
        """Nothing is held open."""

    def lines(self, kind=None):
        return [json.loads(line) for labels, _, line, _ in self.entries if kind in (None, labels["kind"])]


AWAY = LokiUnavailable("loki: does not answer", Outlook(is_transient=True))


class Counts(Counter):
    """Lines by kind and outcome."""

    def __call__(self, kind, outcome, lines):
        self[kind, outcome] += lines
