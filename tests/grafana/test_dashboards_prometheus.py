"""Every PromQL query run by a real Prometheus that scraped a real exposition.

The exporter runs a cycle at each scrape, so its own counters move.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
import requests
from prometheus_client import generate_latest

from tests.grafana.dashboard_files import Query, panel_queries, variable_queries
from tests.grafana.prometheus_server import ask, needs_prometheus, running_prometheus
from tests.grafana.simulated_team import Team

pytestmark = [pytest.mark.live, needs_prometheus]

WITHOUT_DATA = {
    "Announcements": "nothing is written back where no Loki is configured",
    "Events dropped": "every simulated line can be used, so there may be no reason to count",
}
"""Panels that may be empty for this team, with the reason."""


@pytest.fixture(scope="module")
def prometheus(team: Team, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            team.exporter.cycle()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.end_headers()
            self.wfile.write(generate_latest(team.exporter.registry))

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        with running_prometheus(tmp_path_factory.mktemp("prometheus"), f"127.0.0.1:{server.server_port}") as url:
            yield url
        server.shutdown()
        thread.join()


def run(prometheus: str, query: Query, team: Team) -> list[dict[str, Any]]:
    riskiest = team.verdicts[0].session_id
    expression = query.filled(session=riskiest, __rate_interval="10s", __range="1m")
    return ask(prometheus, expression, is_instant=query.is_instant)


def panel(title: str, ref: str = "A") -> Query:
    return next(one for one in panel_queries("prometheus") if (one.title, one.target["refId"]) == (title, ref))


@pytest.mark.parametrize("query", panel_queries("prometheus"), ids=str)
def test_every_query_runs_and_no_panel_is_left_without_data(query, prometheus, team):
    assert run(prometheus, query, team) or query.title in WITHOUT_DATA


@pytest.mark.parametrize("query", variable_queries(), ids=str)
def test_every_variable_offers_something_to_choose(query, prometheus):
    asked = {"match[]": query.filled()}
    reply = requests.get(f"{prometheus}/api/v1/label/{query.target['label']}/values", params=asked, timeout=10)
    assert reply.json()["data"]


def test_risk_distribution_counts_every_scored_session(prometheus, team):
    counts = [run(prometheus, panel("Risk score distribution", ref), team)[0]["value"][1] for ref in "ABCD"]
    levels = [one.level for one in team.verdicts]
    assert [int(count) for count in counts] == [levels.count(name) for name in ("low", "medium", "high", "critical")]


def test_average_risk_is_that_of_the_scored_sessions(prometheus, team):
    (series,) = run(prometheus, panel("Average risk score"), team)
    risks = [one.risk for one in team.verdicts if one.risk is not None]
    assert float(series["values"][-1][1]) == pytest.approx(sum(risks) / len(risks))


def test_workflow_patterns_include_what_was_read_before_the_first_scrape(prometheus, team):
    found = run(prometheus, panel("Workflow pattern analysis"), team)
    shown = {(one["metric"]["from_category"], one["metric"]["to_category"]): float(one["value"][1]) for one in found}
    assert shown == team.exporter.publisher.snapshot.counters["sigyn_tool_transitions_total"]


def test_share_of_successful_persona_calls_is_a_ratio(prometheus, team):
    shares = [float(one["value"][1]) for one in run(prometheus, panel("Persona usage and effectiveness", "B"), team)]
    assert shares
    assert all(0.0 <= share <= 1.0 for share in shares)


def test_filters_leave_only_the_chosen_user_s_sessions_in_the_anomaly_panel(prometheus, team):
    query = panel("Anomaly scores over time, by detector", "B")
    user = team.verdicts[0].user_id
    own = [one.anomaly for one in team.verdicts[:50] if one.user_id == user and one.anomaly is not None]

    found = ask(prometheus, query.filled(user=user), is_instant=True)

    joint = next(one for one in found if one["metric"]["detector"] == "joint")
    assert float(joint["value"][1]) == pytest.approx(max(own))
    assert ask(prometheus, query.filled(user="nobody"), is_instant=True) == []


def test_an_exporter_that_cycles_at_every_scrape_is_in_time(prometheus, team):
    (series,) = run(prometheus, panel("Lag in intervals"), team)
    assert 0.0 <= float(series["values"][-1][1]) < 1.0
