"""Native event lines: the local log, the simulator, the hook, and agents without a decoder of their own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from exporter.decoders.decoder import Decoder, NativeRecord, RawRecord
from exporter.decoders.hook_events import HOOK_EVENTS
from exporter.decoders.values import unix_seconds

_HOOK_NAMES: Final = ("hook_event_name", "hook_event_type", "hookEventName")


def whole(record: RawRecord) -> NativeRecord | None:
    """The record's object where that is a native event as it stands, with a session, a time and an order of its own.

    Most are, and need neither to be tried for every format nor to be completed.
    """
    fields = record.fields
    get = fields.get
    event = get("event")
    is_whole = (
        isinstance(event, str)
        and get("session_id") is not None
        and get("timestamp") is not None
        and get("sequence") is not None
        and event not in HOOK_EVENTS
        and not record.line
        and fields.keys().isdisjoint(_HOOK_NAMES)
    )
    return fields if is_whole and isinstance(fields, dict) else None


def _recognises(record: RawRecord) -> bool:
    """An ``event`` that is no hook's; a line that lacks anything else is still native, and counted as such."""
    fields = record.fields
    event = fields.get("event")
    if record.line or not isinstance(event, str) or event in HOOK_EVENTS:
        return False
    return not any(name in fields for name in _HOOK_NAMES)


def _decode(record: RawRecord) -> Iterator[NativeRecord]:
    """The very object of the line; a copy only where the entry knows the session or time that the line lacks."""
    fields = record.fields
    native: NativeRecord = fields if isinstance(fields, dict) else dict(fields)
    missing: dict[str, Any] = {}
    if native.get("timestamp") is None and record.time_ns is not None:
        missing["timestamp"] = unix_seconds(record.time_ns)
    if native.get("session_id") is None and "session_id" in record.labels:
        missing["session_id"] = record.labels["session_id"]
    return iter(({**native, **missing} if missing else native,))


DECODER: Final = Decoder("native", _recognises, _decode)
