import shutil
import subprocess
import time
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families

from analytics.findings import Finding
from analytics.verdicts import SessionVerdict, level_of
from exporter.collector import FAMILIES, MAX_UNKNOWN_EVENT_NAMES, SnapshotCollector
from exporter.exposition_summary import MOST_RULES
from exporter.instrumentation import Instrumentation
from exporter.publisher import Publisher
from exporter.snapshot import ModelState, Snapshot

HOSTILE = ['"', "\n", "\\", '\\"\n', "é漢\u202e\U0001f600", "\x00\x1b\r\t", "x" * 10_000, "\ud800", "}", " 1\n# HELP x"]


def verdict(session_id, risk, **changes):
    scores = {"isolation_forest": risk, "lof": risk, "dbscan": risk}
    made = SessionVerdict(
        session_id, 0, 1, 9, "codex", "mara", "shop", "scored", risk=risk, level=level_of(risk), anomaly=risk
    )
    return replace(made, detectors=scores, **changes)


def unscored(session_id, status):
    return SessionVerdict(session_id, 0, 1, 2, None, None, None, status)


def exposed(snapshot, withdraw=None, **options):
    """The registry after publishing a snapshot."""
    publisher, registry = Publisher(), CollectorRegistry()
    registry.register(SnapshotCollector(publisher, **options))
    if snapshot is not None:
        publisher.publish(snapshot)
    if withdraw is not None:
        publisher.withdraw(withdraw)
    return registry


def samples(registry):
    text = generate_latest(registry).decode()
    return [sample for family in text_string_to_metric_families(text) for sample in family.samples]


def names(registry):
    return {sample.name for sample in samples(registry)}


def test_nothing_is_exposed_before_the_first_snapshot():
    assert samples(exposed(None)) == []


def test_every_help_says_that_values_are_cached():
    publisher = Publisher()
    described = list(SnapshotCollector(publisher, {"sigyn_x": ("Some reading.", ())}).describe())
    assert len(described) == len(FAMILIES) + 1
    assert all("Cached" in family.documentation for family in described)


def test_only_the_riskiest_sessions_have_series_and_the_rest_is_counted():
    sessions = tuple(verdict(f"s{number}", number / 10) for number in (9, 5, 7, 1))
    registry = exposed(Snapshot(0.0, sessions), tracked_sessions=2)
    tracked = {s.labels["session_id"]: s.value for s in samples(registry) if s.name == "sigyn_session_risk_score"}
    assert tracked == {"s9": 0.9, "s7": 0.7}
    assert {s.labels["session_id"] for s in samples(registry) if s.name == "sigyn_session_anomaly_score"} == {
        "s9", "s7",
    }  # fmt: skip
    assert registry.get_sample_value("sigyn_sessions_untracked") == 2.0
    assert registry.get_sample_value("sigyn_risk_score_mean") == pytest.approx(0.55)


def test_the_last_event_is_told_of_the_sessions_that_have_series():
    sessions = (verdict("s9", 0.9, ended_ns=1_700_000_000_500_000_000), verdict("s1", 0.1))
    registry = exposed(Snapshot(0.0, sessions), tracked_sessions=1)
    name = "sigyn_session_last_event_timestamp_seconds"
    assert registry.get_sample_value(name, {"session_id": "s9"}) == 1_700_000_000.5
    assert registry.get_sample_value(name, {"session_id": "s1"}) is None


def test_rules_found_are_told_with_their_time_where_the_session_alerts_the_weightiest_first():
    rules = [f"rule-{number:02}" for number in range(MOST_RULES + 3)]
    findings = tuple(
        Finding("a-session", rule, "medium", 1, first_ns=0, last_ns=number * 10**9) for number, rule in enumerate(rules)
    )
    parts = {rule: number / 100 for number, rule in enumerate(rules)}
    sessions = (
        verdict("risky", 0.8, findings=findings, parts=parts),
        verdict("calm", 0.6, findings=findings, parts=parts),
    )
    found = {
        (s.labels["session_id"], s.labels["rule"]): s.value
        for s in samples(exposed(Snapshot(0.0, sessions)))
        if s.name == "sigyn_session_finding_timestamp_seconds"
    }
    assert found == {("risky", rule): number for number, rule in enumerate(rules) if number >= 3}


def test_each_detector_and_the_joint_verdict_have_a_series():
    one = replace(verdict("s", 0.5), detectors={"isolation_forest": 0.1, "lof": 0.2, "dbscan": 0.3}, anomaly=0.4)
    found = {
        s.labels["detector"]: s.value
        for s in samples(exposed(Snapshot(0.0, (one,))))
        if s.name == "sigyn_session_anomaly_score"
    }
    assert found == {"isolation_forest": 0.1, "lof": 0.2, "dbscan": 0.3, "joint": 0.4}


