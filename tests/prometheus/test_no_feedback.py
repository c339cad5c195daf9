"""A rule that fires on risk must not raise risk: the exporter never reads what it, or an alert, wrote."""

from __future__ import annotations

import re

import yaml

from exporter.config_sources import DEFAULT_SELECTOR
from tests.prometheus.rule_files import LOKI_RULES, ROOT, rules


def services(selector: str) -> re.Pattern[str]:
    """What a selector's only matcher lets through; Loki anchors it at both ends."""
    matcher = re.fullmatch(r'\{service_name=~"([^"]+)"\}', selector)
    assert matcher, f"a selector with another shape needs another test: {selector}"
    return re.compile(matcher[1])


def test_the_default_selector_reads_agents_and_never_sigyns_own_lines():
    read = services(DEFAULT_SELECTOR)
    assert read.fullmatch("claude-code")
    assert read.fullmatch("sigyn-events")
    assert not read.fullmatch("sigyn")


def test_the_example_configuration_reads_by_that_selector():
    config = yaml.safe_load((ROOT / "exporter/config.example.yml").read_text())
    assert config["sources"]["loki"]["selectors"] == [DEFAULT_SELECTOR]


def test_loki_rules_only_raise_alerts_and_write_no_series_or_lines():
    assert [rule for _, rule in rules(LOKI_RULES) if "record" in rule] == []


def test_the_rule_on_findings_reads_only_lines_that_the_exporter_does_not():
    (finding,) = (rule for _, rule in rules(LOKI_RULES) if rule["alert"] == "SigynFindingReported")
    names = re.findall(r'service_name=~?"([^"]+)"', finding["expr"])
    assert names == ["sigyn"]
    assert not services(DEFAULT_SELECTOR).fullmatch(names[0])


def test_the_rule_on_claude_codes_telemetry_reads_metadata_and_never_parses_the_line():
    (bypass,) = (rule for _, rule in rules(LOKI_RULES) if rule["alert"] == "SigynPermissionsBypassed")
    assert "json" not in bypass["expr"]
    assert "logfmt" not in bypass["expr"]
