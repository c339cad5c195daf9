"""Gemini CLI's OpenTelemetry events.

One ``tool_call`` covers decision and result. ``api_request`` only announces the call that ``api_response`` or
``api_error`` ends, so it is skipped. ``conversation_finished`` comes each time the agent falls idle, not when the
session ends, and keeps its name.
"""

from __future__ import annotations

from typing import Final

from exporter.decoders.decoder import Decoder, NativeRecord, RawRecord
from exporter.decoders.otlp import (
    RESOURCE,
    Attributes,
    EventShape,
    OtlpFormat,
    attributes_of,
    carries_prefix,
)
from exporter.decoders.rows import Rows, extras, numbers, texts
from exporter.decoders.values import first_line, flag, json_object, person, prompt_text, text

_PREFIX: Final = "gemini_cli."
_SERVICE: Final = "gemini-cli"
_DECIDED_BY: Final = {"accept": "user", "modify": "user", "reject": "user", "auto_accept": "config"}
"""Who decided, by Gemini's word for the decision."""
_RESULT_FIELDS: Final = ("success", "error", "duration_ms", "tool_output_chars")

# The resource's service.version is the version of Node, so there is no agent_version.
_COMMON: Final[Rows] = (
    ("session_id", "session_id", text),
    ("user_id", "installation_id", person),
    *RESOURCE,
)
_ERROR: Final[Rows] = (
    ("error", "error_message", first_line),
    ("error", "error", first_line),
    ("error", "error_type", text),
)
_AGENT: Final[Rows] = (
    *_COMMON,
    *texts(persona="agent_name"),
    *numbers(duration_ms="duration_ms"),
    *extras("terminate_reason"),
)


def _add_tool(attributes: Attributes, native: NativeRecord) -> bool:
    """Arguments, the MCP tool's name and who decided; a refused call becomes a decision without a result."""
    given = attributes.get("function_args")
    arguments = json_object(given) or text(given)
    if arguments is not None:
        native["tool_input"] = arguments
    if isinstance(given, str):
        native["tool_input_chars"] = len(given)
    server, tool = text(attributes.get("mcp_server_name")), native.get("tool_name")
    if server is not None and tool is not None and not tool.startswith("mcp__"):
        native["tool_name"] = f"mcp__{server}__{tool}"
    decision = native.pop("decision", None)
    if decision in _DECIDED_BY:
        native["decision_source"] = _DECIDED_BY[decision]
    if decision == "reject":
        native.update(event="tool_decision", decision="reject")
        for name in _RESULT_FIELDS:
            native.pop(name, None)
    return True


def _drop(_: Attributes, __: NativeRecord) -> bool:
    return False


_SHAPES: Final = {
    "user_prompt": EventShape(
        "user_prompt", (*_COMMON, *numbers(prompt_length="prompt_length"), ("prompt", "prompt", prompt_text))
    ),
    "tool_call": EventShape(
        "tool_result",
        (
            *_COMMON,
            *texts(tool_name="function_name", decision="decision"),
            ("success", "success", flag),
            *_ERROR,
            *numbers(duration_ms="duration_ms", tool_output_chars="content_length"),
        ),
        adjust=_add_tool,
    ),
    "api_request": EventShape("api_request", _COMMON, adjust=_drop),
    "api_response": EventShape(
        "api_request",
        (
            *_COMMON,
            *numbers(
                duration_ms="duration_ms",
                input_tokens="input_token_count",
                output_tokens="output_token_count",
                cache_read_tokens="cached_content_token_count",
                thoughts_tokens="thoughts_token_count",
            ),
        ),
        {"success": True},
    ),
    "api_error": EventShape(
        "api_error", (*_COMMON, *_ERROR, *numbers(duration_ms="duration_ms", status_code="status_code"))
    ),
    "chat_compression": EventShape(
        "compaction", (*_COMMON, *numbers(pre_tokens="tokens_before", post_tokens="tokens_after"))
    ),
    "agent.start": EventShape("subagent_start", _AGENT),
    "agent.finish": EventShape("subagent_stop", _AGENT),
    "plan.approval_mode_switch": EventShape(
        "permission_mode_changed", (*_COMMON, *texts(permission_mode="to_mode"), *extras("from_mode"))
    ),
    "config": EventShape("config", (*_COMMON, *texts(permission_mode="approval_mode"), *extras("sandbox_enabled"))),
    "slash_command": EventShape("slash_command", (*_COMMON, *texts(workflow="command"))),
}
_FORMAT: Final = OtlpFormat("gemini-cli", _PREFIX, _COMMON, _SHAPES)


def _recognises(record: RawRecord) -> bool:
    attributes = attributes_of(record)
    if carries_prefix(record, attributes, _PREFIX):
        return True
    return attributes.get("service_name") == _SERVICE and "event_name" in attributes


DECODER: Final = Decoder("gemini_otel", _recognises, _FORMAT.decode)
