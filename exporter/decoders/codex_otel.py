"""Codex CLI's OpenTelemetry events. Its log records have no body: the event's name is an attribute only.

What is not taken at its word:

- ``success`` of a tool result says that the call worked; whether the command did, only its output says, from which
  nothing but the exit code is read.
- The tool ``exec`` wraps other tools (``exec_command`` …), each of which writes its own decision and result. Those
  of the wrapper are dropped, so that one action counts once; a wrapper that called no tool leaves no trace.
- A reply of the model is ``sse_event`` with the kind ``response.completed``; other kinds are steps on the way.
  ``api_request`` and ``websocket_request`` count only where they failed, their success is that same reply.
- ``event_name`` may hold the source location Codex puts into the OTLP field EventName; then the attributes tell
  which event it is.
"""

from __future__ import annotations

from typing import Any, Final

from analytics.failures import failure_kind
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

_PREFIX: Final = "codex."
_SERVICE: Final = "codex"
_SCOPE: Final = "codex_otel.log_only"
_WRAPPER: Final = "exec"
_COMPLETED: Final = "response.completed"
_EXIT_CODE: Final = ("Process exited with code ", "Exit code: ")
_OUTPUT_BEGINS: Final = "\nOutput:"
_HEADER: Final = 4096
"""Characters of an output looked at for the exit code; it stands above the command's own words."""

_COMMON: Final[Rows] = (
    ("session_id", "conversation_id", text),
    ("agent_version", "app_version", text),
    ("agent_version", "service_version", text),
    ("user_id", "user_account_id", person),
    *RESOURCE,
)
_TOOL: Final[Rows] = (*_COMMON, *texts(tool_name="tool_name", tool_use_id="call_id"))
_REQUEST_ERROR: Final[Rows] = (
    *_COMMON,
    ("error", "error_message", first_line),
    *numbers(duration_ms="duration_ms", attempt="attempt", status_code="http_response_status_code"),
    ("success", "success", flag),
)
_TELLING: Final = (
    ("event_kind", "sse_event"),
    ("approval_policy", "conversation_starts"),
    ("decision", "tool_decision"),
    ("arguments", "tool_result"),
    ("output", "tool_result"),
    ("prompt_length", "user_prompt"),
)
"""Attributes that only one event has."""


def exit_code(output: Any) -> int | None:
    """The exit code in the header of a tool's output; None where it holds none."""
    if not isinstance(output, str):
        return None
    header = output[:_HEADER].partition(_OUTPUT_BEGINS)[0]
    for words in _EXIT_CODE:
        if words in header:
            for line in header.split("\n"):
                code = number(line.removeprefix(words)) if line.startswith(words) else None
                if isinstance(code, int):
                    return code
    return None


def _add_result(attributes: Attributes, native: NativeRecord) -> bool:
    if native.get("tool_name") == _WRAPPER:
        return False
    given, output = attributes.get("arguments"), attributes.get("output")
    arguments = json_object(given) or text(given)
    if arguments is not None:
        native["tool_input"] = arguments
    if isinstance(given, str):
        native["tool_input_chars"] = len(given)
    if isinstance(output, str):
        native["tool_output_chars"] = len(output)
    _add_mcp_name(attributes, native)
    code = exit_code(output)
    if code is not None and code != 0:
        native.update(success=False, error=f"exit_code:{code}")
    elif native.get("success") is False:
        native["failure_kind"] = failure_kind(first_line(output))
    return True


def _add_mcp_name(attributes: Attributes, native: NativeRecord) -> None:
    server, tool = text(attributes.get("mcp_server")), native.get("tool_name")
    if server is not None and tool is not None and not tool.startswith("mcp__"):
        native["tool_name"] = f"mcp__{server}__{tool}"


def _add_decision(_: Attributes, native: NativeRecord) -> bool:
    if native.get("tool_name") == _WRAPPER:
        return False
    decision = native.pop("decision", "")
    if decision.startswith("approved"):
        native["decision"] = "accept"
    elif decision.startswith(("denied", "abort")):
        native["decision"] = "reject"
    if "decision_source" in native:
        native["decision_source"] = native["decision_source"].lower()
    return True


def _add_reply(attributes: Attributes, native: NativeRecord) -> bool:
    """A finished reply is a request, an error is an error, anything else is dropped."""
    kind = attributes.get("event_kind")
    if "error" in native or kind == "response.failed":
        native["event"] = "api_error"
        return True
    native["success"] = True
    return bool(kind == _COMPLETED)


def _add_failed_request(_: Attributes, native: NativeRecord) -> bool:
    """Keep a request only where it failed; its status stands in for a missing error text."""
    success, status = native.pop("success", None), native.get("status_code")
    if "error" not in native and status is not None and status >= 400:
        native["error"] = f"http:{int(status)}"
    return success is False or "error" in native


_SHAPES: Final = {
    "conversation_starts": EventShape(
        "session_start",
        (
            *_COMMON,
            *texts(permission_mode="approval_policy", effort="reasoning_effort"),
            *extras("sandbox_policy", "provider_name", "mcp_servers"),
        ),
    ),
    "user_prompt": EventShape(
        "user_prompt", (*_COMMON, *numbers(prompt_length="prompt_length"), ("prompt", "prompt", prompt_text))
    ),
    "tool_decision": EventShape(
        "tool_decision", (*_TOOL, *texts(decision="decision", decision_source="source")), adjust=_add_decision
    ),
    "tool_result": EventShape(
        "tool_result",
        (
            *_TOOL,
            ("success", "success", flag),
            *numbers(duration_ms="duration_ms"),
        ),
        adjust=_add_result,
    ),
    "sse_event": EventShape(
        "api_request",
        (
            *_COMMON,
            ("error", "error_message", first_line),
            *numbers(
                duration_ms="duration_ms",
                input_tokens="input_token_count",
                output_tokens="output_token_count",
                cache_read_tokens="cached_token_count",
                cache_creation_tokens="cache_write_token_count",
                reasoning_tokens="reasoning_token_count",
                ttft_ms="ttft_ms",
            ),
        ),
        adjust=_add_reply,
    ),
    "api_request": EventShape("api_error", _REQUEST_ERROR, adjust=_add_failed_request),
    "websocket_request": EventShape("api_error", _REQUEST_ERROR, adjust=_add_failed_request),
    "sandbox_outcome": EventShape("sandbox_outcome", (*_TOOL, *extras("outcome"))),
}


def _guess_name(attributes: Attributes) -> str | None:
    return next((name for attribute, name in _TELLING if attribute in attributes), None)


_FORMAT: Final = OtlpFormat("codex", _PREFIX, _COMMON, _SHAPES, _guess_name)


def _recognises(record: RawRecord) -> bool:
    attributes = attributes_of(record)
    if carries_prefix(record, attributes, _PREFIX) or attributes.get("scope_name") == _SCOPE:
        return True
    service = attributes.get("service_name")
    return isinstance(service, str) and service.startswith(_SERVICE) and "event_name" in attributes


DECODER: Final = Decoder("codex_otel", _recognises, _FORMAT.decode)
