"""One agent hook payload as one native event line. Standard library only: a hook must start in milliseconds.

What a person or a model wrote stays out: of a tool's arguments only those that rules need are kept, the others
leave a hash by which equal calls are recognised; of results and messages only the size; a prompt's text only
when asked for.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from analytics.long_text import DETAILS_CUT, shortened

Payload = Mapping[str, Any]
Line = dict[str, Any]

MAX_TEXT: Final = 256
"""Characters kept of names, ids and error classes."""
MAX_DETAIL: Final = 8192
"""Characters kept of a command, path, address or prompt; with it a line stays far below Loki's 256 KB.

Of a prompt those at its beginning; of the others those at the beginning and the end, and the line says what was cut."""

KEPT_ARGUMENTS: Final = ("command", "file_path", "notebook_path", "path", "url", "subagent_type")
"""The tool arguments that risk rules read; contents, patterns, queries and prompts are never kept."""
_DETAIL_OF: Final = {"command": "command", "file_path": "path", "notebook_path": "path", "path": "path", "url": "url"}
"""What the arguments are called where the line says what was cut."""

_EVENT_NAME: Final = ("hook_event_name", "hook_event_type", "hookEventName")
_SESSION_ID: Final = ("session_id", "sessionId")

HOOK_EVENTS: Final[dict[str, dict[str, Any]]] = {
    "SessionStart": {"event": "session_start"},
    "SessionEnd": {"event": "session_end"},
    "UserPromptSubmit": {"event": "user_prompt"},
    "PreToolUse": {"event": "tool_call"},
    "PostToolUse": {"event": "tool_result", "success": True},
    "PostToolUseFailure": {"event": "tool_result", "success": False},
    "PermissionDenied": {"event": "tool_decision", "decision": "reject", "decision_source": "config"},
    "PermissionRequest": {"event": "notification", "notification_type": "permission_request"},
    "Notification": {"event": "notification"},
    "Stop": {"event": "assistant_message"},
    "StopFailure": {"event": "api_error"},
    "SubagentStart": {"event": "subagent_start"},
    "SubagentStop": {"event": "subagent_stop"},
    "PreCompact": {"event": "compaction"},
}
"""What a hook event means, with the fields that follow from its name; other hooks keep their name."""

_TEXT_FIELDS: Final = {
    "permission_mode": "permission_mode",
    "tool_name": "tool_name",
    "tool_use_id": "tool_use_id",
    "model": "model",
    "prompt_id": "prompt_id",
    "agent_id": "agent_id",
    "agent_type": "persona",
    "source": "source",
    "reason": "reason",
    "trigger": "trigger",
    "notification_type": "notification_type",
    "command_name": "workflow",
}
"""Fields taken over as they are, and what they are called in the line."""


class UnusablePayloadError(ValueError):
    """A payload that is no hook's; the message says what is wrong and never repeats it."""


class Stamp(NamedTuple):
    """What the line says that the payload does not.

    Attributes:
        time_ns: when the hook ran, nanoseconds since the epoch.
        event_id: unique to the event, so that a line that arrives twice counts once.
        user_id: who runs the agent.
        keeps_prompt: whether a prompt's text may be kept.
    """

    time_ns: int
    event_id: str
    user_id: str
    keeps_prompt: bool = False


def native_line(payload: Any, stamp: Stamp) -> Line:
    """The native event line of a hook payload; raises ``UnusablePayloadError``."""
    if not isinstance(payload, Mapping):
        raise UnusablePayloadError("the hook payload is no JSON object")
    name = _first_text(payload, _EVENT_NAME)
    session_id = _first_text(payload, _SESSION_ID)
    if not name or not session_id:
        raise UnusablePayloadError("the hook payload has no session_id or no hook_event_name")
    line: Line = {
        "timestamp": timestamp(stamp.time_ns),
        "session_id": session_id,
        "agent": "claude-code",
        "user_id": stamp.user_id,
        "project": _text(payload.get("cwd"), MAX_DETAIL),
        "event_id": stamp.event_id,
        "effort": _effort(payload.get("effort")),
        "duration_ms": _number(payload.get("duration_ms")),
    }
    line.update((field, _text(payload.get(key))) for key, field in _TEXT_FIELDS.items())
    line.update(HOOK_EVENTS.get(name, {"event": _snake_case(name)}))
    line.update(_tool_fields(payload))
    line.update(_message_fields(payload, name, keeps_prompt=stamp.keeps_prompt))
    return {field: value for field, value in line.items() if value is not None and value != ""}


def timestamp(time_ns: int) -> str:
    """A time as RFC 3339 in UTC with milliseconds."""
    moment = datetime.fromtimestamp(time_ns // 1_000_000 / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def encode(line: Line) -> bytes:
    """The line as UTF-8 JSON without its newline; half of a character pair, which JSON may hold, becomes ``?``."""
    return json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _tool_fields(payload: Payload) -> Line:
    fields: Line = {}
    if "tool_input" in payload:
        given = payload["tool_input"]
        whole = _canonical(given)
        kept, cut = _kept_arguments(given) if isinstance(given, Mapping) else ({}, [])
        digest = hashlib.sha256(whole.encode("utf-8", "replace")).hexdigest()
        fields["tool_input"] = {**kept, "args_hash": digest[:16]}
        fields["tool_input_chars"] = len(whole)
        fields[DETAILS_CUT] = cut or None
    if "tool_response" in payload:
        fields["tool_output_chars"] = len(_canonical(payload["tool_response"]))
    return fields


def _kept_arguments(given: Payload) -> tuple[dict[str, str], list[str]]:
    """What is kept of a tool's arguments, and which details of it were cut."""
    kept, cut = {}, set()
    for name in KEPT_ARGUMENTS:
        if isinstance(given.get(name), str):
            kept[name], is_cut = shortened(given[name], MAX_DETAIL)
            if is_cut and name in _DETAIL_OF:
                cut.add(_DETAIL_OF[name])
    return kept, sorted(cut)


def _message_fields(payload: Payload, name: str, *, keeps_prompt: bool) -> Line:
    """Sizes of what was said, and why something failed."""
    fields: Line = {}
    prompt, message, error = (payload.get(key) for key in ("prompt", "last_assistant_message", "error"))
    if name == "UserPromptSubmit" and isinstance(prompt, str):
        fields["prompt_length"] = len(prompt)
        if keeps_prompt:
            fields["prompt"] = prompt[:MAX_DETAIL]
    if isinstance(message, str):
        fields["message_chars"] = len(message)
    if isinstance(error, str):
        fields["error"] = error.strip().partition("\n")[0][:MAX_TEXT]
    if payload.get("is_interrupt") is True:
        fields["failure_kind"] = "interrupted"
    return fields


def _canonical(value: Any) -> str:
    """A value as JSON with sorted keys, so that equal values give equal text."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _first_text(payload: Payload, names: tuple[str, ...]) -> str | None:
    return next((text for text in (_text(payload.get(name)) for name in names) if text), None)


def _text(value: Any, limit: int = MAX_TEXT) -> str | None:
    return value[:limit] if isinstance(value, str) else None


def _number(value: Any) -> float | None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return value if is_number and math.isfinite(value) and abs(value) < 2**53 else None


def _effort(value: Any) -> str | None:
    return _text(value.get("level")) if isinstance(value, Mapping) else _text(value)


def _snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
