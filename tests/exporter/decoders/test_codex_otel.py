import json

import pytest

from exporter.decoders import decode_records, recognise
from exporter.decoders.codex_otel import DECODER, exit_code
from exporter.decoders.decoder import RawRecord, Undecodable

TIME_NS = 1_788_256_803_298_000_000
BASE = {
    "service_name": "codex_exec",
    "scope_name": "codex_otel.log_only",
    "conversation_id": "01a0",
    "app_version": "0.150.1",
    "user_account_id": "acc-1",
    "user_email": "dev@example.com",
    "model": "gpt-5",
}
COMMON = {
    "session_id": "01a0",
    "agent": "codex",
    "agent_version": "0.150.1",
    "user_id": "acc-1",
    "model": "gpt-5",
    "timestamp": TIME_NS // 1000 / 1e6,
}


def decode(event, **attributes):
    fields = {**BASE, "event_name": f"codex.{event}", **attributes}
    record = RawRecord(fields, "", TIME_NS)
    assert recognise(record) is DECODER
    return [
        {name: value for name, value in native.items() if name not in COMMON and name != "event_id"}
        for native in DECODER.decode(record)
    ]


def result(**attributes):
    (native,) = decode("tool_result", tool_name="exec_command", call_id="c-1", **attributes)
    return native


def test_every_event_says_who_and_when_and_never_the_email():
    (native,) = DECODER.decode(RawRecord({**BASE, "event_name": "codex.user_prompt"}, "", TIME_NS))
    assert native == {**COMMON, "event": "user_prompt"}


def test_a_conversation_s_start_carries_approval_policy_and_effort():
    (native,) = decode(
        "conversation_starts", approval_policy="never", sandbox_policy="danger-full-access", reasoning_effort="high"
    )
    assert native == {
        "event": "session_start",
        "permission_mode": "never",
        "effort": "high",
        "sandbox_policy": "danger-full-access",
    }


def test_a_redacted_prompt_leaves_its_length():
    assert decode("user_prompt", prompt_length="31", prompt="[REDACTED]") == [
        {"event": "user_prompt", "prompt_length": 31}
    ]


@pytest.mark.parametrize(
    ("word", "decision"),
    [
        ("approved", "accept"),
        ("approved_for_session", "accept"),
        ("denied", "reject"),
        ("abort", "reject"),
    ],
)
def test_decisions_are_accept_or_reject(word, decision):
    (native,) = decode("tool_decision", tool_name="exec_command", call_id="c-1", decision=word, source="User")
    assert native == {
        "event": "tool_decision",
        "tool_name": "exec_command",
        "tool_use_id": "c-1",
        "decision": decision,
        "decision_source": "user",
    }


def test_a_decision_nobody_knows_is_neither():
    (native,) = decode("tool_decision", tool_name="exec_command", decision="postponed")
    assert native == {"event": "tool_decision", "tool_name": "exec_command"}


@pytest.mark.parametrize(
    "output",
    [
        "Chunk ID: 4f\nWall time: 0.1 seconds\nProcess exited with code 2\nOutput:\nno rule to make target",
        "Exit code: 2\nWall time: 1 seconds\nOutput:\nno rule to make target",
    ],
)
def test_a_command_that_exited_badly_failed_though_its_call_succeeded(output):
    native = result(success="true", arguments='{"cmd":"make secret"}', output=output, duration_ms="12")
    assert native == {
        "event": "tool_result",
        "tool_name": "exec_command",
        "tool_use_id": "c-1",
        "success": False,
        "error": "exit_code:2",
        "duration_ms": 12,
        "tool_input": {"cmd": "make secret"},
        "tool_input_chars": 21,
        "tool_output_chars": len(output),
    }
    assert "no rule" not in json.dumps(native)


def test_exit_code_zero_is_success_and_a_command_s_own_words_are_no_exit_code():
    output = "Process exited with code 0\nOutput:\nProcess exited with code 1\nExit code: 3"
    assert result(success="true", output=output)["success"] is True
    assert exit_code("Wall time: 1 seconds\nOutput:\nExit code: 3") is None
    assert exit_code("it said Exit code: 3") is None
    assert exit_code("Process exited with code -1") == -1
    assert exit_code(None) is None


