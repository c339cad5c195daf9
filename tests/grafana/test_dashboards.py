"""The dashboards as they are committed: fresh, complete, in the contract's order, and by the dashboard-linter's rules."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from exporter.config_sources import DEFAULT_SELECTOR
from grafana.build import all_files, main, stale_files, write_files
from grafana.metric_names import UnknownMetricError
from grafana.queries.behaviour import anomalous_ratio
from grafana.queries.logql import LOG_LEVELS
from grafana.queries.promql import series
from tests.grafana.dashboard_files import DASHBOARDS, GENERATED, annotation_queries, panel_queries, panels

ELEVEN = (
    "real-time security alerts",
    "risk score distribution",
    "anomaly scores over time, by detector",
    "workflow pattern analysis",
    "behavioural fingerprint: tool diversity and activity patterns",
    "high-risk sessions",
    "persona usage and effectiveness",
    "isolation forest detection rate",
    "lof detection rate",
    "average risk score",
    "behavioural trends: security findings and errors",
)
"""The contract's panels of the main dashboard, in its order."""

EVERY_PANEL = [pytest.param(panel, id=f"{name}-{panel['id']}") for name, panel in panels()]
EVERY_DASHBOARD = list(DASHBOARDS.values())

NO_UNIT = {"logs"}
"""Panels that show text and no numbers."""

UNITS = {"short", "none", "percentunit", "s", "reqps", "cps", "currencyUSD"}


def by_title(title: str) -> dict[str, Any]:
    return next(panel for _, panel in panels() if panel["title"] == title)


def variables(dashboard: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in dashboard["templating"]["list"]}


# The files


def test_generated_files_are_what_the_code_makes():
    assert stale_files(all_files()) == []
    assert main(["--check"]) == 0


def test_check_names_files_that_are_changed_missing_or_left_over(tmp_path: Path):
    files = {"changed.json": "new", "missing.json": "new", "fresh.json": "same"}
    for name, text in {"changed.json": "old", "fresh.json": "same", "left-over.json": "old"}.items():
        (tmp_path / name).write_text(text)

    assert stale_files(files, tmp_path) == ["changed.json", "left-over.json", "missing.json"]

    write_files(files, tmp_path)
    assert stale_files(files, tmp_path) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["changed.json", "fresh.json", "missing.json"]


def test_check_fails_when_a_file_is_stale(monkeypatch: pytest.MonkeyPatch, capsys):
    monkeypatch.setattr("grafana.build.stale_files", lambda _files: ["sigyn-exporter.json"])

    assert main(["--check"]) == 1
    assert "sigyn-exporter.json is stale" in capsys.readouterr().err


def test_building_twice_gives_the_same_bytes():
    assert all_files() == all_files()


def test_there_are_four_dashboards_with_stable_ids():
    assert {name: dashboard["uid"] for name, dashboard in DASHBOARDS.items()} == {
        "sigyn-behaviour": "sigyn-behaviour",
        "sigyn-session": "sigyn-session",
        "sigyn-usage": "sigyn-usage",
        "sigyn-exporter": "sigyn-exporter",
    }


