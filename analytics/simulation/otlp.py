"""Simulated Claude Code sessions as OTLP/JSON logs: the shape the agent itself sends to Loki or a collector.

Only what Claude Code emits is written: no session start or end, no tool call. Arguments ride on the result, as
with ``OTEL_LOG_TOOL_DETAILS``; most values are text even where they are numbers or flags, as on the wire.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from operator import itemgetter
from typing import Any, Final

import orjson

from analytics.simulation.recorder import Record
from analytics.simulation.stamps import milliseconds_of, stamp

Attributes = dict[str, Any]

SERVICE: Final = "claude-code"
_SCOPE: Final = "com.anthropic.claude_code.events"
_INPUT_CUT: Final = 512
_STRETCH_MS: Final = 30 * 60_000
_STATUS: Final = {"http:529": 529, "rate_limit": 429}


def as_otlp(records: Iterable[Record]) -> dict[str, Any]:
    """The body of ``POST /v1/logs`` for records of Claude Code; other agents' records are left out.

    Records in order of time stay in it, grouped into resources by half an hour and agent version: all versions share
    a stream in Loki, which refuses what lies more than an hour behind its newest. Tool arguments are taken from the
    call, so a call must come before its result.
    """
    groups: dict[tuple[int, str], list[dict[str, Any]]] = {}
    inputs: dict[str, Any] = {}
    for record in records:
        if record.get("agent") != SERVICE:
            continue
        if record["event"] == "tool_call" and record.get("tool_input") is not None:
            inputs[record.get("tool_use_id", "")] = record["tool_input"]
        writer = _WRITERS.get(record["event"])
        if writer is not None:
            if record["event"] == "tool_result" and "tool_input" not in record:
                record = {**record, "tool_input": inputs.pop(record.get("tool_use_id", ""), None)}  # noqa: PLW2901 - the same record with its call's arguments
            version = record.get("agent_version", "")
            stretch = milliseconds_of(record["timestamp"]) // _STRETCH_MS
            groups.setdefault((stretch, version), []).append(_log_record(record, *writer))
    ordered = sorted(groups.items(), key=itemgetter(0))
    return {"resourceLogs": [_resource_logs(version, entries) for (_, version), entries in ordered]}


def _resource_logs(version: str, entries: list[dict[str, Any]]) -> dict[str, Any]:
    resource = {"service.name": SERVICE, "service.version": version, "os.type": "linux", "host.arch": "amd64"}
    return {
        "resource": {"attributes": _key_values(resource)},
        "scopeLogs": [{"scope": {"name": _SCOPE, "version": version}, "logRecords": entries}],
    }


def _log_record(record: Record, name: str, attributes: Callable[[Record], Attributes]) -> dict[str, Any]:
    milliseconds = milliseconds_of(record["timestamp"])
    common: Attributes = {
        "session.id": record["session_id"],
        "user.id": record.get("user_id"),
        "terminal.type": "xterm-256color",
        "event.name": name,
        "event.timestamp": stamp(milliseconds),
        "event.sequence": record.get("sequence"),
    }
    time = str(milliseconds * 1_000_000)
    return {
        "timeUnixNano": time,
        "observedTimeUnixNano": time,
        "body": {"stringValue": f"claude_code.{name}"},
        "attributes": _key_values({**common, **attributes(record)}),
    }


def _user_prompt(record: Record) -> Attributes:
    workflow = record.get("workflow")
    return {
        "prompt_length": _text(record.get("prompt_length")),
        "prompt": record.get("prompt", "<REDACTED>"),
        "command_name": workflow,
        "command_source": "custom" if workflow else None,
    }


def _tool_decision(record: Record) -> Attributes:
    return {
        **_named(record, "tool_name", "tool_use_id", "decision"),
        "source": record.get("decision_source"),
    }


def _tool_result(record: Record) -> Attributes:
    error, tool_input = record.get("error"), record.get("tool_input")
    attributes: Attributes = {
        **_named(record, "tool_name", "tool_use_id"),
        "success": _text(record.get("success")),
        "duration_ms": _text(record.get("duration_ms")),
        "error_type": _error_type(error),
        "decision_type": "accept",
        "decision_source": "config",
        "tool_input_size_bytes": _text(record.get("tool_input_chars")),
        "tool_result_size_bytes": _text(record.get("tool_output_chars")),
    }
    if isinstance(tool_input, dict):
        attributes.update(error=error, tool_input=_cut(tool_input), tool_parameters=_parameters(tool_input))
    return attributes


def _api_request(record: Record) -> Attributes:
    names = (
        "model", "cost_usd", "duration_ms", "input_tokens", "output_tokens", "cache_read_tokens",
        "cache_creation_tokens",
    )  # fmt: skip
    source = "Explore" if record.get("parent_session_id") else "repl_main_thread"
    return {**_named(record, *names), "query_source": source, "speed": "normal"}


def _api_error(record: Record) -> Attributes:
    return {
        **_named(record, "model", "error", "attempt", "duration_ms"),
        "status_code": _STATUS.get(record.get("error", "")),
        "speed": "normal",
    }


def _assistant_response(record: Record) -> Attributes:
    length = _text(record.get("message_chars"))
    return {"response_length": length, "response": "<REDACTED>", **_named(record, "model")}


def _compaction(record: Record) -> Attributes:
    return {**_named(record, "trigger"), "success": "true", "pre_tokens": _text(record.get("pre_tokens"))}


def _permission_mode_changed(record: Record) -> Attributes:
    return {"from_mode": "default", "to_mode": record.get("permission_mode"), "trigger": "shift_tab"}


_WRITERS: Final[Mapping[str, tuple[str, Callable[[Record], Attributes]]]] = {
    "user_prompt": ("user_prompt", _user_prompt),
    "tool_decision": ("tool_decision", _tool_decision),
    "tool_result": ("tool_result", _tool_result),
    "api_request": ("api_request", _api_request),
    "api_error": ("api_error", _api_error),
    "assistant_message": ("assistant_response", _assistant_response),
    "compaction": ("compaction", _compaction),
    "permission_mode_changed": ("permission_mode_changed", _permission_mode_changed),
}
"""By native event: the agent's name for it and what writes its attributes. Events not listed it does not emit."""


def _named(record: Record, *names: str) -> Attributes:
    return {name: record.get(name) for name in names}


def _text(value: Any) -> str | None:
    """A value as the text it has on the wire."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None else str(value)


def _error_type(error: str | None) -> str | None:
    if error is None:
        return None
    return "ShellError" if error.startswith("exit_code") else f"Error:{error}"


def _cut(tool_input: Record) -> str:
    """Arguments as JSON text, each text value cut where the agent cuts it."""
    cut = {name: value[:_INPUT_CUT] if isinstance(value, str) else value for name, value in tool_input.items()}
    return orjson.dumps(cut, default=str).decode()


def _parameters(tool_input: Record) -> str | None:
    """What ``tool_parameters`` holds of a shell command or a sub-agent; None for other tools."""
    command, kind = tool_input.get("command"), tool_input.get("subagent_type")
    if isinstance(command, str):
        program = command.split(maxsplit=1)[0] if command.strip() else ""
        return orjson.dumps({"bash_command": program, "full_command": command}).decode()
    return orjson.dumps({"subagent_type": kind}).decode() if isinstance(kind, str) else None


def _key_values(attributes: Mapping[str, Any]) -> list[dict[str, Any]]:
    """OTLP/JSON key-value pairs; missing values are left out, 64-bit integers are text as the format asks."""
    return [{"key": key, "value": _any_value(value)} for key, value in attributes.items() if value is not None]


def _any_value(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    return {"stringValue": str(value)}
