import json
from pathlib import Path

import pytest

from exporter.decoders import decode_records, decode_to_table, recognise
from exporter.decoders.claude_otel import DECODER
from exporter.decoders.decoder import RawRecord, Undecodable

RECORDINGS = Path(__file__).parents[4] / "shared" / "recordings" / "loki-3.7.6"
needs_recordings = pytest.mark.skipif(not RECORDINGS.is_dir(), reason="needs the recordings in ../shared/recordings")

TIME_NS = 1_788_256_803_298_000_000
BASE = {
    "service_name": "claude-code",
    "service_version": "2.1.257",
    "scope_name": "com.anthropic.claude_code.events",
    "event_timestamp": "2026-09-01T10:00:03.298Z",
    "session_id": "5f0c",
    "user_id": "install-1",
    "user_email": "dev@example.com",
    "detected_level": "unknown",
}
COMMON = {"session_id": "5f0c", "agent": "claude-code", "agent_version": "2.1.257", "timestamp": TIME_NS // 1000 / 1e6}


def decode(event, *, line=None, time_ns=TIME_NS, **attributes):
    fields = {**BASE, "event_name": event, **attributes}
    native = list(DECODER.decode(RawRecord(fields, f"claude_code.{event}" if line is None else line, time_ns)))
    assert len(native) == 1
    return native[0]


def own(native):
    """Fields beyond those that every record of these tests has."""
    return {name: value for name, value in native.items() if name not in (*COMMON, "user_id", "event_id")}


def test_a_tool_result_is_typed_and_keeps_no_email():
    native = decode(
        "tool_result",
        event_sequence="41",
        tool_name="Bash",
        tool_use_id="toolu_1",
        success="false",
        duration_ms="399",
        error_type="ShellError",
        decision_source="config",
        tool_input_size_bytes="90",
        tool_result_size_bytes="512",
    )
    assert native == {
        **COMMON,
        "event": "tool_result",
        "user_id": "install-1",
        "sequence": 41,
        "tool_name": "Bash",
        "tool_use_id": "toolu_1",
        "success": False,
        "duration_ms": 399,
        "error": "ShellError",
        "decision_source": "config",
        "tool_input_chars": 90,
        "tool_output_chars": 512,
        "event_id": native["event_id"],
    }
    assert "example.com" not in json.dumps(native)


def test_the_account_names_the_user_and_an_email_never_does():
    assert decode("user_prompt", user_account_uuid="acc-1")["user_id"] == "acc-1"
    assert "user_id" not in decode("user_prompt", user_id="dev@example.com")


def test_team_and_project_come_from_resource_attributes():
    native = decode("user_prompt", team_id="core", vcs_repository_name="shop")
    assert (native["team"], native["project"]) == ("core", "shop")


def test_a_workspace_folder_is_the_project_because_paths_can_be_compared_with_it():
    native = decode("user_prompt", workspace_host_paths='["/srv/shop","/srv/lib"]', vcs_repository_name="shop")
    assert native["project"] == "/srv/shop"


def test_the_uncut_command_of_the_parameters_replaces_the_cut_one():
    native = decode(
        "tool_result",
        tool_name="Bash",
        tool_input='{"command":"make te","timeout":5}',
        tool_parameters='{"bash_command":"make","full_command":"make test"}',
    )
    assert native["tool_input"] == {"command": "make test", "timeout": 5}


def test_parameters_alone_stand_for_the_arguments_without_what_is_no_argument():
    native = decode(
        "tool_decision",
        tool_name="Bash",
        tool_parameters='{"bash_command":"git","full_command":"git push","timeout":9,"git_commit_id":"abc"}',
    )
    assert native["tool_input"] == {"command": "git push", "timeout": 9}


def test_arguments_cut_in_the_middle_of_their_json_are_kept_as_text():
    assert decode("tool_result", tool_input='{"command":"ma')["tool_input"] == '{"command":"ma'


def test_an_mcp_tool_gets_its_whole_name_from_the_parameters():
    parameters = '{"mcp_server_name":"github","mcp_tool_name":"create_issue"}'
    assert (
        decode("tool_result", tool_name="mcp_tool", tool_parameters=parameters)["tool_name"]
        == "mcp__github__create_issue"
    )
    assert decode("tool_result", tool_name="mcp_tool")["tool_name"] == "mcp_tool"


def test_a_decision_says_who_decided():
    native = decode("tool_decision", tool_name="Edit", tool_use_id="t", decision="reject", source="user_reject")
    assert own(native) == {
        "event": "tool_decision",
        "tool_name": "Edit",
        "tool_use_id": "t",
        "decision": "reject",
        "decision_source": "user_reject",
    }


def test_an_api_request_carries_tokens_cost_effort_and_who_asked():
    native = decode(
        "api_request",
        model="claude-sonnet-4-5",
        cost_usd="0.0213",
        duration_ms="4312",
        input_tokens="1203",
        output_tokens="388",
        cache_read_tokens="18000",
        cache_creation_tokens="512",
        effort="high",
        agent_name="Explore",
        query_source="repl_main_thread",
    )
    assert own(native) == {
        "event": "api_request",
        "success": True,
        "model": "claude-sonnet-4-5",
        "cost_usd": 0.0213,
        "duration_ms": 4312,
        "input_tokens": 1203,
        "output_tokens": 388,
        "cache_read_tokens": 18000,
        "cache_creation_tokens": 512,
        "effort": "high",
        "persona": "Explore",
        "query_source": "repl_main_thread",
    }


def test_an_undefined_status_code_is_no_status_code():
    native = decode("api_error", error="Overloaded\nmore", status_code="undefined", attempt="11")
    assert own(native) == {"event": "api_error", "error": "Overloaded", "attempt": 11}


def test_a_refusal_is_an_api_error():
    assert own(decode("api_refusal", model="m")) == {"event": "api_error", "error": "refusal", "model": "m"}


def test_exhausted_retries_do_not_count_as_a_second_api_error():
    assert own(decode("api_retries_exhausted", error="Overloaded")) == {"event": "api_retries_exhausted"}


def test_an_assistant_response_leaves_its_length_only():
    native = decode("assistant_response", response_length="120", response="the secret", model="m")
    assert own(native) == {"event": "assistant_message", "message_chars": 120, "model": "m"}


@pytest.mark.parametrize("marker", ["<REDACTED>", "[REDACTED]"])
def test_a_redacted_prompt_is_no_prompt(marker):
    assert own(decode("user_prompt", prompt_length="184", prompt=marker)) == {
        "event": "user_prompt",
        "prompt_length": 184,
    }


def test_a_logged_prompt_is_passed_on_and_knows_its_command_better_than_a_placeholder():
    native = decode("user_prompt", prompt="/sc:build it", prompt_length="12", command_name="custom")
    assert own(native) == {"event": "user_prompt", "prompt": "/sc:build it", "prompt_length": 12}
    assert decode("user_prompt", command_name="custom")["workflow"] == "custom"
    assert decode("user_prompt", command_name="compact", prompt="/compact")["workflow"] == "compact"


def test_compaction_subagent_mode_and_skill():
    assert own(decode("compaction", trigger="auto", success="true", pre_tokens="9000")) == {
        "event": "compaction",
        "trigger": "auto",
        "success": True,
        "pre_tokens": 9000,
    }
    assert own(decode("subagent_completed", agent_type="Explore", duration_ms="10")) == {
        "event": "subagent_stop",
        "persona": "Explore",
        "duration_ms": 10,
    }
    assert own(decode("permission_mode_changed", from_mode="default", to_mode="bypassPermissions")) == {
        "event": "permission_mode_changed",
        "from_mode": "default",
        "permission_mode": "bypassPermissions",
    }
    assert own(decode("skill_activated", skill_name="sc:build")) == {
        "event": "skill_activated",
        "workflow": "sc:build",
    }


def test_any_other_event_is_kept_under_its_bare_name():
    assert own(decode("hook_execution_start", hook_event="PreToolUse")) == {"event": "hook_execution_start"}


@pytest.mark.parametrize(
    ("event_name", "line"),
    [
        ("claude_code.user_prompt", "claude_code.user_prompt"),
        ("user_prompt", ""),
        ("event otel/src/log.rs:1", "claude_code.user_prompt"),
        ("", "claude_code.user_prompt"),
        (None, "claude_code.user_prompt"),
    ],
)
def test_the_event_is_named_by_attribute_or_line_with_or_without_prefix(event_name, line):
    (native,) = DECODER.decode(RawRecord({**BASE, "event_name": event_name}, line, TIME_NS))
    assert native["event"] == "user_prompt"


def test_extracted_twins_are_ignored():
    assert decode("tool_result", tool_name="Bash", tool_name_extracted="Read")["tool_name"] == "Bash"
    assert "tool_name" not in decode("tool_result", tool_name_extracted="Read")


def test_a_sequence_that_repeats_after_a_resume_names_two_events():
    first = decode("tool_result", event_sequence="3", tool_use_id="a")
    later = decode("tool_result", event_sequence="3", tool_use_id="b", time_ns=TIME_NS + 60_000_000_000)
    same_time = decode("tool_result", event_sequence="3", tool_use_id="b")
    assert len({native["event_id"] for native in (first, later, same_time)}) == 3


def test_a_record_read_twice_is_one_event():
    record = RawRecord({**BASE, "event_name": "api_request", "event_sequence": "1"}, "claude_code.api_request", TIME_NS)
    assert len(decode_to_table([record, record]).table.deduplicated()) == 1


def test_records_of_one_millisecond_without_anything_unique_are_not_merged():
    record = RawRecord({**BASE, "event_name": "hook_registered"}, "claude_code.hook_registered", TIME_NS)
    assert len(decode_to_table([record, record]).table.deduplicated()) == 2


def test_the_entry_s_time_counts_and_the_attribute_where_there_is_none():
    assert decode("user_prompt")["timestamp"] == TIME_NS // 1000 / 1e6
    assert decode("user_prompt", time_ns=None)["timestamp"] == "2026-09-01T10:00:03.298Z"


def test_what_cannot_be_used_says_why():
    with pytest.raises(Undecodable, match="missing_session_id"):
        decode("user_prompt", session_id="")
    with pytest.raises(Undecodable, match="missing_timestamp"):
        decode("user_prompt", time_ns=None, event_timestamp=None)
    with pytest.raises(Undecodable, match="missing_event"):
        decode("", line="")


LEGACY = {
    "body": "claude_code.tool_result",
    "severity": "INFO",
    "attributes": {
        "session.id": "5f0c",
        "event.name": "tool_result",
        "tool_name": "Bash",
        "success": "true",
        "event.sequence": 7,
    },
    "resources": {"service.name": "claude-code", "service.version": "2.1.257", "team.id": "core"},
}
FLAT = {
    "body": "claude_code.tool_result",
    "attributes_session_id": "5f0c",
    "attributes_event_name": "tool_result",
    "attributes_tool_name": "Bash",
    "attributes_success": "true",
    "attributes_event_sequence": "7",
    "resources_service_name": "claude-code",
    "resources_service_version": "2.1.257",
    "resources_team_id": "core",
}


@pytest.mark.parametrize("document", [LEGACY, FLAT])
def test_the_collector_s_old_json_form_reads_like_the_native_one(document):
    record = RawRecord(document, "", TIME_NS, {"job": "claude-code", "exporter": "OTLP"})
    assert recognise(record) is DECODER
    (native,) = DECODER.decode(record)
    assert native == {
        **COMMON,
        "event": "tool_result",
        "team": "core",
        "tool_name": "Bash",
        "success": True,
        "sequence": 7,
        "event_id": native["event_id"],
    }


def test_the_body_names_an_event_of_the_old_form_that_nothing_else_names():
    document = {"body": "claude_code.user_prompt", "attributes": {"session.id": "s"}}
    decoded = decode_records([RawRecord(document, "", TIME_NS)])
    assert [native["event"] for native in decoded.by_source["claude_otel"]] == ["user_prompt"]


def entries(name):
    """Entries of a recorded reply as raw records, in both encodings."""
    result = json.loads((RECORDINGS / f"{name}.json").read_text())["response"]["body"]["data"]["result"]
    for stream in result:
        for time_ns, line, *rest in stream["values"]:
            metadata = rest[0].get("structuredMetadata", {}) if rest else {}
            yield RawRecord({**stream["stream"], **metadata}, line, int(time_ns))


@needs_recordings
def test_recorded_replies_in_both_encodings_decode_to_the_same_events():
    by_encoding = []
    for name in ("query_range_streams_default", "query_range_streams_categorized"):
        decoded = decode_records(entries(name))
        assert not decoded.dropped
        assert list(decoded.by_source) == ["claude_otel"]
        by_encoding.append(sorted(decoded.by_source["claude_otel"], key=lambda native: native["sequence"]))
    assert by_encoding[0] == by_encoding[1]
    assert "example.com" not in json.dumps(by_encoding)


@needs_recordings
def test_the_recorded_api_error_is_read_as_pushed():
    decoded = decode_records(entries("query_range_streams_default"))
    (error,) = (native for native in decoded.by_source["claude_otel"] if native["event"] == "api_error")
    assert error == {
        "session_id": "3f0c2c6e-6f0f-4a6e-9a53-0d8f6f1f2a10",
        "agent": "claude-code",
        "agent_version": "2.1.33",
        "user_id": "u-7f3a",
        "event": "api_error",
        "timestamp": 1795250726729125888 // 1000 / 1e6,
        "sequence": 6,
        "model": "claude-sonnet-4-5",
        "error": "Overloaded",
        "status_code": 529,
        "attempt": 2,
        "duration_ms": 950,
        "event_id": error["event_id"],
    }
