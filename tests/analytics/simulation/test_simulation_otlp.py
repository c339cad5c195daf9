"""The agent's own wire format."""

import json

import numpy as np
import pytest

from analytics.simulation import SimulationSettings, as_otlp, merge_in_time, simulate_team
from tests.analytics.simulation.sessions_by_hand import BY_HAND


def entries(body):
    return [entry for group in body["resourceLogs"] for scope in group["scopeLogs"] for entry in scope["logRecords"]]


def attributes(entry):
    return {pair["key"]: pair["value"] for pair in entry["attributes"]}


def plain(entry):
    return {key: next(iter(value.values())) for key, value in attributes(entry).items()}


def of(body, name):
    return [plain(entry) for entry in entries(body) if entry["body"]["stringValue"] == f"claude_code.{name}"]


@pytest.fixture(scope="module")
def by_hand():
    return as_otlp(BY_HAND["claude"])


def test_only_events_that_claude_code_emits_are_sent(by_hand):
    names = {plain(entry)["event.name"] for entry in entries(by_hand)}
    assert names == {"user_prompt", "tool_result", "api_request", "assistant_response"}
    sent = sum(record["event"] not in ("session_start", "tool_call") for record in BY_HAND["claude"])
    assert len(entries(by_hand)) == sent


def test_the_resource_names_the_service_and_its_version(by_hand):
    (group,) = by_hand["resourceLogs"]
    resource = {pair["key"]: pair["value"]["stringValue"] for pair in group["resource"]["attributes"]}
    assert resource["service.name"] == "claude-code"
    assert resource["service.version"] == "2.1.257"
    assert group["scopeLogs"][0]["scope"]["name"] == "com.anthropic.claude_code.events"


def test_times_are_nanoseconds_in_text_and_identity_is_on_every_record(by_hand):
    first = entries(by_hand)[0]
    assert first["timeUnixNano"] == first["observedTimeUnixNano"] == "1772442005250000000"
    shared = {"session.id": "by-hand", "user.id": "ana", "event.timestamp": "2026-03-02T09:00:05.250Z"}
    assert shared.items() <= plain(first).items()
    assert attributes(first)["event.sequence"] == {"intValue": "1"}
    assert "severityNumber" not in first


def test_a_result_carries_the_arguments_of_its_call(by_hand):
    edit = next(result for result in of(by_hand, "tool_result") if result["tool_name"] == "Edit")
    assert json.loads(edit["tool_input"])["file_path"] == "/home/ana/shop-api/app/cart.py"
    bash = next(result for result in of(by_hand, "tool_result") if result["tool_name"] == "Bash")
    assert json.loads(bash["tool_parameters"]) == {"bash_command": "make", "full_command": "make check"}
    assert (bash["success"], bash["duration_ms"], bash["tool_result_size_bytes"]) == ("true", "40", "300")


def test_tokens_are_numbers_and_sizes_are_text(by_hand):
    request = next(attributes(e) for e in entries(by_hand) if e["body"]["stringValue"].endswith("api_request"))
    assert request["cache_read_tokens"] == {"intValue": "20000"}
    prompt = next(attributes(e) for e in entries(by_hand) if e["body"]["stringValue"].endswith("user_prompt"))
    assert prompt["prompt_length"] == {"stringValue": "40"}
    assert prompt["prompt"] == {"stringValue": "<REDACTED>"}


def test_without_details_no_arguments_and_no_error_text_are_sent():
    for result in of(as_otlp(BY_HAND["claude without details"]), "tool_result"):
        assert not {"tool_input", "tool_parameters", "error"} & set(result)


def test_failures_and_rejections_read_as_the_agent_sends_them():
    base = {"timestamp": "2026-03-02T09:00:00Z", "session_id": "s", "agent": "claude-code", "sequence": 0}
    failed = {**base, "event": "tool_result", "tool_name": "Bash", "success": False, "error": "exit_code:1"}
    refused = {
        **base,
        "event": "tool_decision",
        "tool_name": "Bash",
        "decision": "reject",
        "decision_source": "user_reject",
    }
    overloaded = {**base, "event": "api_error", "error": "http:529", "attempt": 2}
    body = as_otlp([failed, refused, overloaded])
    assert of(body, "tool_result")[0]["error_type"] == "ShellError"
    assert of(body, "tool_result")[0]["success"] == "false"
    assert (of(body, "tool_decision")[0]["decision"], of(body, "tool_decision")[0]["source"]) == (
        "reject",
        "user_reject",
    )
    assert of(body, "api_error")[0]["status_code"] == "529"


def test_other_agents_are_left_out_and_a_whole_team_is_valid_json():
    assert as_otlp(BY_HAND["codex"]) == {"resourceLogs": []}
    settings = SimulationSettings(end_ns=1_772_500_000_000_000_000, sessions=20, anomalous_ratio=0.5)
    records = list(merge_in_time(simulate_team(settings, np.random.default_rng(1))))
    body = as_otlp(records)
    assert json.loads(json.dumps(body)) == body
    requests = sum(record["event"] == "api_request" and record["agent"] == "claude-code" for record in records)
    assert len(of(body, "api_request")) == requests > 0


def test_a_body_never_steps_back_by_the_hour_that_loki_refuses():
    settings = SimulationSettings(end_ns=1_772_500_000_000_000_000, sessions=20, days=7)
    body = as_otlp(merge_in_time(simulate_team(settings, np.random.default_rng(1))))
    times = np.array([int(entry["timeUnixNano"]) for entry in entries(body)])
    assert times[-1] - times[0] > 86_400e9
    assert (np.maximum.accumulate(times) - times).max() < 3600e9
