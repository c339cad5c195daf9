import json
from pathlib import Path

import orjson
import pytest

from exporter.decoders import decode_records, decode_to_table, recognise
from exporter.decoders.claude_hooks import DECODER
from exporter.decoders.decoder import RawRecord, Undecodable

RECORDINGS = Path(__file__).parents[4] / "shared" / "recordings" / "loki-3.7.6"
TIME_NS = 1_788_256_803_250_000_000
COMMON = {"session_id": "s-1", "project": "/srv/app", "agent": "claude-code", "timestamp": TIME_NS // 1000 / 1e6}


def decode(event, **fields):
    payload = {"session_id": "s-1", "cwd": "/srv/app", "transcript_path": "/x", "hook_event_name": event, **fields}
    record = RawRecord(payload, "", TIME_NS)
    assert recognise(record) is DECODER
    (native,) = DECODER.decode(record)
    assert {name: native.get(name) for name in COMMON} == COMMON
    return {name: value for name, value in native.items() if name not in COMMON and name != "event_id"}


BASH = {"tool_name": "Bash", "tool_use_id": "t-1", "tool_input": {"command": "ls"}}
CALLED = {**BASH, "tool_input_chars": 16}


def test_before_a_tool_comes_its_call():
    assert decode("PreToolUse", **BASH, permission_mode="plan", effort={"level": "high"}) == {
        "event": "tool_call",
        **CALLED,
        "permission_mode": "plan",
        "effort": "high",
    }


def test_after_a_tool_comes_its_result_with_only_the_size_of_the_response():
    native = decode("PostToolUse", **BASH, tool_response={"stdout": "secret", "interrupted": False}, duration_ms=41)
    assert native == {
        "event": "tool_result",
        **CALLED,
        "success": True,
        "duration_ms": 41,
        "tool_output_chars": len('{"stdout":"secret","interrupted":false}'),
    }
    assert "secret" not in json.dumps(native)


@pytest.mark.parametrize(
    ("response", "kind"),
    [({"stdout": "", "interrupted": True}, "interrupted"), ({"success": False}, None), ({"is_error": True}, None)],
)
def test_a_response_that_signals_failure_is_no_success(response, kind):
    native = decode("PostToolUse", **BASH, tool_response=response)
    assert native["success"] is False
    assert native.get("failure_kind") == kind


def test_a_failure_keeps_the_first_line_of_its_error():
    native = decode("PostToolUseFailure", **BASH, error="Exit code 1\nsecret", is_interrupt=False)
    assert native == {"event": "tool_result", **CALLED, "success": False, "error": "Exit code 1"}


def test_an_interrupted_failure_says_so():
    assert decode("PostToolUseFailure", **BASH, error="x", is_interrupt=True)["failure_kind"] == "interrupted"


def test_a_denied_permission_is_a_rejection_and_its_reason_in_words_is_dropped():
    assert decode("PermissionDenied", **BASH, reason="it reads secrets") == {
        "event": "tool_decision",
        **CALLED,
        "decision": "reject",
        "decision_source": "config",
    }


def test_a_permission_request_is_a_notification():
    assert decode("PermissionRequest", tool_name="Bash", tool_input={"command": "ls"})["event"] == "notification"
    assert decode("Notification", message="secret", notification_type="idle_prompt") == {
        "event": "notification",
        "notification_type": "idle_prompt",
    }


def test_prompts_and_messages_leave_their_lengths():
    assert decode("UserPromptSubmit", prompt="/sc:build") == {
        "event": "user_prompt",
        "prompt": "/sc:build",
        "prompt_length": 9,
    }
    assert decode("Stop", last_assistant_message="done", stop_hook_active=False) == {
        "event": "assistant_message",
        "message_chars": 4,
    }


@pytest.mark.parametrize(
    ("name", "fields", "native"),
    [
        ("SessionStart", {"source": "resume", "model": "m"}, {"event": "session_start", "source": "resume", "model": "m"}),
        ("SessionEnd", {"reason": "logout"}, {"event": "session_end", "reason": "logout"}),
        ("StopFailure", {"error": "rate_limit"}, {"event": "api_error", "error": "rate_limit"}),
        ("SubagentStart", {"agent_type": "Explore"}, {"event": "subagent_start", "persona": "Explore"}),
        ("SubagentStop", {"agent_type": "Explore"}, {"event": "subagent_stop", "persona": "Explore"}),
        ("PreCompact", {"trigger": "auto", "custom_instructions": "x"}, {"event": "compaction", "trigger": "auto"}),
        ("PostCompact", {"trigger": "auto", "compact_summary": "x"}, {"event": "post_compact", "trigger": "auto"}),
        ("UserPromptExpansion", {"command_name": "build", "prompt": "x"}, {"event": "user_prompt_expansion", "workflow": "build"}),
        ("TaskCreated", {"task_subject": "x"}, {"event": "task_created"}),
    ],
)  # fmt: skip
def test_other_hooks(name, fields, native):
    assert decode(name, **fields) == native


@pytest.mark.parametrize("event", ["hook_event_name", "hook_event_type", "hookEventName", "event"])
@pytest.mark.parametrize("session", ["session_id", "sessionId"])
def test_loggers_may_name_things_differently(event, session):
    record = RawRecord({event: "PreToolUse", session: "s-9", "tool_name": "Read"}, "", TIME_NS)
    assert recognise(record) is DECODER
    (native,) = DECODER.decode(record)
    assert (native["event"], native["session_id"], native["tool_name"]) == ("tool_call", "s-9", "Read")


@pytest.mark.parametrize("name", ["pre_tool_use", "pre-tool-use", "PreToolUse"])
def test_loggers_may_spell_events_differently(name):
    assert decode(name, tool_name="Read")["event"] == "tool_call"


@pytest.mark.parametrize("field", ["timestamp", "logged_at", "ts"])
@pytest.mark.parametrize(
    ("stamp", "timestamp"),
    [
        (1_788_256_803_298, 1_788_256_803.298),
        ("1788256803298", 1_788_256_803.298),
        (1_788_256_803.5, 1_788_256_803.5),
        (1_788_256_803, 1_788_256_803),
        (1_788_256_803_298_000_000, 1_788_256_803.298),
        ("2026-09-01T10:00:03.298Z", "2026-09-01T10:00:03.298Z"),
    ],
)
def test_a_logger_s_stamp_counts_before_the_entry_s(field, stamp, timestamp):
    record = RawRecord({"hook_event_name": "Stop", "session_id": "s", field: stamp}, "", TIME_NS)
    (native,) = DECODER.decode(record)
    assert native["timestamp"] == timestamp


@pytest.mark.parametrize("stamp", [0, -5, 99_999_999_999_999_999_999, "", None, True, ["2026"]])
def test_what_is_no_time_gives_way_to_the_entry_s(stamp):
    (native,) = DECODER.decode(RawRecord({"hook_event_name": "Stop", "session_id": "s", "ts": stamp}, "", TIME_NS))
    assert native["timestamp"] == 1_788_256_803.25


@pytest.mark.parametrize("as_text", [False, True])
def test_a_wrapped_payload_is_unwrapped_and_the_wrapper_s_chat_is_not_kept(as_text):
    payload = {"hook_event_name": "PreToolUse", "session_id": "s-1", "cwd": "/srv/app", **BASH}
    line = {
        "source_app": "demo",
        "session_id": "s-1",
        "hook_event_type": "PreToolUse",
        "payload": json.dumps(payload) if as_text else payload,
        "timestamp": 1_788_256_803_298,
        "model_name": "claude-opus-4-6",
        "chat": [{"secret": 1}],
        "summary": "secret",
    }
    decoded = decode_records([RawRecord(line)])
    (native,) = decoded.by_source["claude_hooks"]
    assert native == {
        "event": "tool_call",
        "session_id": "s-1",
        "project": "/srv/app",
        "agent": "claude-code",
        "model": "claude-opus-4-6",
        "timestamp": 1_788_256_803.298,
        **CALLED,
        "event_id": native["event_id"],
    }


def test_a_shipper_s_own_line_is_read():
    line = {
        "ts": "2026-11-02T09:14:05.120Z",
        "schema": 1,
        "agent": "claude-code",
        "session_id": "s-1",
        "event": "PostToolUseFailure",
        "tool_name": "Bash",
        "duration_ms": 4187,
        "success": False,
        "error_first_line": "Exit code 1",
        "cwd": "/srv/app",
        "agent_type": None,
        "tool_input_bytes": 58,
    }
    record = RawRecord(line)
    assert recognise(record) is DECODER
    assert list(DECODER.decode(record)) == [
        {
            "timestamp": "2026-11-02T09:14:05.120Z",
            "session_id": "s-1",
            "agent": "claude-code",
            "project": "/srv/app",
            "event": "tool_result",
            "success": False,
            "tool_name": "Bash",
            "duration_ms": 4187,
            "error": "Exit code 1",
            "tool_input_chars": 58,
        }
    ]


def test_what_cannot_be_used_says_why():
    with pytest.raises(Undecodable, match="missing_timestamp"):
        DECODER.decode(RawRecord({"hook_event_name": "Stop", "session_id": "s"}))
    with pytest.raises(Undecodable, match="missing_session_id"):
        DECODER.decode(RawRecord({"hook_event_name": "Stop"}, "", TIME_NS))
    with pytest.raises(Undecodable, match="missing_event"):
        DECODER.decode(RawRecord({"session_id": "s"}, "", TIME_NS))


def test_a_session_that_only_the_entry_names_is_found():
    (native,) = DECODER.decode(RawRecord({"hook_event_name": "Stop"}, "", TIME_NS, {"session_id": "s-7"}))
    assert native["session_id"] == "s-7"


def test_a_hook_installed_twice_tells_of_one_event():
    payload = {"hook_event_name": "PreToolUse", "session_id": "s-1", **BASH}
    records = [RawRecord(payload, "", TIME_NS), RawRecord(payload, "", TIME_NS + 40_000_000)]
    assert len(decode_to_table(records).table.deduplicated()) == 1


@pytest.mark.skipif(not RECORDINGS.is_dir(), reason="needs the recordings in ../shared/recordings")
def test_recorded_hook_lines_are_a_call_and_its_result():
    reply = json.loads((RECORDINGS / "query_range_json_lines_categorized.json").read_text())
    (stream,) = reply["response"]["body"]["data"]["result"]
    records = [
        RawRecord(orjson.loads(line), "", int(time_ns), {**stream["stream"], **rest["structuredMetadata"]})
        for time_ns, line, rest in stream["values"]
    ]
    natives = decode_records(records).by_source["claude_hooks"]
    common = {
        "session_id": "3f0c2c6e-6f0f-4a6e-9a53-0d8f6f1f2a10",
        "project": "/home/dev/app",
        "agent": "claude-code",
        "tool_name": "Write",
    }
    assert natives == [
        {
            **common,
            "timestamp": 1795250741729125888 // 1000 / 1e6,
            "event": "tool_call",
            "tool_input": {"file_path": "/etc/cron.d/x", "content": "..."},
            "tool_input_chars": len('{"file_path":"/etc/cron.d/x","content":"..."}'),
        },
        {
            **common,
            "timestamp": 1795250742729125888 // 1000 / 1e6,
            "event": "tool_result",
            "success": True,
            "tool_input": {"file_path": "/etc/cron.d/x"},
            "tool_input_chars": len('{"file_path":"/etc/cron.d/x"}'),
            "tool_output_chars": len('{"success":true}'),
        },
    ]
