import json

import pytest

from exporter.decoders import recognise
from exporter.decoders.decoder import RawRecord
from exporter.decoders.gemini_otel import DECODER

TIME_NS = 1_788_256_803_298_000_000
BASE = {
    "service_name": "gemini-cli",
    "service_version": "v22.1.0",
    "session_id": "g-1",
    "installation_id": "inst-1",
    "user_email": "dev@example.com",
}
COMMON = {"session_id": "g-1", "agent": "gemini-cli", "user_id": "inst-1", "timestamp": TIME_NS // 1000 / 1e6}


def decode(event, **attributes):
    record = RawRecord({**BASE, "event_name": f"gemini_cli.{event}", **attributes}, "An English sentence.", TIME_NS)
    assert recognise(record) is DECODER
    natives = list(DECODER.decode(record))
    for native in natives:
        assert {name: native.get(name) for name in COMMON} == COMMON
        assert "example.com" not in json.dumps(native)
    return [{name: value for name, value in native.items() if name not in COMMON} for native in natives]


CALL = {
    "function_name": "run_shell_command",
    "function_args": '{"command":"ls"}',
    "duration_ms": "30",
    "content_length": "70",
    "prompt_id": "p",
}


def test_a_tool_call_that_ran_is_a_result_that_names_who_decided():
    assert decode("tool_call", **CALL, success="true", decision="accept") == [
        {
            "event": "tool_result",
            "tool_name": "run_shell_command",
            "tool_input": {"command": "ls"},
            "tool_input_chars": 16,
            "tool_output_chars": 70,
            "duration_ms": 30,
            "success": True,
            "decision_source": "user",
        }
    ]
    assert decode("tool_call", **CALL, success="true", decision="auto_accept")[0]["decision_source"] == "config"
    assert "decision_source" not in decode("tool_call", **CALL, success="true")[0]


def test_a_failed_tool_call_keeps_the_first_line_of_its_error():
    (native,) = decode(
        "tool_call", **CALL, success="false", error="File not found\n/srv/x", error_type="file_not_found"
    )
    assert (native["event"], native["success"], native["error"]) == ("tool_result", False, "File not found")


def test_a_refused_tool_call_is_a_rejection_and_no_result():
    assert decode("tool_call", **CALL, success="false", decision="reject", error="cancelled") == [
        {
            "event": "tool_decision",
            "tool_name": "run_shell_command",
            "tool_input": {"command": "ls"},
            "tool_input_chars": 16,
            "decision": "reject",
            "decision_source": "user",
        }
    ]


def test_an_mcp_tool_is_named_with_its_server():
    (native,) = decode("tool_call", function_name="search", mcp_server_name="docs", tool_type="mcp", success="true")
    assert native["tool_name"] == "mcp__docs__search"


def test_a_response_is_the_request_and_the_announcement_is_nothing():
    assert decode("api_request", model="gemini-3-pro", request_text="secret") == []
    assert decode(
        "api_response",
        model="gemini-3-pro",
        duration_ms="900",
        input_token_count="1000",
        output_token_count="50",
        cached_content_token_count="400",
        thoughts_token_count="20",
        response_text="secret",
    ) == [
        {
            "event": "api_request",
            "success": True,
            "model": "gemini-3-pro",
            "duration_ms": 900,
            "input_tokens": 1000,
            "output_tokens": 50,
            "cache_read_tokens": 400,
            "thoughts_tokens": 20,
        }
    ]


def test_an_api_error_carries_message_and_status():
    assert decode("api_error", error_message="quota exceeded", error_type="x", status_code="429", duration_ms="5") == [
        {"event": "api_error", "error": "quota exceeded", "status_code": 429, "duration_ms": 5}
    ]


def test_prompts_compressions_agents_and_modes():
    assert decode("user_prompt", prompt_length="9", prompt="/sc:build") == [
        {"event": "user_prompt", "prompt_length": 9, "prompt": "/sc:build"}
    ]
    assert decode("chat_compression", tokens_before="900", tokens_after="90") == [
        {"event": "compaction", "pre_tokens": 900, "post_tokens": 90}
    ]
    assert decode("agent.start", agent_name="investigator") == [{"event": "subagent_start", "persona": "investigator"}]
    assert decode("agent.finish", agent_name="investigator", duration_ms="8", terminate_reason="GOAL") == [
        {"event": "subagent_stop", "persona": "investigator", "duration_ms": 8, "terminate_reason": "GOAL"}
    ]
    assert decode("plan.approval_mode_switch", from_mode="default", to_mode="yolo") == [
        {"event": "permission_mode_changed", "from_mode": "default", "permission_mode": "yolo"}
    ]


def test_a_finished_conversation_does_not_end_the_session():
    assert decode("conversation_finished") == [{"event": "conversation_finished"}]


@pytest.mark.parametrize("event", ["llm_loop_check", "file_operation"])
def test_other_events_keep_their_bare_name(event):
    assert decode(event, function_name="x") == [{"event": event}]


def test_an_event_of_the_genai_conventions_keeps_its_whole_name():
    fields = {**BASE, "event_name": "gen_ai.client.inference.operation.details", "gen_ai_input_messages": "secret"}
    (native,) = DECODER.decode(RawRecord(fields, "GenAI operation", TIME_NS))
    assert native == {**COMMON, "event": "gen_ai.client.inference.operation.details"}
