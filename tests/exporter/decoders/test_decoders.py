from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.decoders import DECODERS, decode_records, decode_to_table, recognise
from exporter.decoders.decoder import RawRecord
from exporter.decoders.hook_events import HOOK_EVENTS

TIME_NS = 1_788_256_803_298_000_000
NATIVE = RawRecord({"timestamp": "2026-09-01T10:00:00Z", "session_id": "s", "event": "tool_call"})
HOOK = RawRecord({"hook_event_name": "Stop", "session_id": "s"}, "", TIME_NS)
TRANSCRIPT = RawRecord(
    {"type": "user", "uuid": "u", "sessionId": "s", "timestamp": "2026-09-01T10:00:00Z", "message": {"content": "x"}}
)
CLAUDE = RawRecord(
    {"service_name": "claude-code", "event_name": "user_prompt", "session_id": "s"}, "claude_code.user_prompt", TIME_NS
)
CODEX = RawRecord({"event_name": "codex.user_prompt", "conversation_id": "c"}, "", TIME_NS)
GEMINI = RawRecord({"event_name": "gemini_cli.user_prompt", "session_id": "s"}, "User prompt.", TIME_NS)
EXAMPLES = {
    "native": NATIVE,
    "claude_hooks": HOOK,
    "claude_transcript": TRANSCRIPT,
    "claude_otel": CLAUDE,
    "codex_otel": CODEX,
    "gemini_otel": GEMINI,
}


def test_every_decoder_has_a_name_of_its_own_and_an_example_here():
    assert [decoder.name for decoder in DECODERS] == list(EXAMPLES)


@pytest.mark.parametrize("name", EXAMPLES)
def test_each_format_is_recognised_by_its_decoder_and_by_no_other(name):
    assert [decoder.name for decoder in DECODERS if decoder.recognises(EXAMPLES[name])] == [name]


@pytest.mark.parametrize(
    "record",
    [
        RawRecord({"message": "hello", "level": "info"}),
        RawRecord({"service_name": "claude-code-hooks"}, "not json", TIME_NS),
        RawRecord({"service_name": "nginx"}, "GET /", TIME_NS),
        RawRecord({"type": "user", "name": "x"}),
        RawRecord({}),
    ],
)
def test_records_of_other_programs_are_nobody_s(record):
    assert recognise(record) is None


def test_mixed_records_are_grouped_by_decoder_in_the_order_read_and_the_rest_is_counted():
    unknown, lost = RawRecord({"x": 1}), RawRecord({"hook_event_name": "Stop", "session_id": "s"})
    second = RawRecord({**NATIVE.fields, "event": "tool_result"})
    decoded = decode_records([NATIVE, CLAUDE, unknown, second, lost])
    assert {name: [row["event"] for row in rows] for name, rows in decoded.by_source.items()} == {
        "native": ["tool_call", "tool_result"],
        "claude_otel": ["user_prompt"],
        "claude_hooks": [],
    }
    assert decoded.dropped == Counter(unknown_format=1, missing_timestamp=1)


def test_a_given_decoder_decides_for_every_record():
    hooks = next(decoder for decoder in DECODERS if decoder.name == "claude_hooks")
    decoded = decode_records([HOOK, NATIVE], hooks)
    assert len(decoded.by_source["claude_hooks"]) == 1
    assert decoded.dropped == Counter(missing_event=1)


def test_the_table_holds_every_source_and_counts_what_decoders_and_intake_dropped():
    nameless = RawRecord({"event": "tool_call", "timestamp": "2026-09-01T10:00:00Z"})
    intake = decode_to_table([CLAUDE, NATIVE, nameless, RawRecord({"x": 1})])
    assert list(intake.table.frame["source"]) == ["claude_otel", "native"]
    assert intake.table.values("time_ns")[0] == TIME_NS
    assert intake.dropped == Counter(missing_session_id=1, unknown_format=1)


def test_no_records_make_an_empty_table():
    intake = decode_to_table([])
    assert len(intake.table) == 0
    assert not intake.dropped


