"""The real path from Loki to the exposition: against recorded replies, composed pushes and, where there is one, Loki."""

from __future__ import annotations

import functools
import json
import threading
import time
from itertools import groupby

import numpy as np
import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from analytics.simulation import SimulationSettings, as_otlp, merge_in_time, simulate_team
from analytics.simulation.stamps import milliseconds_of
from exporter.service import Exporter
from tests.conftest import SHARED
from tests.exporter.running import THEFT, Clock, write_config
from tests.loki_server import needs_loki, running_loki
from tests.loki_standin import running_standin

RECORDINGS = SHARED / "recordings" / "loki-3.7.6"
RECORDED_SELECTORS = ['{service_name=~"claude-code|claude-hooks"}']


def samples_of(text):
    return {
        (one.name, *sorted(one.labels.items())): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
    }


def once_at(monkeypatch, sigyn, now, config):
    """``sigyn once`` as it would have run at a time (Unix seconds)."""
    clock = Clock(now)
    monkeypatch.setattr("exporter.commands.once_command.Exporter", functools.partial(Exporter, clock=clock))
    outcome = sigyn("once", "--config", config)
    assert outcome.status == 0, outcome.err
    return samples_of(outcome.out)


def total(samples, name, **labels):
    """The sum of a family's samples with these label values."""
    return sum(value for key, value in samples.items() if key[0] == name and labels.items() <= dict(key[1:]).items())


@pytest.mark.skipif(not RECORDINGS.is_dir(), reason="needs the recordings in ../shared/recordings")
def test_what_a_real_loki_was_sent_becomes_a_session_on_the_exposition(tmp_path, sigyn, monkeypatch):
    pushes = [
        json.loads((RECORDINGS / f"{name}.json").read_text())["request"] for name in ("otlp_push", "push_json_lines")
    ]
    records = [record for scope in _scopes(pushes[0]["body"]) for record in scope["logRecords"]]
    lines = [json.loads(value[1]) for stream in pushes[1]["body"]["streams"] for value in stream["values"]]
    first = min(int(record["timeUnixNano"]) for record in records)
    now = first / 1e9 + 300
    with running_standin(int(now * 1e9)) as loki:
        for push in pushes:
            requests.post(loki.url + push["path"], json=push["body"], timeout=5).raise_for_status()
        reading = {"url": loki.url, "selectors": RECORDED_SELECTORS, "lookback": "1d"}
        samples = once_at(monkeypatch, sigyn, now, write_config(tmp_path, sources={"loki": reading}))
    assert total(samples, "sigyn_events_read_total") == len(records) + len(lines)
    assert total(samples, "sigyn_events_dropped_total") == 0
    told = [{pair["key"]: pair["value"] for pair in record["attributes"]} for record in records]
    sessions = {one["session.id"]["stringValue"] for one in told} | {line["session_id"] for line in lines}
    assert total(samples, "sigyn_sessions") == len(sessions)
    names = [record["body"]["stringValue"].removeprefix("claude_code.") for record in records]
    otlp_name = next(dict(key[1:])["source"] for key in samples if "claude" in str(key) and "otel" in str(key))
    assert total(samples, "sigyn_events_read_total", source=otlp_name, event="tool_result") == names.count(
        "tool_result"
    )
    assert total(samples, "sigyn_source_up") == 1


def _scopes(body):
    return [scope for resource in body["resourceLogs"] for scope in resource["scopeLogs"]]


@pytest.mark.skipif(not RECORDINGS.is_dir(), reason="needs the recordings in ../shared/recordings")
def test_recorded_pages_that_share_a_nanosecond_lose_and_double_nothing(tmp_path, sigyn, monkeypatch):
    exchange = json.loads((RECORDINGS / "query_range_streams_categorized.json").read_text())
    (stream,) = exchange["response"]["body"]["data"]["result"]
    entries = [(int(value[0]), value[1], value[2]["structuredMetadata"]) for value in stream["values"]]
    assert len({time_ns for time_ns, _, _ in entries}) < len(entries), "the recording shows no shared nanosecond"
    now = entries[-1][0] / 1e9 + 300
    with running_standin(int(now * 1e9)) as loki:
        for time_ns, line, metadata in entries:
            loki.store().add(time_ns, line, stream["stream"], metadata)
        reading = {"url": loki.url, "selectors": RECORDED_SELECTORS, "lookback": "1d", "page_limit": 5}
        samples = once_at(monkeypatch, sigyn, now, write_config(tmp_path, sources={"loki": reading}))
    assert total(samples, "sigyn_events_read_total") == len(entries)


# Composed telemetry


