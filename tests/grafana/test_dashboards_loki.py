"""Every LogQL query run by a real Loki that holds what the exporter writes and what agents send."""

from __future__ import annotations

import json
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest
import requests

from analytics.simulation import as_otlp
from analytics.verdicts import SessionVerdict
from exporter.announcements.lines import SERVICE_NAME, event_line, finding_line, page_url, session_line
from exporter.state import Announcement
from grafana.dashboards.links import log_lines
from grafana.queries.behaviour import HIGH_RISK_COLUMNS
from tests.grafana.dashboard_files import Query, annotation_queries, panel_queries
from tests.grafana.simulated_team import Team
from tests.loki_server import needs_loki, running_loki

pytestmark = [pytest.mark.live, needs_loki]

SPAN_SECONDS = 5 * 86_400
VISIBLE_WITHIN_SECONDS = 30.0
EARLIER_RISK = 0.0123
"""Risk in a line about the riskiest session that is older than its newest."""
LOG_LEVELS = {"critical": "critical", "high": "error", "medium": "warning", "low": "info", "info": "debug"}

QUERIES = [*panel_queries("loki"), *annotation_queries()]


@pytest.fixture(scope="module")
def loki(team: Team, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_loki(tmp_path_factory.mktemp("loki")) as url:
        native = team.records[team.riskiest_of("codex").session_id]
        push(url, {"service_name": "sigyn-events"}, [[ns(one), orjson.dumps(one).decode()] for one in native])
        otlp = as_otlp(team.records[team.riskiest_of("claude-code").session_id])
        assert requests.post(f"{url}/otlp/v1/logs", json=otlp, timeout=10).ok
        for one in announced(team):
            entry = [str(one.time_ns), one.line, dict(one.metadata)]
            push(url, {"service_name": SERVICE_NAME, "kind": one.kind}, [entry])
        make_visible(url, native[0]["session_id"], len(native))
        yield url


def make_visible(url: str, session: str, count: int) -> None:
    """Have Loki write its chunks: by default it looks for lines older than some hours only in the store."""
    assert requests.post(f"{url}/flush", timeout=10).ok
    never = threading.Event()
    for _ in range(int(VISIBLE_WITHIN_SECONDS / 0.25)):
        if len(lines(ask_expression(url, f'{{service_name="sigyn-events"}} |= "{session}"'))) == count:
            return
        never.wait(0.25)
    raise AssertionError(f"{count} lines are not visible after {VISIBLE_WITHIN_SECONDS} s")


def ns(record: Mapping[str, Any]) -> str:
    moment = time.strptime(record["timestamp"][:19] + "+0000", "%Y-%m-%dT%H:%M:%S%z")
    return str(int(time.mktime(moment) - time.timezone) * 1_000_000_000)


def push(url: str, labels: Mapping[str, str], values: list[list[Any]]) -> None:
    body = {"streams": [{"stream": labels, "values": values}]}
    reply = requests.post(f"{url}/loki/api/v1/push", json=body, timeout=10)
    assert reply.ok, reply.text


def announced(team: Team) -> Iterator[Announcement]:
    """What the exporter would have written about all scored sessions, and one earlier line about the riskiest."""
    now = time.time_ns()
    yield event_line("trained", "risk, fingerprint", now - 9_000_000_000)
    yield event_line("config_reloaded", "sigyn.yml", now - 8_000_000_000)
    scored = [one for one in team.verdicts if one.risk is not None]
    yield session_line(replace(scored[0], risk=EARLIER_RISK), page(scored[0]), now - 7_000_000_000)
    rules = {rule.id: rule for rule in team.exporter.world.rules.rules}
    for offset, verdict in enumerate(scored):
        yield session_line(verdict, page(verdict), now - 5_000_000_000 + offset)
        for finding in verdict.findings:
            yield finding_line(finding, verdict, rules[finding.rule], page(verdict), now - 4_000_000_000 + offset)
    yield session_line(scored[0], page(scored[0]), now - 2_000_000_000, "malicious")


def page(verdict: SessionVerdict) -> str | None:
    return page_url("http://sigyn.example:9847", verdict.session_id)


def ask(loki: str, query: Query, session: str = "none") -> list[dict[str, Any]]:
    """The streams or series of an answer."""
    return ask_expression(loki, query.filled(session=session, __range="5d", __auto="1h"), is_instant=query.is_instant)


def ask_expression(loki: str, expression: str, *, is_instant: bool = False) -> list[dict[str, Any]]:
    now = time.time()
    if is_instant:
        reply = requests.get(f"{loki}/loki/api/v1/query", params={"query": expression, "time": now}, timeout=20)
    else:
        span = {"query": expression, "start": now - SPAN_SECONDS, "end": now, "limit": 5000, "step": 3600}
        reply = requests.get(f"{loki}/loki/api/v1/query_range", params=span, timeout=20)
    assert reply.ok, f"{expression}: {reply.text}"
    return list(reply.json()["data"]["result"])


def lines(streams: list[dict[str, Any]]) -> list[str]:
    return [line for one in streams for _, line in one["values"]]


def panel(title: str, ref: str = "A") -> Query:
    return next(one for one in QUERIES if (one.title, one.target["refId"]) == (title, ref))


@pytest.mark.parametrize("query", QUERIES, ids=str)
def test_every_query_runs_and_no_panel_is_left_without_data(query, loki, team):
    chosen = team.riskiest_of("claude-code")
    position = re.search(r"reasons\[(\d)\]\.feature", query.expression)
    has_answer = position is None or int(position[1]) < len(chosen.reasons)

    assert bool(ask(loki, query, chosen.session_id)) == has_answer


@pytest.mark.parametrize("query", panel_queries("loki"), ids=str)
def test_no_query_fails_where_nothing_is_known(query, loki):
    if query.dashboard == "sigyn-session":
        assert ask(loki, query, "no-such-session") == []


def test_alerts_are_coloured_by_severity_and_say_it_first(loki, team):
    found = ask(loki, panel("Real-time security alerts"))

    assert {one["stream"]["severity"]: one["stream"]["detected_level"] for one in found}.items() <= LOG_LEVELS.items()
    severities = Counter(finding.severity for one in team.verdicts if one.risk is not None for finding in one.findings)
    assert Counter(line.split(" · ")[0] for line in lines(found)) == severities
    assert len(severities) > 1, "otherwise colours prove nothing"


def test_alerting_sessions_stand_in_the_stream_with_their_main_reason(loki, team):
    found = ask(loki, panel("Real-time security alerts", "B"))

    alerting = [one for one in team.verdicts if one.level in {"high", "critical"}]
    assert {one["stream"]["session_id"] for one in found} == {one.session_id for one in alerting}
    assert not any("human_verdict" in one["stream"] for one in found), "a person's verdict is no alert"
    assert all(any(one.reasons[0].text in line for line in lines(found)) for one in alerting if one.reasons)


def test_high_risk_table_has_all_its_columns_and_the_alerting_sessions(loki, team):
    rows = [one["stream"] for one in ask(loki, panel("High-risk sessions"))]

    assert {row["session_id"] for row in rows} == {
        one.session_id for one in team.verdicts if one.level in {"high", "critical"}
    }
    assert set().union(*rows) == set(HIGH_RISK_COLUMNS)
    assert all(row["url"].endswith(f"/sessions/{row['session_id']}") for row in rows)
    newest = max((row for row in rows if row["session_id"] == team.verdicts[0].session_id), key=lambda r: r["written"])
    assert float(newest["risk"]) == pytest.approx(team.verdicts[0].risk, abs=1e-4)
    assert newest["human_verdict"] == "malicious"
    assert {row.get("human_verdict") for row in rows if row is not newest} == {None}


def test_filters_by_user_leave_only_that_user_s_sessions(loki, team):
    user = next(one.user_id for one in team.verdicts if one.level in {"high", "critical"})
    found = ask_expression(loki, panel("High-risk sessions").filled(user=user))
    assert {one["stream"]["user_id"] for one in found} == {user}


def test_risk_of_a_session_is_its_newest_not_its_highest_or_first(loki, team):
    (series,) = ask(loki, panel("Risk"), team.verdicts[0].session_id)
    assert float(series["value"][1]) == pytest.approx(team.verdicts[0].risk, abs=1e-4)


def test_parts_add_up_to_the_risk(loki, team):
    chosen = team.riskiest_of("codex")
    streams = ask(loki, panel("Parts of the risk"), chosen.session_id)
    assert sum(json.loads(streams[0]["stream"]["parts"]).values()) == pytest.approx(chosen.risk)


def test_reasons_are_those_of_the_verdict_in_their_order(loki, team):
    chosen = team.riskiest_of("codex")
    for reason, ref in zip(chosen.reasons, "ABCDE", strict=False):
        rows = ask(loki, panel("Features against their expected range", ref), chosen.session_id)
        assert {row["stream"]["feature"] for row in rows} == {reason.feature}
        assert {float(row["stream"]["value"]) for row in rows} == {reason.value}


def test_log_lines_of_a_session_are_found_in_native_json(loki, team):
    chosen = team.riskiest_of("codex").session_id
    found = lines(ask(loki, panel("Log lines"), chosen))
    assert len(found) == len(team.records[chosen])
    assert all(json.loads(line.partition("}\n")[0])["session_id"] == chosen for line in found)


def test_log_lines_of_a_session_are_found_in_otlp_metadata(loki, team):
    chosen = team.riskiest_of("claude-code").session_id
    sent = as_otlp(team.records[chosen])
    records = [one for r in sent["resourceLogs"] for scope in r["scopeLogs"] for one in scope["logRecords"]]

    streams = ask(loki, panel("Log lines"), chosen)

    assert len(lines(streams)) == len(records)
    assert {one["stream"]["session_id"] for one in streams} == {chosen}
    failed = {one["stream"]["detected_level"] for one in streams if one["stream"].get("success") == "false"}
    assert failed <= {"error"}


@pytest.mark.parametrize("agent", ["codex", "claude-code"])
def test_timeline_counts_the_same_events_as_the_log_lines(agent, loki, team):
    chosen = team.riskiest_of(agent).session_id
    expression = panel("Timeline").filled(session=chosen, __auto="5d")

    counts = {
        one["metric"]["kind_of_event"]: int(one["value"][1])
        for one in ask_expression(loki, expression, is_instant=True)
    }

    assert sum(counts.values()) == len(lines(ask(loki, panel("Log lines"), chosen)))
    assert counts["user_prompt"] > 0


def test_link_to_log_lines_opens_a_query_that_finds_them(loki, team):
    chosen = team.riskiest_of("codex").session_id
    address = log_lines("session_id").replace("${__data.fields.session_id:percentencode}", chosen)
    pane = json.loads(parse_qs(urlsplit(address).query)["panes"][0])["lines"]

    found = ask_expression(loki, pane["queries"][0]["expr"])

    assert len(lines(found)) == len(team.records[chosen])
    assert pane["range"] == {"from": "${__from}", "to": "${__to}"}
