"""Claude Code's hook payloads, as they are or as community loggers wrap them.

A payload carries no time, so a line's own stamp counts, else the log entry's. Loggers name things differently
(``_EVENT``, ``_SESSION``, ``_TIME``) and may put the payload under ``payload``. Of a tool's response only the size is
kept, of messages only their length.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from exporter.decoders.decoder import Decoder, NativeRecord, RawRecord, Undecodable
from exporter.decoders.hook_events import HOOK_EVENTS, hook_fields
from exporter.decoders.rows import Rows, extras, numbers, read_rows, texts
from exporter.decoders.tool_outcome import response_fields
from exporter.decoders.values import (
    first_line,
    first_text,
    json_chars,
    json_object,
    number,
    person,
    prompt_text,
    text,
    unix_seconds,
)

Payload = Mapping[str, Any]

_EVENT: Final = ("hook_event_name", "hook_event_type", "hookEventName")
_SESSION: Final = ("session_id", "sessionId")
_TIME: Final = ("timestamp", "logged_at", "ts")
_LATEST: Final = 4_102_444_800
"""Unix seconds at the end of the century."""


def _effort(value: Any) -> str | None:
    return text(value["level"]) if isinstance(value, dict) and "level" in value else text(value)


_ROWS: Final[Rows] = (
    ("effort", "effort", _effort),
    ("user_id", "user_id", person),
    ("error", "error", first_line),
    ("error", "error_first_line", first_line),
    *texts(
        project="cwd",
        model="model",
        team="team",
        permission_mode="permission_mode",
        persona="agent_type",
        tool_name="tool_name",
        tool_use_id="tool_use_id",
        workflow="command_name",
    ),
    ("model", "model_name", text),
    *numbers(duration_ms="duration_ms", tool_input_chars="tool_input_bytes"),
    *extras("prompt_id", "agent_id", "source", "reason", "trigger", "notification_type"),
)
_REASON_IN_WORDS: Final = ("PermissionDenied",)
"""Events whose ``reason`` is a sentence rather than a fixed word."""


def _name_of(fields: Payload) -> str | None:
    """The hook event a line is about: under ``event`` only one that hooks are known to have."""
    name = first_text(fields, _EVENT)
    if name is None:
        event = fields.get("event")
        return event if isinstance(event, str) and event in HOOK_EVENTS else None
    return name


def _payload(fields: Payload) -> Payload:
    """What a logger wrapped, as an object or its JSON text; empty where nothing is wrapped."""
    return json_object(fields.get("payload")) or {}


def _recognises(record: RawRecord) -> bool:
    if record.line:
        return False
    return _name_of(record.fields) is not None or _name_of(_payload(record.fields)) is not None


def _decode(record: RawRecord) -> Iterator[NativeRecord]:
    payload = {**record.fields, **_payload(record.fields)}
    name = _name_of(payload)
    session_id = first_text(payload, _SESSION) or record.labels.get("session_id")
    if name is None:
        raise Undecodable("missing_event")
    if session_id is None:
        raise Undecodable("missing_session_id")
    native: NativeRecord = {
        "timestamp": _timestamp(record),
        "session_id": session_id,
        "agent": "claude-code",
        **read_rows(payload, _ROWS),
        **hook_fields(name),
    }
    if name in _REASON_IN_WORDS:
        native.pop("reason", None)
    native.update(_tool_fields(payload, native["event"]))
    native.update(_message_fields(payload, native["event"]))
    event_id = _event_id(name, native)
    if event_id is not None:
        native["event_id"] = event_id
    return iter((native,))


def _timestamp(record: RawRecord) -> float | str:
    """The line's stamp, else the entry's time; a number that is no time of this century in any unit is no stamp."""
    for fields in (record.fields, _payload(record.fields)):
        for name in _TIME:
            value = fields.get(name)
            count = number(value)
            stamp = _seconds(count) if count is not None else text(value)
            if stamp is not None:
                return stamp
    if record.time_ns is None:
        raise Undecodable("missing_timestamp")
    return unix_seconds(record.time_ns)


def _seconds(count: float) -> float | None:
    """Unix seconds from seconds, milliseconds, microseconds or nanoseconds, told by their size."""
    for unit in (1, 1e3, 1e6, 1e9):
        if 0 < count / unit < _LATEST:
            return round(count / unit, 6)
    return None


def _tool_fields(payload: Payload, event: str) -> NativeRecord:
    fields: NativeRecord = {}
    given = payload.get("tool_input")
    arguments = json_object(given) or text(given)
    if arguments is not None:
        fields["tool_input"] = arguments
        size = json_chars(arguments)
        if size is not None:
            fields["tool_input_chars"] = size
    if event == "tool_result":
        fields.update(response_fields(payload.get("tool_response")))
        if payload.get("is_interrupt") is True:
            fields["failure_kind"] = "interrupted"
    return fields


def _message_fields(payload: Payload, event: str) -> NativeRecord:
    fields: NativeRecord = {}
    prompt, message = payload.get("prompt"), payload.get("last_assistant_message")
    if event == "user_prompt" and isinstance(prompt, str):
        fields["prompt_length"] = len(prompt)
        if prompt_text(prompt) is not None:
            fields["prompt"] = prompt
    if event == "assistant_message" and isinstance(message, str):
        fields["message_chars"] = len(message)
    return fields


def _event_id(name: str, native: NativeRecord) -> str | None:
    """Identity of what a hook tells of: a hook installed twice (user and project settings) tells it twice.

    A tool use has each of its hook events once and a prompt id one submit; other events have nothing unique.
    """
    unique = native.get("tool_use_id")
    if unique is None and native["event"] == "user_prompt":
        unique = native.get("prompt_id")
    return None if unique is None else f"{native['session_id']}|{name}|{unique}"


DECODER: Final = Decoder("claude_hooks", _recognises, _decode)
