"""Every alert, Prometheus's and Loki's, says the same kinds of things in the same places and has its page."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
import yaml

from tests.prometheus.rule_files import ALERTS, PROMETHEUS_RULES, RUNBOOKS, UNIT_TESTS, Alert, rules

HEADINGS = ["Meaning", "Impact", "What to check", "What to do"]
each_alert = pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)

EXPECTED = {
    "SigynSessionRiskHigh", "SigynSessionRiskCritical", "SigynFindingHighSeverity", "SigynAnomalousShareJump",
    "SigynRunawayLoop", "SigynUnusualSpendUser", "SigynUnusualSpendProject", "SigynErrorBurst", "SigynDrift",
    "SigynModelTooOld", "SigynTrainingFailing", "SigynExporterDown", "SigynNoFreshScores", "SigynLokiUnreachable",
    "SigynEventsDropped", "SigynSessionsUntracked", "SigynConfigReloadFailed",
    "SigynFindingReported", "SigynPermissionsBypassed",
}  # fmt: skip


def test_the_alerts_are_those_that_are_promised_each_once():
    assert sorted(alert.name for alert in ALERTS) == sorted(EXPECTED)


@each_alert
def test_an_alert_has_a_camel_case_name_with_the_products_prefix(alert: Alert):
    assert re.fullmatch(r"Sigyn([A-Z][a-z]+)+", alert.name)


@each_alert
def test_an_alert_has_one_of_three_severities(alert: Alert):
    choice = re.fullmatch(
        r'(critical|warning|info)|\{\{ if eq \$labels\.severity "critical" \}\}critical\{\{ else \}\}warning\{\{ end \}\}',
        alert.labels["severity"],
    )
    assert choice, alert.labels["severity"]


@each_alert
def test_a_headline_is_fixed_and_a_description_is_a_sentence_or_more(alert: Alert):
    assert "{{" not in alert.annotations["summary"]
    assert not alert.annotations["summary"].endswith(".")
    assert alert.annotations["description"].endswith(".")


@each_alert
def test_a_runbook_link_leads_to_the_alerts_own_page_from_a_base_that_can_be_changed(alert: Alert):
    base = '{{ or $externalLabels.sigyn_runbook_url "docs/runbooks" }}'
    assert alert.annotations["runbook_url"] == f"{base}/{alert.name}.md"
    assert (RUNBOOKS / f"{alert.name}.md").is_file()


@each_alert
def test_an_alert_links_to_a_dashboard_and_to_the_session_where_one_is_known(alert: Alert):
    knows_session = "session_id" in alert.annotations["description"]
    assert "$externalLabels.sigyn_grafana_url" in alert.annotations["dashboard_url"]
    assert ("session_url" in alert.annotations) == knows_session
    if knows_session:
        encoded = r'\$labels\.session_id \| urlquery \| reReplaceAll "\[\+\]" "%20"'
        assert re.search(encoded, alert.annotations["session_url"])
        assert re.search(encoded, alert.annotations["dashboard_url"])


@each_alert
def test_a_runbook_tells_meaning_impact_what_to_check_with_commands_and_what_to_do(alert: Alert):
    page = (RUNBOOKS / f"{alert.name}.md").read_text()
    assert page.startswith(f"# {alert.name}\n")
    places = [page.index(f"\n## {heading}\n") for heading in HEADINGS]
    assert places == sorted(places)
    sections = [page[start:end] for start, end in pairwise([*places, len(page)])]
    assert all(len(section.splitlines()) >= 4 for section in sections), "a section says nothing"
    assert "```" in sections[2], "no command to check with"


def test_no_page_is_left_of_an_alert_that_is_gone():
    assert {page.stem for page in RUNBOOKS.glob("*.md")} == EXPECTED


def test_each_prometheus_alert_has_unit_tests_of_firing_with_exact_annotations_and_of_silence():
    firing: dict[str, list[bool]] = {}
    for file in UNIT_TESTS:
        for test in yaml.safe_load(file.read_text())["tests"]:
            for case in test["alert_rule_test"]:
                firing.setdefault(case["alertname"], []).append(bool(case["exp_alerts"]))
                assert all("description" in expected["exp_annotations"] for expected in case["exp_alerts"])
    names = {rule["alert"] for _, rule in rules(PROMETHEUS_RULES) if "alert" in rule}
    assert {name for name, cases in firing.items() if set(cases) == {True, False}} == names