def test_a_call_that_failed_says_how_without_its_output():
    native = result(success="false", output="exec_command failed: rejected by user\nsecret")
    assert (native["success"], native["failure_kind"]) == (False, "user_rejected")
    assert "secret" not in json.dumps(native)


def test_the_wrapper_s_decision_and_result_are_dropped_so_that_one_action_counts_once():
    records = [
        RawRecord(
            {**BASE, "event_name": f"codex.{event}", "tool_name": tool, "call_id": call, "success": "true"}, "", TIME_NS
        )
        for event, tool, call in (
            ("tool_decision", "exec", "w"),
            ("tool_decision", "exec_command", "i"),
            ("tool_result", "exec_command", "i"),
            ("tool_result", "exec", "w"),
        )
    ]
    decoded = decode_records(records)
    kept = [(native["event"], native["tool_name"]) for native in decoded.by_source["codex_otel"]]
    assert kept == [("tool_decision", "exec_command"), ("tool_result", "exec_command")]
    assert not decoded.dropped


def test_arguments_that_are_no_json_object_are_kept_as_text():
    assert result(arguments="*** Begin Patch")["tool_input"] == "*** Begin Patch"


def test_a_tool_of_an_mcp_server_is_named_with_it():
    (native,) = decode("tool_result", tool_name="create_issue", mcp_server="github", success="true")
    assert native["tool_name"] == "mcp__github__create_issue"


def test_a_completed_reply_is_a_request():
    (native,) = decode(
        "sse_event",
        event_kind="response.completed",
        input_token_count="900",
        output_token_count="80",
        cached_token_count="600",
        cache_write_token_count="10",
        reasoning_token_count="40",
    )
    assert native == {
        "event": "api_request",
        "success": True,
        "input_tokens": 900,
        "output_tokens": 80,
        "cache_read_tokens": 600,
        "cache_creation_tokens": 10,
        "reasoning_tokens": 40,
    }


def test_steps_of_a_reply_are_no_events_and_errors_are():
    assert decode("sse_event", event_kind="response.output_text.delta") == []
    assert decode("sse_event", event_kind="response.failed", error_message="stream closed") == [
        {"event": "api_error", "error": "stream closed"}
    ]


def test_a_request_to_the_api_counts_only_where_it_failed():
    assert decode("api_request", success="true", http_response_status_code="200") == []
    assert decode("api_request", success="false", http_response_status_code="503", attempt="2") == [
        {"event": "api_error", "error": "http:503", "status_code": 503, "attempt": 2}
    ]


def test_other_events_keep_their_bare_name():
    assert decode("startup_phase", duration_ms="9") == [{"event": "startup_phase"}]


@pytest.mark.parametrize(
    ("attributes", "event"),
    [
        ({"event_kind": "response.completed"}, "api_request"),
        ({"approval_policy": "never"}, "session_start"),
        ({"call_id": "c", "decision": "approved"}, "tool_decision"),
        ({"call_id": "c", "arguments": "{}"}, "tool_result"),
        ({"prompt_length": "3"}, "user_prompt"),
    ],
)
def test_where_the_source_location_hid_the_event_s_name_the_attributes_tell(attributes, event):
    fields = {**BASE, "event_name": "event otel/src/events/session_telemetry.rs:1", **attributes}
    record = RawRecord(fields, "", TIME_NS)
    assert recognise(record) is DECODER
    (native,) = DECODER.decode(record)
    assert native["event"] == event


def test_a_hidden_name_that_nothing_tells_is_refused():
    with pytest.raises(Undecodable, match="missing_event"):
        DECODER.decode(RawRecord({**BASE, "event_name": "event otel/src/x.rs:1"}, "", TIME_NS))


def test_a_start_up_event_without_a_conversation_is_refused():
    with pytest.raises(Undecodable, match="missing_session_id"):
        DECODER.decode(RawRecord({"event_name": "codex.api_request"}, "", TIME_NS))


@pytest.mark.parametrize("service", ["codex_exec", "codex_tui", "codex", "codex-cli", "codex_vscode"])
def test_any_codex_service_is_recognised(service):
    record = RawRecord({"service_name": service, "event_name": "tool_result"}, "", TIME_NS)
    assert recognise(record) is DECODER