@pytest.mark.parametrize("dashboard", EVERY_DASHBOARD, ids=lambda one: one["uid"])
class TestEveryDashboard:
    def test_says_what_it_is_and_links_to_its_siblings(self, dashboard):
        assert dashboard["description"].endswith(".")
        assert dashboard["tags"] == ["sigyn"]
        (link,) = dashboard["links"]
        assert (link["type"], link["tags"], link["keepTime"]) == ("dashboards", ["sigyn"], True)
        assert "placement" not in link, "a link in the controls menu is not seen"

    def test_refreshes_in_the_reader_s_time_zone(self, dashboard):
        assert (dashboard["timezone"], dashboard["refresh"]) == ("browser", "1m")

    def test_marks_trainings_and_configuration_reloads(self, dashboard):
        marks = {one["name"]: one for one in dashboard["annotations"]["list"]}
        assert '| event="trained"' in marks["Retraining"]["target"]["expr"]
        assert '| event="config_reloaded"' in marks["Configuration reload"]["target"]["expr"]
        assert all(one["enable"] and one["datasource"]["uid"] == "${loki_datasource}" for one in marks.values())

    def test_numbers_each_panel_once(self, dashboard):
        ids = [panel["id"] for panel in dashboard["panels"]]
        assert ids == list(range(1, len(ids) + 1))

    def test_lays_panels_out_without_overlap_within_24_columns(self, dashboard):
        areas = [panel["gridPos"] for panel in dashboard["panels"]]
        assert all(area["x"] >= 0 and area["x"] + area["w"] <= 24 and area["h"] > 0 for area in areas)
        for one, other in combinations(areas, 2):
            apart_x = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
            apart_y = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
            assert apart_x or apart_y, (one, other)

    def test_stands_in_reading_order(self, dashboard):
        places = [(panel["gridPos"]["y"], panel["gridPos"]["x"]) for panel in dashboard["panels"]]
        assert places == sorted(places)

    def test_gives_each_panel_a_title_of_its_own(self, dashboard):
        titles = [panel["title"] for panel in dashboard["panels"]]
        assert len(titles) == len(set(titles))

    # Rules of the dashboard-linter about dashboards

    def test_template_datasource_rule(self, dashboard):
        sources = [one for one in variables(dashboard).values() if one["type"] == "datasource"]
        assert {(one["name"], one["query"], one["label"]) for one in sources} == {
            ("prometheus_datasource", "prometheus", "Prometheus data source"),
            ("loki_datasource", "loki", "Loki data source"),
        }
        assert dashboard["templating"]["list"][0]["name"] == "prometheus_datasource", "the linter judges by the first"

    def test_template_job_rule(self, dashboard):
        job = variables(dashboard)["job"]
        assert (job["type"], job["label"], job["multi"], job["allValue"]) == ("query", "Job", True, ".+")
        assert job["datasource"]["uid"] == "${prometheus_datasource}"

    def test_template_on_time_change_reload_rule(self, dashboard):
        queries = [one for one in variables(dashboard).values() if one["type"] == "query"]
        assert [one["refresh"] for one in queries] == [2] * len(queries)

    def test_uneditable_dashboard_rule(self, dashboard):
        assert dashboard["editable"] is False


@pytest.mark.parametrize("panel", EVERY_PANEL)
class TestEveryPanel:
    def test_panel_title_description_rule(self, panel):
        assert len(panel["title"]) >= 3
        assert panel["description"].endswith(".")
        assert len(panel["description"]) > len(panel["title"])

    def test_panel_datasource_rule(self, panel):
        source = panel["datasource"]
        assert source["uid"] == f"${{{source['type']}_datasource}}"
        assert all(target["datasource"] == source for target in panel["targets"])

    def test_panel_units_rule(self, panel):
        if panel["type"] not in NO_UNIT:
            assert panel["fieldConfig"]["defaults"]["unit"] in UNITS

    def test_panel_no_targets_rule(self, panel):
        refs = [target["refId"] for target in panel["targets"]]
        assert refs
        assert len(refs) == len(set(refs))
        assert all(target["expr"] for target in panel["targets"])


# Agent behaviour


def test_main_dashboard_has_the_contract_s_eleven_panels_in_its_order():
    titles = tuple(panel["title"].lower() for panel in DASHBOARDS["sigyn-behaviour"]["panels"])
    assert titles == ELEVEN


def test_main_dashboard_begins_with_the_last_week_and_has_a_variable_for_each_question():
    dashboard = DASHBOARDS["sigyn-behaviour"]
    assert dashboard["time"] == {"from": "now-7d", "to": "now"}
    assert {"agent", "user", "project", "level"} <= set(variables(dashboard))
    assert all(variables(dashboard)[name]["allValue"] == ".*" for name in ("agent", "user", "project", "level"))


def test_security_alerts_have_a_log_level_for_each_severity_because_grafana_knows_no_level_high():
    grafana_levels = {"critical", "error", "warning", "info", "debug"}
    assert set(LOG_LEVELS) == {"info", "low", "medium", "high", "critical"}
    assert set(LOG_LEVELS.values()) == grafana_levels, "each severity has a colour of its own"
    findings, sessions = (target["expr"] for target in by_title("Real-time security alerts")["targets"])
    assert 'if eq .severity "high" }}error' in findings
    assert 'if eq .level "high" }}error' in sessions


def test_high_risk_rows_lead_to_the_session_its_page_and_its_log_lines():
    overrides = by_title("High-risk sessions")["fieldConfig"]["overrides"]
    links = {
        link["title"]: link["url"]
        for override in overrides
        for one in override["properties"]
        if one["id"] == "links"
        for link in one["value"]
    }
    assert links["Session"].startswith("/d/sigyn-session/sigyn-session?var-session=${__data.fields.session_id")
    assert links["Session page"] == "${__value.raw}"
    assert links["Log lines"].startswith("/explore?")
    assert "${__data.fields.session_id:percentencode}" in links["Log lines"]
    assert not re.search(r'["{} |]', re.sub(r"\$\{[^}]*\}", "", links["Log lines"])), (
        "only variables are left as they are"
    )


