"""Claude Code's session transcripts: ``~/.claude/projects/**/*.jsonl``, one JSON object a line.

An ``assistant`` record is one content block of a model reply and repeats the reply's ``usage``, so every block yields
an ``api_request`` with the event id ``message:<id>``; of the events that share an id one is kept later, which makes
one request a reply. Its output tokens are often an early streaming value: a lower bound.

Event ids come from the record's ``uuid`` and the block's number, because resuming and forking copy records into
further files. A sub-agent's records (``isSidechain``) are a session of their own with the ``parent_session_id``. A
transcript names no user, and a tool result not its tool.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from exporter.decoders.decoder import Decoder, NativeRecord, RawRecord, Undecodable
from exporter.decoders.rows import Rows, read_rows, texts
from exporter.decoders.transcript_blocks import assistant_events, system_events, user_events
from exporter.decoders.values import text, unix_seconds

Fields = Mapping[str, Any]

_EVENTS: Final = {"user": user_events, "assistant": assistant_events, "system": system_events}
_BOOKKEEPING: Final = frozenset(
    (
        "progress", "summary", "file-history-snapshot", "queue-operation", "pr-link", "attachment", "last-prompt",
        "ai-title", "custom-title", "agent-name", "permission-mode",
    )
)  # fmt: skip
"""Types that tell of no event."""
_COMMON: Final[Rows] = texts(project="cwd", agent_version="version", permission_mode="permissionMode")


def _recognises(record: RawRecord) -> bool:
    fields = record.fields
    kind = fields.get("type")
    if record.line or not isinstance(kind, str):
        return False
    if kind in _BOOKKEEPING:
        return "sessionId" in fields or "leafUuid" in fields or "messageId" in fields
    return "sessionId" in fields and ("uuid" in fields or "message" in fields)


def _decode(record: RawRecord) -> Iterator[NativeRecord]:
    fields = record.fields
    kind = fields.get("type")
    if not isinstance(kind, str):
        raise Undecodable("unknown_record")
    if kind in _BOOKKEEPING:
        return iter(())
    read_events = _EVENTS.get(kind)
    if read_events is None:
        raise Undecodable("unknown_record")
    common = {**_session(fields), "timestamp": _timestamp(record), "agent": "claude-code"}
    common.update(read_rows(fields, _COMMON))
    return iter([{**common, **event} for event in read_events(fields)])


def _session(fields: Fields) -> NativeRecord:
    session_id = text(fields.get("sessionId"))
    if session_id is None:
        raise Undecodable("missing_session_id")
    if fields.get("isSidechain") is not True:
        return {"session_id": session_id}
    return {
        "session_id": f"{session_id}/{text(fields.get('agentId')) or 'sidechain'}",
        "parent_session_id": session_id,
    }


def _timestamp(record: RawRecord) -> float | str:
    stamp = text(record.fields.get("timestamp"))
    if stamp is not None:
        return stamp
    if record.time_ns is None:
        raise Undecodable("missing_timestamp")
    return unix_seconds(record.time_ns)


DECODER: Final = Decoder("claude_transcript", _recognises, _decode)
