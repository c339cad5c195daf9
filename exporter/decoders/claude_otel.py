"""Claude Code's own OpenTelemetry events, as they sit in Loki.

Claude Code writes no session start or end and no tool call; one use of a tool is a ``tool_decision`` followed, when
it was accepted, by a ``tool_result``. Arguments, error texts and the names of MCP tools need
``OTEL_LOG_TOOL_DETAILS``, prompts need ``OTEL_LOG_USER_PROMPTS``.
"""

from __future__ import annotations

from typing import Any, Final

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
from exporter.decoders.values import first_line, flag, json_object, number, person, prompt_text, text

_PREFIX: Final = "claude_code."
_SERVICES: Final = ("claude-code", "claude-code-desktop")
_SCOPE: Final = "com.anthropic.claude_code.events"
_NAMELESS_COMMANDS: Final = ("custom", "mcp")
"""What stands for a command's name while details are off; a prompt's text, where it is logged, knows better."""
_NO_ARGUMENTS: Final = (
    "bash_command",
    "full_command",
    "mcp_server_name",
    "mcp_tool_name",
    "git_commit_id",
    "git_branch",
)
"""Tool parameters that are no arguments of the call; ``full_command`` is kept as ``command``."""


def _first_path(value: Any) -> str | None:
    """The first of the workspace's folders, which Loki holds as JSON text."""
    if isinstance(value, str) and value.startswith("["):
        paths = json_object(f'{{"paths":{value}}}')
        value = paths["paths"] if paths else None
    if isinstance(value, list):
        value = value[0] if value else None
    return value if isinstance(value, str) and value else None


_COMMON: Final[Rows] = (
    ("session_id", "session_id", text),
    ("agent_version", "service_version", text),
    ("agent_version", "app_version", text),
    ("user_id", "user_account_uuid", person),
    ("user_id", "user_id", person),
    ("project", "workspace_host_paths", _first_path),
    ("project", "vcs_repository_name", text),
    ("sequence", "event_sequence", number),
    *RESOURCE,
)
_TOOL: Final[Rows] = (*_COMMON, *texts(tool_name="tool_name", tool_use_id="tool_use_id"))
_REQUEST: Final[Rows] = (
    *_COMMON,
    *texts(effort="effort", persona="agent_name", workflow="skill_name"),
    *numbers(duration_ms="duration_ms"),
    *extras("query_source", "speed"),
)
_ERROR: Final[Rows] = (("error", "error", first_line), ("error", "error_type", text))


def _add_prompt(_: Attributes, native: NativeRecord) -> bool:
    if "prompt" in native and native.get("workflow") in _NAMELESS_COMMANDS:
        del native["workflow"]
    return True


def _add_arguments(attributes: Attributes, native: NativeRecord) -> bool:
    """Arguments and the MCP tool's name; a shell command in full, which ``tool_input`` cuts."""
    given, parameters = attributes.get("tool_input"), json_object(attributes.get("tool_parameters"))
    if given is None and parameters is None:
        return True
    arguments = json_object(given)
    if parameters is not None:
        command = text(parameters.get("full_command")) or text(parameters.get("bash_command"))
        if arguments is None:
            arguments = {name: value for name, value in parameters.items() if name not in _NO_ARGUMENTS}
        if command is not None:
            arguments = {**arguments, "command": command}
        server, tool = text(parameters.get("mcp_server_name")), text(parameters.get("mcp_tool_name"))
        if server is not None and tool is not None:
            native["tool_name"] = f"mcp__{server}__{tool}"
    if arguments:
        native["tool_input"] = arguments
    elif text(given) is not None:
        native["tool_input"] = given
    return True


_SHAPES: Final = {
    "user_prompt": EventShape(
        "user_prompt",
        (
            *_COMMON,
            *numbers(prompt_length="prompt_length"),
            ("prompt", "prompt", prompt_text),
            *texts(workflow="command_name"),
            *extras("command_source"),
        ),
        adjust=_add_prompt,
    ),
    "assistant_response": EventShape("assistant_message", (*_COMMON, *numbers(message_chars="response_length"))),
    "tool_decision": EventShape(
        "tool_decision", (*_TOOL, *texts(decision="decision", decision_source="source")), adjust=_add_arguments
    ),
    "tool_result": EventShape(
        "tool_result",
        (
            *_TOOL,
            ("success", "success", flag),
            *_ERROR,
            *texts(decision_source="decision_source"),
            *numbers(
                duration_ms="duration_ms",
                tool_input_chars="tool_input_size_bytes",
                tool_output_chars="tool_result_size_bytes",
            ),
        ),
        adjust=_add_arguments,
    ),
    "api_request": EventShape(
        "api_request",
        (
            *_REQUEST,
            *numbers(
                cost_usd="cost_usd",
                input_tokens="input_tokens",
                output_tokens="output_tokens",
                cache_read_tokens="cache_read_tokens",
                cache_creation_tokens="cache_creation_tokens",
            ),
        ),
        {"success": True},
    ),
    "api_error": EventShape("api_error", (*_REQUEST, *_ERROR, *numbers(status_code="status_code", attempt="attempt"))),
    "api_refusal": EventShape(
        "api_error", (*_REQUEST, *numbers(attempt="attempt"), *extras("category")), {"error": "refusal"}
    ),
    "compaction": EventShape(
        "compaction",
        (
            *_COMMON,
            ("success", "success", flag),
            *_ERROR,
            *numbers(duration_ms="duration_ms", pre_tokens="pre_tokens", post_tokens="post_tokens"),
            *extras("trigger"),
        ),
    ),
    "subagent_completed": EventShape(
        "subagent_stop",
        (
            *_COMMON,
            *texts(persona="agent_type"),
            *numbers(duration_ms="duration_ms", total_tokens="total_tokens", total_tool_uses="total_tool_uses"),
        ),
    ),
    "permission_mode_changed": EventShape(
        "permission_mode_changed", (*_COMMON, *texts(permission_mode="to_mode"), *extras("from_mode", "trigger"))
    ),
    "skill_activated": EventShape(
        "skill_activated", (*_COMMON, ("workflow", "skill_name", text), *extras("invocation_trigger", "skill_source"))
    ),
    "mcp_server_connection": EventShape(
        "mcp_server_connection",
        (*_COMMON, *numbers(duration_ms="duration_ms"), *extras("status", "transport_type", "error_code")),
    ),
    "auth": EventShape("auth", (*_COMMON, ("success", "success", flag), *extras("action", "auth_method"))),
}
_FORMAT: Final = OtlpFormat("claude-code", _PREFIX, _COMMON, _SHAPES)


def _recognises(record: RawRecord) -> bool:
    attributes = attributes_of(record)
    if carries_prefix(record, attributes, _PREFIX) or attributes.get("scope_name") == _SCOPE:
        return True
    return attributes.get("service_name") in _SERVICES and "event_name" in attributes


DECODER: Final = Decoder("claude_otel", _recognises, _FORMAT.decode)
