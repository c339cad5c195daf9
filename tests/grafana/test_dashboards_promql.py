"""Every PromQL query names only what the exporter exposes, and Prometheus' own parser takes it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from analytics.registry import load_analyses
from exporter.collector import SnapshotCollector
from exporter.instrumentation import Instrumentation
from exporter.publisher import Publisher
from exporter.recent_sessions import gauge_specs
from grafana.metric_names import METRICS
from tests.grafana.dashboard_files import panel_queries, variable_queries

QUERIES = [*panel_queries("prometheus"), *variable_queries()]

FIXED_BY_CONTRACT = {
    "sigyn_session_risk_score",
    "sigyn_session_anomaly_score",
    "sigyn_sessions",
    "sigyn_sessions_untracked",
    "sigyn_risk_score_mean",
    "sigyn_detector_anomalous_ratio",
    "sigyn_tool_calls_total",
    "sigyn_findings_total",
    "sigyn_model_trained_timestamp_seconds",
    "sigyn_cycles_total",
    "sigyn_cycle_duration_seconds_bucket",
    "sigyn_cycle_interval_seconds",
    "sigyn_last_success_timestamp_seconds",
    "sigyn_events_read_total",
    "sigyn_events_dropped_total",
    "sigyn_loki_requests_total",
    "sigyn_build_info",
}

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="needs promtool on PATH (Debian package prometheus)"
)


def names_in(expression: str) -> set[str]:
    return set(re.findall(r"\bsigyn_[a-z_]+", expression))


def registered_names() -> set[str]:
    """Sample names of everything that a registry of the exporter's parts knows."""
    registry = CollectorRegistry()
    Instrumentation(registry, "0")
    gauges = {one.name: (one.help, one.labels) for one in gauge_specs(load_analyses())}
    registry.register(SnapshotCollector(Publisher(), gauges=gauges))
    return set(registry._names_to_collectors)


@pytest.mark.parametrize("query", QUERIES, ids=str)
def test_every_metric_in_a_query_is_exposed(query):
    assert names_in(query.expression) <= set(METRICS), query.expression


def test_the_names_a_query_may_use_are_those_that_a_registry_knows():
    assert set(METRICS) <= registered_names()
    assert METRICS["sigyn_source_up"] == ("source",), "has no series before the first cycle"
    assert "sigyn_cycle_duration_seconds" not in METRICS, "a histogram has no sample of its own name"


def test_every_metric_of_the_contract_and_every_counter_is_shown_somewhere():
    shown = set().union(*(names_in(query.expression) for query in QUERIES))
    assert shown >= FIXED_BY_CONTRACT
    assert shown >= {name for name in METRICS if name.endswith("_total")}


def test_labels_that_queries_group_by_exist():
    for query in panel_queries("prometheus"):
        labels = {"le"}.union(*(METRICS[name] for name in names_in(query.expression)), {"job", "instance"})
        for group in re.findall(r"\b(?:by|on) \(([^)]*)\)", query.expression):
            assert set(group.split(", ")) <= labels, query.expression


def test_labels_in_legends_survive_the_aggregation():
    for query in panel_queries("prometheus"):
        for label in re.findall(r"\{\{(\w+)\}\}", query.target.get("legendFormat", "")):
            outermost = re.search(r"\bby \(([^)]*)\)", query.expression)
            assert outermost, query
            assert label in outermost[1].split(", "), query


@pytest.mark.live
@needs_promtool
def test_promtool_takes_every_query(tmp_path: Path):
    rules = [{"record": f"check:query{number}", "expr": query.filled()} for number, query in enumerate(QUERIES)]
    file = tmp_path / "queries.yml"
    file.write_text(json.dumps({"groups": [{"name": "queries", "rules": rules}]}))

    checked = subprocess.run(
        ["promtool", "check", "rules", "--lint=none", file], capture_output=True, text=True, check=False
    )

    assert checked.returncode == 0, checked.stderr
    assert f"{len(QUERIES)} rules found" in checked.stdout


@pytest.mark.live
@needs_promtool
def test_promtool_refuses_a_broken_query(tmp_path: Path):
    file = tmp_path / "queries.yml"
    rules = [{"record": "check:query", "expr": "sum by (x (up)"}]
    file.write_text(json.dumps({"groups": [{"name": "queries", "rules": rules}]}))

    assert subprocess.run(["promtool", "check", "rules", file], capture_output=True, check=False).returncode != 0
