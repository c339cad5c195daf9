import json

import pytest

from exporter.decoders import decode_records, decode_to_table, recognise
from exporter.decoders.claude_transcript import DECODER
from exporter.decoders.decoder import RawRecord, Undecodable

BASE = {
    "uuid": "u-1",
    "parentUuid": None,
    "sessionId": "s-1",
    "timestamp": "2026-01-05T09:00:00.120Z",
    "cwd": "/srv/app",
    "gitBranch": "main",
    "version": "2.1.9",
    "isSidechain": False,
}
COMMON = {
    "session_id": "s-1",
    "timestamp": "2026-01-05T09:00:00.120Z",
    "agent": "claude-code",
    "agent_version": "2.1.9",
    "project": "/srv/app",
}
USAGE = {
    "input_tokens": 4,
    "output_tokens": 1,
    "cache_read_input_tokens": 900,
    "cache_creation_input_tokens": 30,
    "service_tier": "standard",
}


def decode(kind, **fields):
    record = RawRecord({**BASE, "type": kind, **fields})
    assert recognise(record) is DECODER
    natives = list(DECODER.decode(record))
    for native in natives:
        assert {name: native.get(name) for name in COMMON} == COMMON
    return [{name: value for name, value in native.items() if name not in COMMON} for native in natives]


def user(content, **fields):
    return decode("user", message={"role": "user", "content": content}, **fields)


def assistant(*blocks, message_id="m-1", **fields):
    message = {
        "id": message_id,
        "model": "claude-opus-4-6",
        "role": "assistant",
        "content": list(blocks),
        "usage": USAGE,
    }
    return decode("assistant", message=message, **fields)


def result(content, **fields):
    block = {"type": "tool_result", "tool_use_id": "t-1", "content": content, **fields}
    (native,) = user([block])
    return native


REQUEST = {
    "event": "api_request",
    "event_id": "message:m-1",
    "success": True,
    "model": "claude-opus-4-6",
    "input_tokens": 4,
    "output_tokens": 1,
    "cache_read_tokens": 900,
    "cache_creation_tokens": 30,
}


def test_a_typed_prompt_is_a_user_prompt():
    assert user("fix the build", permissionMode="plan") == [
        {
            "event": "user_prompt",
            "event_id": "u-1:prompt",
            "prompt": "fix the build",
            "prompt_length": 13,
            "permission_mode": "plan",
        }
    ]


def test_the_text_of_a_prompt_with_an_image_is_what_was_typed():
    (native,) = user([{"type": "image", "source": {"data": "AAAA"}}, {"type": "text", "text": "see this"}])
    assert (native["event"], native["prompt_length"]) == ("user_prompt", 8)
    assert "AAAA" not in json.dumps(native)


@pytest.mark.parametrize("mark", ["isMeta", "isCompactSummary", "isVisibleInTranscriptOnly"])
def test_what_no_person_typed_is_no_prompt(mark):
    assert user("Body of the command", **{mark: True}) == []


@pytest.mark.parametrize("text", ["<local-command-stdout>x</local-command-stdout>", "<bash-stdout>x</bash-stdout>", ""])
def test_output_of_the_client_is_no_prompt(text):
    assert user(text) == []


def test_a_slash_command_is_a_prompt_as_long_as_what_was_typed():
    text = "<command-message>sc:build</command-message>\n<command-name>/sc:build</command-name>\n<command-args>--think api</command-args>"
    (native,) = user(text)
    assert (native["event"], native["prompt"]) == ("user_prompt", text)
    assert native["prompt_length"] == len("/sc:build --think api")


def test_a_person_s_interruption_is_a_notification():
    assert user([{"type": "text", "text": "[Request interrupted by user for tool use]"}]) == [
        {"event": "notification", "event_id": "u-1:prompt", "notification_type": "interrupted"}
    ]


def test_a_result_without_is_error_is_a_success_that_leaves_only_its_size():
    native = result("secret")
    assert native == {
        "event": "tool_result",
        "event_id": "u-1:0",
        "tool_use_id": "t-1",
        "success": True,
        "tool_output_chars": 6,
    }


@pytest.mark.parametrize(
    ("text", "error", "kind"),
    [
        (
            "The user doesn't want to proceed with this tool use.\nsecret",
            "The user doesn't want to proceed with this tool use.",
            "user_rejected",
        ),
        ("Sibling tool call errored", "Sibling tool call errored", "sibling_cancelled"),
        (
            "<tool_use_error>File has not been read yet.</tool_use_error>",
            "<tool_use_error>File has not been read yet.</tool_use_error>",
            "invalid_input",
        ),
        ("Exit code 2\nsecret was aborted", "Exit code 2", "failed"),
        ("x" * 500, "x" * 200, "failed"),
    ],
)
@pytest.mark.parametrize("in_blocks", [False, True])
def test_an_error_says_why_in_its_first_line(text, error, kind, in_blocks):
    native = result([{"type": "text", "text": text}] if in_blocks else text, is_error=True)
    assert (native["success"], native["error"], native["failure_kind"]) == (False, error, kind)


