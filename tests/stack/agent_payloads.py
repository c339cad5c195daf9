"""OTLP/JSON logs as three agents send them, composed for these tests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

Attributes = Mapping[str, Any]
Events = Iterable[tuple[str, Attributes]]
SECOND = 1_000_000_000


def claude_code(session_id: str, begin_ns: int) -> dict[str, Any]:
    """A prompt, a model call, a command that worked and one that did not."""
    events = (
        ("user_prompt", {"prompt_length": "42", "prompt": "<REDACTED>"}),
        ("api_request", {"model": "claude-opus-4", "cost_usd": 0.02, "input_tokens": 900, "output_tokens": 120}),
        ("tool_decision", {"tool_name": "Bash", "tool_use_id": "toolu_1", "decision": "accept", "source": "config"}),
        ("tool_result", {"tool_name": "Bash", "tool_use_id": "toolu_1", "success": "true", "duration_ms": "40"}),
        ("tool_result", {"tool_name": "Bash", "tool_use_id": "toolu_2", "success": "false", "duration_ms": "9"}),
    )
    records = []
    for number, (name, attributes) in enumerate(events):
        time_ns = begin_ns + number * SECOND
        common = {
            "session.id": session_id,
            "user.id": "u-claude",
            "event.name": name,
            "event.timestamp": rfc3339(time_ns),
            "event.sequence": number,
        }
        body = {"body": {"stringValue": f"claude_code.{name}"}}
        records.append(log_record(time_ns, {**common, **attributes}) | body)
    scope = {"name": "com.anthropic.claude_code.events", "version": "2.1.257"}
    return request({"service.name": "claude-code", "service.version": "2.1.257", "team.id": "core"}, scope, records)


def codex(session_id: str, begin_ns: int) -> dict[str, Any]:
    """A conversation with two tool calls; no body, no event time, numbers as text."""
    events = (
        ("codex.conversation_starts", {"provider_name": "openai", "approval_policy": "on-request"}),
        ("codex.user_prompt", {"prompt_length": "17", "prompt": "[REDACTED]"}),
        ("codex.tool_decision", {"tool_name": "exec_command", "call_id": "c1", "decision": "approved", "source": "User"}),
        ("codex.tool_result", {"tool_name": "exec_command", "call_id": "c1", "success": "true", "duration_ms": "70",
                               "arguments": '{"cmd":"make test"}', "output": "Process exited with code 1"}),
        ("codex.tool_result", {"tool_name": "exec_command", "call_id": "c2", "success": "true", "duration_ms": "12"}),
    )  # fmt: skip
    records = []
    for number, (name, attributes) in enumerate(events):
        time_ns = begin_ns + number * SECOND
        common = {"conversation.id": session_id, "event.name": name, "event.timestamp": rfc3339(time_ns)}
        record = log_record(time_ns, {**common, "model": "gpt-5", "user.account_id": "u-codex", **attributes})
        records.append(record | {"timeUnixNano": "0", "severityText": "INFO", "eventName": "event otel/src/events.rs"})
    resource = {"service.name": "codex_exec", "service.version": "0.150.1", "env": "dev"}
    return request(resource, {"name": "codex_otel.log_only"}, records)


def gemini(session_id: str, begin_ns: int) -> dict[str, Any]:
    """A prompt, a model call and two tools; the body is a sentence."""
    tool = {"function_name": "run_shell_command", "duration_ms": 30, "decision": "accept", "tool_type": "native"}
    events = (
        ("gemini_cli.user_prompt", {"prompt_length": 12, "prompt_id": "p1"}),
        ("gemini_cli.api_response", {"model": "gemini-3-pro", "duration_ms": 800, "input_token_count": 500,
                                     "output_token_count": 60, "status_code": 200}),
        ("gemini_cli.tool_call", {**tool, "success": True}),
        ("gemini_cli.tool_call", {**tool, "success": False, "error_type": "exec_failed"}),
    )  # fmt: skip
    records = []
    for number, (name, attributes) in enumerate(events):
        time_ns = begin_ns + number * SECOND
        common = {"session.id": session_id, "installation.id": "u-gemini", "event.name": name}
        record = log_record(time_ns, {**common, "event.timestamp": rfc3339(time_ns), **attributes})
        records.append(record | {"body": {"stringValue": f"{name.split('.')[1]} happened."}})
    return request({"service.name": "gemini-cli", "service.version": "v22.1.0"}, {"name": "gemini-cli"}, records)


def request(resource: Attributes, scope: Mapping[str, str], records: list[dict[str, Any]]) -> dict[str, Any]:
    """The body of ``POST …/v1/logs``."""
    logs = {"scope": dict(scope), "logRecords": records}
    return {"resourceLogs": [{"resource": {"attributes": key_values(resource)}, "scopeLogs": [logs]}]}


def log_record(time_ns: int, attributes: Attributes) -> dict[str, Any]:
    """A record with both its times."""
    return {
        "timeUnixNano": str(time_ns),
        "observedTimeUnixNano": str(time_ns),
        "attributes": key_values(attributes),
    }


def key_values(attributes: Attributes) -> list[dict[str, Any]]:
    """Attributes in OTLP's form."""
    return [{"key": key, "value": _any_value(value)} for key, value in attributes.items()]


def _any_value(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    return {"doubleValue": value} if isinstance(value, float) else {"stringValue": value}


def rfc3339(time_ns: int) -> str:
    """A time in UTC with milliseconds."""
    text = datetime.fromtimestamp(time_ns / 1e9, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