def test_levels_have_the_same_borders_and_colours_everywhere():
    borders = [(None, "green"), (0.4, "yellow"), (0.7, "orange"), (0.9, "red")]
    for title in ("High-risk sessions", "Average risk score", "Risk"):
        steps = by_title(title)["fieldConfig"]["defaults"]["thresholds"]["steps"]
        assert [(step.get("value"), step["color"]) for step in steps] == borders


# Queries

USES_TOTALS = {
    "Workflow pattern analysis": "compares totals at both ends of the range",
    "Persona usage and effectiveness": "compares totals at both ends of the range",
    "Behavioural fingerprint: tool diversity and activity patterns": "chooses the busiest tools by their totals",
    "Spend": "compares totals at both ends of the range",
    "Spend by user": "compares totals at both ends of the range",
    "Spend by project": "compares totals at both ends of the range",
    "Tokens": "compares totals at both ends of the range",
    "Tokens by agent": "compares totals at both ends of the range",
    "Slash commands and skills": "compares totals at both ends of the range",
}
"""Panels exempt from the counter rule; docs/dashboards.md says why."""


@pytest.mark.parametrize("query", panel_queries("prometheus"), ids=str)
class TestEveryPrometheusQuery:
    def test_target_rate_interval_rule(self, query):
        ranges = re.findall(r"\[([^\]]+)\]", query.expression)
        assert set(ranges) <= {"$__rate_interval"}

    def test_target_counter_agg_rule(self, query):
        if query.title in USES_TOTALS:
            return
        counters = re.findall(r"sigyn_\w+_(?:total|bucket)\{", query.expression)
        ranged = re.findall(r"(?:rate|increase)\(sigyn_\w+_(?:total|bucket)\{[^}]*\}\[", query.expression)
        assert len(counters) == len(ranged)

    def test_target_job_rule(self, query):
        selectors = re.findall(r"sigyn_\w+\{([^}]*)\}", query.expression)
        assert len(selectors) == len(re.findall(r"sigyn_\w+", query.expression)), "no metric without a selector"
        assert all('job=~"$job"' in selector for selector in selectors)

    def test_target_instance_rule_on_the_exporter_s_dashboard(self, query):
        if query.dashboard == "sigyn-exporter":
            selectors = re.findall(r"sigyn_\w+\{([^}]*)\}", query.expression)
            assert all('instance=~"$instance"' in selector for selector in selectors)


@pytest.mark.parametrize("query", [*panel_queries("loki"), *annotation_queries()], ids=str)
class TestEveryLokiQuery:
    def test_reads_sigyn_s_own_lines_or_the_default_telemetry(self, query):
        (selector,) = re.findall(r'\{\w+(?:=|=~)"[^}]*"\}', query.expression)
        own = {f'{{service_name="sigyn", kind="{kind}"}}' for kind in ("session", "finding", "event")}
        assert selector in {*own, DEFAULT_SELECTOR}

    def test_target_logql_auto_rule(self, query):
        ranges = re.findall(r"\[(\$\w+|\d+\w)\]", query.expression)
        assert set(ranges) <= ({"$__range"} if query.is_instant else {"$__auto"})


def test_a_query_cannot_name_a_metric_or_label_that_the_exporter_does_not_expose():
    with pytest.raises(UnknownMetricError, match="sigyn_session_count: the exporter exposes no such metric"):
        series("sigyn_session_count")
    with pytest.raises(UnknownMetricError, match="sigyn_sessions: no label agent"):
        series("sigyn_sessions", {"agent": "$agent"})
    with pytest.raises(UnknownMetricError, match="no label agent"):
        series("sigyn_risk_score_mean", exact={"agent": "x"})
    assert "isolation_forest" in anomalous_ratio("isolation_forest")


# The page about it


def test_page_names_every_dashboard_and_every_rule_that_is_set_aside():
    page = (GENERATED.parents[1] / "docs" / "dashboards.md").read_text(encoding="utf-8")
    assert all(f"`/d/{name}" in page for name in DASHBOARDS)
    rows = [line for line in page.splitlines() if "`target-counter-agg-rule`" in line]
    assert all(any(title.partition(":")[0] in row for row in rows) for title in USES_TOTALS)
