"""The rules ask for what the exporter exposes, and Prometheus asks where the exporter answers."""

from __future__ import annotations

import re

import pytest
import yaml
from prometheus_client import CollectorRegistry

from exporter.collector import FAMILIES
from exporter.instrumentation import Instrumentation
from tests.prometheus.rule_files import PROMETHEUS_RULES, ROOT, rules

ABSENT_AT_START = {"sigyn_drift_ratio", "sigyn_source_up"}
"""Exposed once something is known, so a registry that has not run does not show them."""
OPTIONAL = {"sigyn_session_reason_info", "sigyn_training_interval_seconds"}
"""The rules use them where they are exposed and work without."""


def exposed_names() -> set[str]:
    registry = CollectorRegistry()
    Instrumentation(registry, "0")
    own = {sample.name for family in registry.collect() for sample in family.samples}
    return own | {family.name for family in FAMILIES}


@pytest.mark.parametrize(("file", "rule"), rules(PROMETHEUS_RULES), ids=lambda value: getattr(value, "stem", ""))
def test_every_metric_in_a_rule_is_exposed_or_recorded(file, rule):
    recorded = {other["record"] for _, other in rules(PROMETHEUS_RULES) if "record" in other}
    text = rule["expr"]
    for name in recorded:
        text = text.replace(name, "")
    text = re.sub(r'"[^"]*"', "", text)
    used = set(re.findall(r"\bsigyn_\w+", text))
    assert used or any(name in rule["expr"] for name in recorded) or "up{" in rule["expr"], file
    assert used <= exposed_names() | ABSENT_AT_START | OPTIONAL


def test_prometheus_scrapes_exporter_loki_alertmanager_and_itself():
    config = yaml.safe_load((ROOT / "prometheus/prometheus.yml").read_text())
    fixed = [job for job in config["scrape_configs"] if "static_configs" in job]
    targets = {job["job_name"]: job["static_configs"][0]["targets"] for job in fixed}
    assert targets == {
        "sigyn": ["sigyn:9847"],
        "loki": ["loki:3100"],
        "alertmanager": ["alertmanager:9093"],
        "prometheus": ["localhost:9090"],
    }


def test_prometheus_scrapes_the_collector_where_it_listens_and_while_it_runs():
    config = yaml.safe_load((ROOT / "prometheus/prometheus.yml").read_text())
    (job,) = (job for job in config["scrape_configs"] if job["job_name"] == "collector")
    (lookup,) = job["dns_sd_configs"]
    service = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["collector"]
    exporter = yaml.safe_load((ROOT / "collector/config.yml").read_text())["exporters"]["prometheus"]
    assert lookup["names"] == ["collector"]
    assert service["profiles"] == ["collector"], "so a fixed target would be down without the profile"
    assert exporter["endpoint"].endswith(f":{lookup['port']}")


def test_metrics_that_agents_send_cannot_pass_for_those_that_the_rules_read():
    config = yaml.safe_load((ROOT / "prometheus/prometheus.yml").read_text())
    (job,) = (job for job in config["scrape_configs"] if job["job_name"] == "collector")
    (drop,) = job["metric_relabel_configs"]
    assert (drop["action"], drop["source_labels"]) == ("drop", ["__name__"])
    recorded = {rule["record"] for _, rule in rules(PROMETHEUS_RULES) if "record" in rule}
    assert all(re.fullmatch(drop["regex"], name) for name in {*exposed_names(), *recorded, "ALERTS"})
    assert not re.fullmatch(drop["regex"], "claude_code_cost_usage_USD_total")
    assert not job.get("honor_labels"), "the job of a series stays the one that was scraped"


def test_the_addresses_that_only_the_rules_read_leave_with_no_alert():
    config = yaml.safe_load((ROOT / "prometheus/prometheus.yml").read_text())
    (drop,) = config["alerting"]["alert_relabel_configs"]
    assert drop["action"] == "labeldrop"
    assert all(re.fullmatch(drop["regex"], name) for name in config["global"]["external_labels"])
