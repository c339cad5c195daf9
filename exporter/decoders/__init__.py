"""Decoders: one file for each telemetry format, all yielding records in native form.

A format is added by writing its ``Decoder`` in a file of its own and listing it in ``DECODERS``. Decoders keep no
state and never raise anything but ``Undecodable``: telemetry is hostile input, so each value is looked at for its
kind before it is used (``values``). Formats that arrive as OTLP records share ``otlp``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from analytics.events import EventTable
from analytics.intake import Intake, build_event_table
from exporter.decoders import claude_hooks, claude_otel, claude_transcript, codex_otel, gemini_otel, native
from exporter.decoders.decoder import Decoder, NativeRecord, RawRecord, Undecodable

__all__ = ["DECODERS", "Decoded", "decode_records", "decode_to_table", "recognise"]

DECODERS: Final[tuple[Decoder, ...]] = (
    native.DECODER,
    claude_hooks.DECODER,
    claude_transcript.DECODER,
    claude_otel.DECODER,
    codex_otel.DECODER,
    gemini_otel.DECODER,
)
"""In order of recognition."""


@dataclass(frozen=True)
class Decoded:
    """What came of some records: native ones by the name of their decoder, each in the order read, and the rest.

    ``dropped`` counts by reason: the ``Undecodable`` ones, and ``unknown_format`` where no decoder fits.
    """

    by_source: dict[str, list[NativeRecord]] = field(default_factory=dict)
    dropped: Counter[str] = field(default_factory=Counter)


def recognise(record: RawRecord) -> Decoder | None:
    """The decoder of a record's format; None where no decoder knows it."""
    for decoder in DECODERS:
        if decoder.recognises(record):
            return decoder
    return None


def decode_records(records: Iterable[RawRecord], decoder: Decoder | None = None) -> Decoded:
    """Decode records, each by its own format unless a decoder is given."""
    decoded = Decoded()
    for record in records:
        if decoder is None and (own := native.whole(record)) is not None:
            decoded.by_source.setdefault(native.DECODER.name, []).append(own)
            continue
        chosen = decoder or recognise(record)
        if chosen is None:
            decoded.dropped["unknown_format"] += 1
            continue
        try:
            rows = decoded.by_source.setdefault(chosen.name, [])
            rows.extend(_identified(chosen.decode(record), record.identify))
        except Undecodable as refusal:
            decoded.dropped[refusal.reason] += 1
    return decoded


def _identified(rows: Iterable[NativeRecord], identify: Callable[[], str] | None) -> Iterator[NativeRecord]:
    """The rows, those without an id or a sequence of their own with the id of the record they come from."""
    for position, row in enumerate(rows):
        if identify is None or row.get("event_id") or row.get("sequence") is not None:
            yield row
        else:
            yield {**row, "event_id": f"{identify()}|{position}"}


def decode_to_table(records: Iterable[RawRecord], decoder: Decoder | None = None) -> Intake:
    """Decode records and bring them into one table, source by source, each in the order read."""
    decoded = decode_records(records, decoder)
    intakes = [build_event_table(rows, source) for source, rows in decoded.by_source.items()]
    dropped = Counter(decoded.dropped)
    for intake in intakes:
        dropped.update(intake.dropped)
    return Intake(EventTable.concat(intake.table for intake in intakes), dropped)