def test_all_sessions_are_counted_by_level_or_by_why_they_have_none():
    sessions = (verdict("a", 0.95), verdict("b", 0.41), verdict("c", 0.39), unscored("d", "insufficient"))
    registry = exposed(Snapshot(0.0, sessions))
    found = {s.labels["level"]: s.value for s in samples(registry) if s.name == "sigyn_sessions"}
    assert found == {"low": 1, "medium": 1, "high": 0, "critical": 1, "initializing": 0, "insufficient": 1}


def test_unscored_sessions_publish_no_score_and_no_mean():
    found = names(exposed(Snapshot(0.0, (unscored("a", "initializing"),))))
    assert not found & {
        "sigyn_session_risk_score",
        "sigyn_session_anomaly_score",
        "sigyn_risk_score_mean",
        "sigyn_detector_anomalous_ratio",
    }
    assert "sigyn_sessions" in found


def test_anomalous_ratio_counts_scores_at_or_above_the_line():
    sessions = tuple(verdict(f"s{k}", risk) for k, risk in enumerate((0.5, 0.94, 0.95, 0.99)))
    registry = exposed(Snapshot(0.0, sessions))
    assert registry.get_sample_value("sigyn_detector_anomalous_ratio", {"detector": "lof"}) == 0.5
    lower = exposed(Snapshot(0.0, sessions), anomalous_from=0.94)
    assert lower.get_sample_value("sigyn_detector_anomalous_ratio", {"detector": "lof"}) == 0.75


def test_after_withdrawal_only_counters_and_models_stay():
    counters = {"sigyn_findings_total": {("r", "high"): 2.0}}
    snapshot = Snapshot(0.0, (verdict("s", 0.9),), counters, (ModelState("risk", "v", 77.0, 9),), {"g": {(): 1.0}})
    registry = exposed(snapshot, withdraw="stale", gauges={"g": ("A reading.", ())})
    counted_from_the_start = {"sigyn_novelties_total", "sigyn_unremembered_names_total"}
    assert names(registry) == {
        "sigyn_findings_total",
        "sigyn_model_trained_timestamp_seconds",
        *counted_from_the_start,
    }
    assert registry.get_sample_value("sigyn_model_trained_timestamp_seconds", {"analysis": "risk"}) == 77.0


def test_sessions_that_drop_out_vanish():
    publisher, registry = Publisher(), CollectorRegistry()
    registry.register(SnapshotCollector(publisher))
    publisher.publish(Snapshot(0.0, (verdict("old", 0.9),)))
    publisher.publish(Snapshot(1.0, (verdict("new", 0.8),)))
    ids = {s.labels["session_id"] for s in samples(registry) if "session_id" in s.labels}
    assert ids == {"new"}


def test_tools_beyond_the_limit_count_as_other():
    calls = {("Bash", "success"): 9.0, ("Read", "success"): 8.0, ("x", "success"): 2.0, ("y", "success"): 1.0}
    calls[("x", "failed")] = 4.0
    registry = exposed(Snapshot(0.0, counters={"sigyn_tool_calls_total": calls}), max_tool_names=2)
    found = {
        (s.labels["tool_name"], s.labels["outcome"]): s.value
        for s in samples(registry)
        if s.name == "sigyn_tool_calls_total"
    }
    assert found == {("Bash", "success"): 9, ("Read", "success"): 8, ("other", "success"): 3, ("other", "failed"): 4}


def test_a_tool_keeps_its_series_when_others_overtake_it():
    publisher, registry = Publisher(), CollectorRegistry()
    registry.register(SnapshotCollector(publisher, max_tool_names=1))
    publisher.publish(Snapshot(0.0, counters={"sigyn_tool_calls_total": {("a", "success"): 5.0}}))
    later = {("a", "success"): 6.0, ("b", "success"): 90.0}
    publisher.publish(Snapshot(1.0, counters={"sigyn_tool_calls_total": later}))
    labels = {"tool_name": "a", "outcome": "success"}
    assert registry.get_sample_value("sigyn_tool_calls_total", labels) == 6.0
    assert registry.get_sample_value("sigyn_tool_calls_total", {**labels, "tool_name": "other"}) == 90.0


def test_unknown_event_names_are_bounded_and_known_ones_always_have_their_own():
    read = {("native", f"odd{number:03}"): 1000.0 for number in range(MAX_UNKNOWN_EVENT_NAMES + 30)}
    read[("native", "compaction")] = 1.0
    registry = exposed(Snapshot(0.0, counters={"sigyn_events_read_total": read}))
    found = {s.labels["event"]: s.value for s in samples(registry) if s.name == "sigyn_events_read_total"}
    assert len(found) == MAX_UNKNOWN_EVENT_NAMES + 2
    assert found["compaction"] == 1.0
    assert found["other"] == 30_000.0