def test_an_interrupted_command_is_no_success():
    block = {"type": "tool_result", "tool_use_id": "t-1", "content": ""}
    (native,) = user([block], toolUseResult={"stdout": "secret", "interrupted": True, "durationMs": 70})
    assert (native["success"], native["failure_kind"], native["duration_ms"]) == (False, "interrupted", 70)
    assert "secret" not in json.dumps(native)


def test_results_of_one_record_are_events_of_their_own():
    blocks = [{"type": "tool_result", "tool_use_id": name, "content": "x"} for name in ("a", "b")]
    natives = user(blocks)
    assert [(native["tool_use_id"], native["event_id"]) for native in natives] == [("a", "u-1:0"), ("b", "u-1:1")]


def test_a_reply_s_block_is_a_message_or_a_call_beside_the_request():
    assert assistant({"type": "text", "text": "Done."}) == [
        REQUEST,
        {"event": "assistant_message", "event_id": "u-1:0", "model": "claude-opus-4-6", "message_chars": 5},
    ]
    assert assistant({"type": "tool_use", "id": "t-1", "name": "Bash", "input": {"command": "ls"}}) == [
        REQUEST,
        {
            "event": "tool_call",
            "event_id": "u-1:0",
            "model": "claude-opus-4-6",
            "tool_use_id": "t-1",
            "tool_name": "Bash",
            "tool_input": {"command": "ls"},
            "tool_input_chars": 16,
        },
    ]
    assert assistant({"type": "thinking", "thinking": "secret"}) == [REQUEST]


def test_usage_repeated_on_every_block_counts_once():
    blocks = ({"type": "text", "text": "I look."}, {"type": "tool_use", "id": "t-1", "name": "Read", "input": {}})
    records = [
        RawRecord(
            {
                **BASE,
                "type": "assistant",
                "uuid": f"u-{k}",
                "message": {"id": "m-1", "usage": USAGE, "content": [block]},
            }
        )
        for k, block in enumerate(blocks)
    ]
    table = decode_to_table(records).table.deduplicated()
    requests = table.is_one_of("event", ["api_request"])
    assert requests.sum() == 1
    assert table.values("cache_read_tokens")[requests] == [900.0]
    assert len(table) == 3


def test_copied_history_counts_once():
    record = RawRecord({**BASE, "type": "user", "message": {"content": "fix it"}})
    assert len(decode_to_table([record, record]).table.deduplicated()) == 1


def test_an_api_error_message_is_an_error_and_no_request():
    message = {"id": "x", "model": "<synthetic>", "content": [{"type": "text", "text": "API Error: 529\nmore"}]}
    assert decode("assistant", message=message, isApiErrorMessage=True) == [
        {"event": "api_error", "event_id": "u-1:error", "error": "API Error: 529"}
    ]
    assert decode("assistant", message=message) == []


def test_system_notices():
    assert decode("system", subtype="compact_boundary", compactMetadata={"trigger": "auto", "preTokens": 155000}) == [
        {"event": "compaction", "event_id": "u-1:compaction", "trigger": "auto", "pre_tokens": 155000}
    ]
    assert decode("system", subtype="api_error", error={"status": 529}, retryAttempt=2, maxRetries=10) == [
        {"event": "api_error", "event_id": "u-1:error", "error": "http:529", "attempt": 2}
    ]
    assert decode("system", subtype="turn_duration", durationMs=5) == []


@pytest.mark.parametrize(("agent_id", "session"), [("a7", "s-1/a7"), (None, "s-1/sidechain")])
def test_a_sub_agent_is_a_session_of_its_own(agent_id, session):
    fields = {
        **BASE,
        "isSidechain": True,
        "agentId": agent_id,
        "type": "assistant",
        "message": {"id": "m", "content": []},
    }
    (native,) = DECODER.decode(RawRecord(fields))
    assert (native["session_id"], native["parent_session_id"]) == (session, "s-1")


def test_a_sub_agent_s_prompt_was_typed_by_nobody():
    fields = {**BASE, "isSidechain": True, "agentId": "a7", "type": "user", "message": {"content": "look around"}}
    assert list(DECODER.decode(RawRecord(fields))) == []


BOOKKEEPING = [
    {"type": "summary", "summary": "x", "leafUuid": "u"},
    {"type": "file-history-snapshot", "messageId": "m", "snapshot": {}},
    {"type": "progress", "sessionId": "s-1", "data": {"type": "bash_progress"}},
    {"type": "queue-operation", "sessionId": "s-1"},
]


@pytest.mark.parametrize("record", BOOKKEEPING)
def test_bookkeeping_is_known_and_skipped(record):
    decoded = decode_records([RawRecord(record)])
    assert decoded.by_source == {"claude_transcript": []}
    assert not decoded.dropped


def test_what_cannot_be_used_says_why():
    with pytest.raises(Undecodable, match="unknown_record"):
        decode("telepathy")
    with pytest.raises(Undecodable, match="missing_timestamp"):
        DECODER.decode(RawRecord({**BASE, "type": "user", "timestamp": None}))
    with pytest.raises(Undecodable, match="missing_session_id"):
        DECODER.decode(RawRecord({"type": "user", "timestamp": BASE["timestamp"]}))