def simulated(sessions, days, seed=3):
    """Claude Code sessions that have all ended, and the ids of those that misbehave."""
    settings = SimulationSettings(
        end_ns=int((time.time() - 2 * 3600) * 1e9),
        sessions=sessions,
        days=days,
        users=3,
        anomalous_ratio=0.06,
        agents={"claude-code": 1.0},
        kinds=("exfiltration", "secret_access", "destruction"),
        strength="strong",
    )
    team = list(simulate_team(settings, np.random.default_rng(seed)))
    return team, {one.session_id for one in team if one.label is not None}


def push_otlp(url, team):
    """Push as the agents would have: an hour at a time, in order of time."""
    hours = groupby(merge_in_time(team), key=lambda record: milliseconds_of(record["timestamp"]) // 3_600_000)
    for _, records in hours:
        document = as_otlp(records)
        if document["resourceLogs"]:
            requests.post(f"{url}/otlp/v1/logs", json=document, timeout=20).raise_for_status()


def wait_until_readable(url, expected):
    """Wait until a real Loki answers with that many entries."""
    never, now = threading.Event(), time.time_ns()
    query = 'sum(count_over_time({service_name="claude-code"}[3d]))'
    for _ in range(120):
        found = requests.get(f"{url}/loki/api/v1/query", params={"query": query, "time": now}, timeout=20).json()
        if found["data"]["result"] and int(found["data"]["result"][0]["value"][1]) == expected:
            return
        never.wait(0.25)
    raise AssertionError(f"Loki does not answer with {expected} entries: {found}")


LIGHT = {"training": {"minimum_sessions": 20}, "analyses": {"risk": {"trees": 20}}}


def risks_of(samples):
    return {
        dict(key[1:])["session_id"]: value for key, value in samples.items() if key[0] == "sigyn_session_risk_score"
    }


def test_otlp_events_become_scored_sessions_with_the_misbehaving_on_top(tmp_path, sigyn):
    team, misbehaving = simulated(60, days=2)
    with running_standin(time.time_ns()) as loki:
        push_otlp(loki.url, team)
        pushed = len(loki.store().entries)
        config = write_config(tmp_path, sources={"loki": {"url": loki.url, "lookback": "4d"}}, **LIGHT)
        outcome = sigyn("once", "--config", config)
    assert outcome.status == 0, outcome.err
    samples = samples_of(outcome.out)
    assert total(samples, "sigyn_events_read_total") == pushed
    risks = risks_of(samples)
    assert misbehaving
    assert all(risks[session_id] >= 0.7 for session_id in misbehaving)
    ordinary = [risk for session_id, risk in risks.items() if session_id not in misbehaving]
    assert np.median(ordinary) < 0.4
    assert total(samples, "sigyn_findings_total") >= len(misbehaving)


def test_no_argument_of_a_tool_reaches_exposition_log_or_state(tmp_path, sigyn):
    now = time.time_ns()
    with running_standin(now) as loki:
        for number, command in enumerate([THEFT, "ls", "make"]):
            line = {"event": "tool_result", "session_id": "s", "tool_name": "Bash", "tool_input": {"command": command}}
            stamp = now - (60 - number) * 1_000_000_000
            line |= {"timestamp": stamp / 1e9, "success": True, "prompt": "my secret plan"}
            loki.store().add(stamp, json.dumps(line), {"service_name": "sigyn-events"}, {})
        reading = {"loki": {"url": loki.url, "lookback": "1d"}}
        outcome = sigyn("once", "--config", write_config(tmp_path, sources=reading, log={"level": "debug"}))
    assert outcome.status == 0
    assert 'sigyn_findings_total{rule="' in outcome.out
    kept = outcome.out.encode() + outcome.err.encode()
    kept += b"".join(path.read_bytes() for path in (tmp_path / "state").rglob("*") if path.is_file())
    for secret in (b"evil.example", b"id_rsa", b"secret plan"):
        assert secret not in kept


@needs_loki
@pytest.mark.live
def test_what_is_pushed_to_a_real_loki_is_on_the_exposition(tmp_path, sigyn):
    team, misbehaving = simulated(40, days=1)
    (tmp_path / "loki").mkdir()
    with running_loki(tmp_path / "loki") as url:
        push_otlp(url, team)
        # Chunks of a past that is over are written out at once, and cannot be read while that goes on.
        requests.post(f"{url}/flush", timeout=20).raise_for_status()
        wait_until_readable(url, sum(len(scope["logRecords"]) for scope in _scopes(as_otlp(merge_in_time(team)))))
        config = write_config(tmp_path, sources={"loki": {"url": url, "lookback": "3d"}}, **LIGHT)
        outcome = sigyn("once", "--config", config)
    assert outcome.status == 0, outcome.err
    samples = samples_of(outcome.out)
    assert total(samples, "sigyn_sessions") == len(team)
    assert misbehaving <= risks_of(samples).keys()