NAMES = st.sampled_from(
    (
        "event", "timestamp", "ts", "session_id", "sessionId", "conversation_id", "event_name", "service_name",
        "scope_name", "hook_event_name", "payload", "tool_name", "tool_input", "tool_parameters", "tool_response",
        "tool_use_id", "call_id", "success", "duration_ms", "event_sequence", "event_timestamp", "error",
        "error_message", "decision", "source", "arguments", "output", "event_kind", "mcp_server", "function_args",
        "function_name", "prompt", "command_name", "effort", "last_assistant_message", "is_interrupt", "type",
        "message", "uuid", "isSidechain", "agentId", "toolUseResult", "subtype", "compactMetadata", "attributes",
        "resources", "body", "attributes_event_name", "workspace_host_paths", "http_response_status_code",
        "user_id", "isApiErrorMessage", "request_id", "cwd", "content", "usage", "id", "model", "text", "is_error",
        "input", "level", "status", "error_type", "mcp_server_name", "mcp_tool_name", "full_command",
    )
)  # fmt: skip
WORDS = st.sampled_from(
    (
        "tool_result", "codex.tool_result", "codex.sse_event", "codex.api_request", "codex.tool_decision",
        "gemini_cli.tool_call", "claude_code.tool_result", "user_prompt", "skill_activated", "event otel/src/x.rs",
        "claude-code", "codex_exec", "gemini-cli", "PreToolUse", "PostToolUse", "UserPromptSubmit", "user",
        "assistant", "system", "summary", "compact_boundary", "api_error", "tool_use", "text", "true", "false",
        "undefined", "{", "[", '{"command":["ls"]}', '["/srv"]', "response.completed", "approved", "exec",
        "Exit code: 1", "reject", "<command-name>", "<synthetic>", "2026-09-01T10:00:00Z", "1788256803298",
    )
)  # fmt: skip
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | WORDS
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | st.text(max_size=5), inner, max_size=6),
    max_leaves=12,
)
BLOCKS = st.fixed_dictionaries(
    {"type": st.sampled_from(("text", "tool_use", "tool_result"))},
    optional=dict.fromkeys(("text", "id", "name", "input", "tool_use_id", "content", "is_error"), VALUES),
)
FIELDS = st.dictionaries(NAMES | st.text(max_size=8), VALUES, max_size=15)
TRANSCRIPTS = st.fixed_dictionaries(
    {
        "type": st.sampled_from(("user", "assistant", "system")),
        "sessionId": SCALARS | st.just("s"),
        "timestamp": SCALARS | st.just("2026-09-01T10:00:00Z"),
        "message": st.fixed_dictionaries(
            {"content": VALUES | st.lists(BLOCKS, max_size=3), "usage": VALUES, "id": VALUES}
        )
        | VALUES,
    },
    optional=dict.fromkeys(("uuid", "toolUseResult", "subtype", "error", "compactMetadata", "isMeta"), VALUES),
)


def otlp(prefix, *events):
    return st.builds(
        lambda fields, event: {**fields, "session_id": "s", "conversation_id": "s", "event_name": prefix + event},
        FIELDS,
        st.sampled_from(events),
    )


HOOKS = st.builds(
    lambda fields, name: {**fields, "session_id": "s", "hook_event_name": name},
    FIELDS,
    st.sampled_from(sorted(HOOK_EVENTS)),
)
OWN_FIELDS = {
    "native": FIELDS,
    "claude_hooks": HOOKS,
    "claude_transcript": TRANSCRIPTS,
    "claude_otel": otlp("", "user_prompt", "tool_decision", "tool_result", "api_request", "api_error", "compaction"),
    "codex_otel": otlp("codex.", "tool_decision", "tool_result", "sse_event", "api_request", "conversation_starts"),
    "gemini_otel": otlp("gemini_cli.", "tool_call", "api_response", "api_error", "user_prompt", "agent.finish"),
}


def records(fields):
    return st.builds(
        RawRecord,
        fields,
        st.sampled_from(("", "claude_code.tool_result", "gemini_cli.", "claude_code.")) | st.text(max_size=20),
        st.just(TIME_NS) | st.none() | st.integers(min_value=0, max_value=7 * 10**18),
        st.dictionaries(st.sampled_from(("session_id", "service_name", "job")), st.text(max_size=5), max_size=3),
    )


RECORDS = records(st.one_of(FIELDS, *OWN_FIELDS.values()))


@pytest.mark.parametrize("decoder", DECODERS, ids=lambda decoder: decoder.name)
@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_no_record_makes_a_decoder_raise_anything_but_undecodable(decoder, data):
    record = data.draw(records(OWN_FIELDS[decoder.name]) | RECORDS)
    assert decoder.recognises(record) in (True, False)
    decoded = decode_records([record], decoder)
    assert set(decoded.dropped) <= {"missing_event", "missing_session_id", "missing_timestamp", "unknown_record"}
    assert all(type(native) is dict for native in decoded.by_source.get(decoder.name, []))


@settings(max_examples=150, deadline=None)
@given(records=st.lists(RECORDS, max_size=6))
def test_what_the_agents_decoders_yield_always_makes_a_table(records):
    strangers = [record for record in records if (recognise(record) or DECODERS[0]).name != "native"]
    intake = decode_to_table(strangers)
    assert np.all(intake.table.values("time_ns") > 0)


@settings(max_examples=150, deadline=None)
@given(record=RECORDS)
def test_reading_a_record_leaves_it_as_it_was(record):
    before = repr(record)
    decode_records([record])
    assert repr(record) == before
