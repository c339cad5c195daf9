"""``sigyn once``: one cycle, and an exposition that Prometheus' own tools accept."""

from __future__ import annotations

import shutil
import subprocess
import time

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.exporter.running import team, thief, write_config, write_lines

CONTRACT_FAMILIES = {
    "sigyn_session_risk_score": {"session_id", "agent", "user_id", "project"},
    "sigyn_session_anomaly_score": {"session_id", "detector"},
    "sigyn_sessions": {"level"},
    "sigyn_sessions_untracked": set(),
    "sigyn_risk_score_mean": set(),
    "sigyn_detector_anomalous_ratio": {"detector"},
    "sigyn_tool_calls_total": {"tool_name", "outcome"},
    "sigyn_findings_total": {"rule", "severity"},
    "sigyn_model_trained_timestamp_seconds": {"analysis"},
    "sigyn_cycles_total": {"outcome"},
    "sigyn_cycle_duration_seconds_bucket": {"le"},
    "sigyn_cycle_interval_seconds": set(),
    "sigyn_last_success_timestamp_seconds": set(),
    "sigyn_events_read_total": {"source", "event"},
    "sigyn_events_dropped_total": {"reason"},
    "sigyn_loki_requests_total": {"operation", "outcome"},
    "sigyn_build_info": set(),
}
NUMBER_OF_SESSIONS = 36


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A team's telemetry with a thief and a broken line, and a configuration that reads it."""
    folder = tmp_path_factory.mktemp("once")
    now = time.time()
    lines = write_lines(folder / "telemetry" / "a.jsonl", [*team(NUMBER_OF_SESSIONS - 1, now), *thief(now - 1800)])
    with lines.open("a") as file:
        file.write('{"timestamp": "never", "session_id": "x", "event": "y"}\n')
    write_config(folder, metrics={"tracked_sessions": 10}, analyses={"risk": {"trees": 20}})
    return folder


@pytest.fixture
def exposition(folder, sigyn):
    outcome = sigyn("once", "--config", folder / "sigyn.yml")
    assert outcome.status == 0, outcome.err
    return outcome.out


def samples_of(text):
    return [one for family in text_string_to_metric_families(text) for one in family.samples]


def test_the_contracts_families_are_there_with_their_labels(exposition):
    labels = {}
    for one in samples_of(exposition):
        labels.setdefault(one.name, set()).update(one.labels)
    for name, wanted in CONTRACT_FAMILIES.items():
        assert name in labels, name
        assert labels[name] >= wanted, name
        if name != "sigyn_build_info":
            assert labels[name] == wanted, name


def test_every_family_has_help_and_values_within_their_bounds(exposition):
    for family in text_string_to_metric_families(exposition):
        assert family.name.startswith("sigyn_")
        assert len(family.documentation) > 10, family.name
        assert family.type in ("counter", "gauge", "histogram"), family.name
        for one in family.samples:
            if one.name.endswith(("_score", "_ratio", "_mean")):
                assert 0 <= one.value <= 1, one


def test_the_riskiest_sessions_have_series_and_the_others_are_counted(exposition):
    samples = samples_of(exposition)
    risks = {one.labels["session_id"]: one.value for one in samples if one.name == "sigyn_session_risk_score"}
    assert len(risks) == 10
    assert max(risks, key=risks.get) == "thief"
    (untracked,) = (one.value for one in samples if one.name == "sigyn_sessions_untracked")
    assert untracked == NUMBER_OF_SESSIONS - 10
    by_level = {one.labels["level"]: one.value for one in samples if one.name == "sigyn_sessions"}
    assert sum(by_level.values()) == NUMBER_OF_SESSIONS
    assert by_level["initializing"] == 0


@pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool (Debian package prometheus) on PATH")
def test_promtool_has_nothing_against_it(exposition):
    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=exposition, text=True, capture_output=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert checked.stdout + checked.stderr == ""


def test_running_it_again_counts_nothing_twice(folder, sigyn):
    first, second = (sigyn("once", "--config", folder / "sigyn.yml").out for _ in range(2))

    def counted(text):
        return {
            (one.name, *sorted(one.labels.items())): one.value
            for one in samples_of(text)
            if one.name.endswith("_total") and not one.name.startswith(("sigyn_cycles", "sigyn_trainings"))
        }

    assert counted(first) == counted(second)
    assert counted(first)[("sigyn_events_dropped_total", ("reason", "bad_timestamp"))] == 1


def test_nothing_to_read_and_nothing_configured_is_no_failure(sigyn, tmp_path):
    (tmp_path / "empty.yml").write_text("")
    outcome = sigyn("once", "--config", "empty.yml")
    assert outcome.status == 0
    assert "no sessions: nothing to read in ./telemetry" in outcome.err
    samples = {(one.name, *one.labels.values()): one.value for one in samples_of(outcome.out)}
    assert samples[("sigyn_cycles_total", "success")] == 1
    assert sum(value for key, value in samples.items() if key[0] == "sigyn_sessions") == 0
    assert (tmp_path / "sigyn-state").is_dir()