def test_readings_become_gauges_of_the_declared_names_only():
    snapshot = Snapshot(0.0, readings={"sigyn_drift": {("f",): 0.25}, "sigyn_undeclared": {(): 1.0}})
    registry = exposed(snapshot, gauges={"sigyn_drift": ("How far it drifted.", ("feature",))})
    assert registry.get_sample_value("sigyn_drift", {"feature": "f"}) == 0.25
    assert "sigyn_undeclared" not in names(registry)


def test_missing_people_are_empty_labels():
    nobody = replace(verdict("s", 0.5), agent=None, user_id=None, project=None)
    labels = {"session_id": "s", "agent": "", "user_id": "", "project": ""}
    assert exposed(Snapshot(0.0, (nobody,))).get_sample_value("sigyn_session_risk_score", labels) == 0.5


def hostile_snapshot(texts):
    sessions = tuple(replace(verdict(text, 0.5), agent=text, user_id=text, project=text) for text in texts)
    counters = {
        "sigyn_tool_calls_total": {(text, "success"): 1.0 for text in texts},
        "sigyn_events_read_total": {(text, text): 1.0 for text in texts},
        "sigyn_events_dropped_total": {(text,): 1.0 for text in texts},
        "sigyn_findings_total": {(text, "high"): 1.0 for text in texts},
    }
    return Snapshot(0.0, sessions, counters)


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:12]))
def test_hostile_label_values_come_back_whole_or_cut(text):
    found = [s for s in samples(exposed(hostile_snapshot([text]))) if s.name == "sigyn_session_risk_score"]
    assert len(found) == 1
    value = found[0].labels["session_id"]
    assert len(value) <= 200
    assert value == text or "…" in value


@given(st.lists(st.text(alphabet=st.characters(exclude_categories=()), max_size=400), unique=True, max_size=6))
@settings(max_examples=60, deadline=None)
def test_any_texts_give_a_valid_exposition_with_one_series_each(texts):
    registry = exposed(hostile_snapshot(texts))
    found = [s.labels["session_id"] for s in samples(registry) if s.name == "sigyn_session_risk_score"]
    assert len(set(found)) == len(texts)
    openmetric_text = openmetrics.generate_latest(registry).decode()
    assert sum(len(family.samples) for family in parse_openmetrics(openmetric_text)) == len(samples(registry))


def test_long_values_that_differ_at_the_end_stay_different_series():
    registry = exposed(Snapshot(0.0, (verdict("x" * 500 + "a", 0.5), verdict("x" * 500 + "b", 0.6))))
    assert len({s.labels["session_id"] for s in samples(registry) if s.name == "sigyn_session_risk_score"}) == 2


def test_a_scrape_of_thirty_thousand_verdicts_takes_less_than_20_ms():
    sessions = tuple(verdict(f"session-{number:05}", number / 30_000) for number in range(30_000))
    calls = {(f"tool{k}", outcome): 1.0 for k in range(300) for outcome in ("success", "failed")}
    registry = exposed(Snapshot(0.0, sessions, {"sigyn_tool_calls_total": calls}))
    took = []
    for _ in range(7):
        started = time.perf_counter()
        generate_latest(registry)
        took.append(time.perf_counter() - started)
    assert min(took) < 0.020


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not on PATH")
def test_promtool_accepts_the_whole_exposition():
    snapshot = replace(
        hostile_snapshot(HOSTILE),
        models=(ModelState("risk", "v", 1.0, 9),),
        readings={"sigyn_drift": {("f",): 0.25}},
    )
    registry = exposed(snapshot, gauges={"sigyn_drift": ("How far it drifted.", ("feature",))})
    Instrumentation(registry, "1.0")
    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=generate_latest(registry), capture_output=True, timeout=30, check=False
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


def test_the_same_sessions_give_the_same_scores_and_others_give_theirs():
    publisher, registry = Publisher(), CollectorRegistry()
    registry.register(SnapshotCollector(publisher))
    sessions = (verdict("a", 0.8), verdict("b", 0.2))

    def risks(snapshot):
        publisher.publish(snapshot)
        return {s.labels["session_id"]: s.value for s in samples(registry) if s.name == "sigyn_session_risk_score"}

    assert risks(Snapshot(0.0, sessions)) == risks(Snapshot(1.0, sessions)) == {"a": 0.8, "b": 0.2}
    assert risks(Snapshot(2.0, sessions, silenced=frozenset({"a"}))) == {"b": 0.2}
    assert risks(Snapshot(3.0, (verdict("a", 0.9), *sessions[1:]))) == {"a": 0.9, "b": 0.2}
    assert risks(Snapshot(4.0)) == {}
