"""OTLP log records as Loki keeps them, and the table-driven way from their attributes to a native record.

Loki writes an OTLP record as a line (the body) with labels and structured metadata, all of them text, dots turned
into underscores. A collector's old ``loki`` exporter writes a JSON line instead, with ``body``, ``attributes`` and
``resources``; ``attributes_of`` folds it into the same form. A name that ends in ``_extracted`` repeats another one
and is never read.

A record's time is the entry's: Loki bounds it when it takes a record in, the time among the attributes is
whatever a client wrote and serves only where there is no entry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from exporter.decoders.decoder import NativeRecord, RawRecord, Undecodable
from exporter.decoders.rows import Rows, read_rows
from exporter.decoders.values import as_object, first_text, json_object, text, unix_seconds

Attributes = Mapping[str, Any]
Adjust = Callable[[Attributes, NativeRecord], bool]
"""Completes a native record from the attributes; False drops it."""

RESOURCE: Final[Rows] = (
    ("team", "team_id", text),
    ("team", "team", text),
    ("team", "team_name", text),
    ("model", "model", text),
)
"""What any agent's records may carry."""

_LEGACY_FIELDS: Final = ("attributes", "resources", "attributes_event_name", "attributes_session_id")
_COLLISION: Final = "event "
"""How the OTLP field EventName begins where it has hidden the attribute ``event.name``."""


@dataclass(frozen=True, slots=True)
class EventShape:
    """How one event of an agent becomes a native one.

    Attributes:
        name: the native event.
        rows: where its fields come from.
        fixed: fields that follow from the event's name.
        adjust: what a table cannot say.
    """

    name: str
    rows: Rows
    fixed: Mapping[str, Any] = field(default_factory=dict)
    adjust: Adjust | None = None


@dataclass(frozen=True, slots=True)
class OtlpFormat:
    """One agent's OTLP records.

    Attributes:
        agent: value of the ``agent`` field.
        prefix: what its event names may begin with.
        rows: fields that any of its events may have.
        shapes: by bare event name; an event that is not listed keeps its bare name and the fields of ``rows``.
        guess_name: finds the event's name from its attributes where nothing names it.
    """

    agent: str
    prefix: str
    rows: Rows
    shapes: Mapping[str, EventShape]
    guess_name: Callable[[Attributes], str | None] = lambda _: None

    def decode(self, record: RawRecord) -> Iterator[NativeRecord]:
        """The record in native form; nothing where its shape drops it.

        Raises:
            Undecodable: ``missing_event``, ``missing_session_id`` or ``missing_timestamp``.
        """
        attributes = attributes_of(record)
        name = bare_name(record, attributes, self.prefix) or self.guess_name(attributes)
        if name is None:
            raise Undecodable("missing_event")
        shape = self.shapes.get(name) or EventShape(name, self.rows)
        native = read_rows(attributes, shape.rows)
        if "session_id" not in native:
            raise Undecodable("missing_session_id")
        native["event"] = shape.name
        native["agent"] = self.agent
        native["timestamp"] = event_time(record, attributes)
        native.update(shape.fixed)
        if shape.adjust is not None and not shape.adjust(attributes, native):
            return iter(())
        add_event_id(record, attributes, native)
        return iter((native,))


def is_legacy(fields: Attributes) -> bool:
    """Whether a record has the form of the collector's old ``loki`` exporter."""
    return any(name in fields for name in _LEGACY_FIELDS)


def attributes_of(record: RawRecord) -> Attributes:
    """A record's attributes under the names Loki gives them; attributes win over those of the resource."""
    fields = record.fields
    if record.line or not is_legacy(fields):
        return fields
    folded: dict[str, Any] = dict(record.labels)
    for part in ("resources", "attributes"):
        start = part + "_"
        folded.update((key.removeprefix(start), value) for key, value in fields.items() if key.startswith(start))
        nested = json_object(fields.get(part)) or {}
        folded.update((key.replace(".", "_"), value) for key, value in nested.items())
    return folded


def body_of(record: RawRecord) -> str:
    """The record's body: the line, or what the legacy form holds of it."""
    if record.line:
        return record.line
    body = record.fields.get("body")
    return body if isinstance(body, str) else text(as_object(body).get("stringValue")) or ""


def bare_name(record: RawRecord, attributes: Attributes, prefix: str) -> str | None:
    """The event's name without the agent's prefix: of the attribute, else of the body; None when nothing names it."""
    name = attributes.get("event_name")
    if isinstance(name, str) and name and not name.startswith(_COLLISION):
        return name.removeprefix(prefix) or None
    body = body_of(record)
    if body.startswith(prefix) and len(body) < 100:
        return body.removeprefix(prefix).strip() or None
    return None


def carries_prefix(record: RawRecord, attributes: Attributes, prefix: str) -> bool:
    """Whether the event's name or the body begins with an agent's prefix."""
    name = attributes.get("event_name")
    return (isinstance(name, str) and name.startswith(prefix)) or body_of(record).startswith(prefix)


def event_time(record: RawRecord, attributes: Attributes) -> float | str:
    """When it happened, in a form of the native ``timestamp``; raises ``Undecodable``."""
    if record.time_ns is not None:
        return unix_seconds(record.time_ns)
    stamp = text(attributes.get("event_timestamp"))
    if stamp is None:
        raise Undecodable("missing_timestamp")
    return stamp


def add_event_id(record: RawRecord, attributes: Attributes, native: NativeRecord) -> None:
    """Name the event uniquely, so that it counts once however often it is read.

    The emitter's sequence alone would not do: it counts per process and begins anew in a resumed session. An event
    that has neither a sequence nor the id of a tool use, request or message gets no id, because two of them in one
    millisecond could not be told apart.
    """
    sequence, tool_use_id = native.get("sequence"), native.get("tool_use_id")
    other = first_text(attributes, ("request_id", "message_uuid"))
    if sequence is None and tool_use_id is None and other is None:
        return
    when = native["timestamp"] if record.time_ns is None else record.time_ns
    native["event_id"] = f"{native['session_id']}|{when}|{native['event']}|{sequence}|{tool_use_id}|{other}"
