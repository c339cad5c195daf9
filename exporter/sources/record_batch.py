"""Records on their way from files to a ``Batch``: gathered across files, decoded by the format of their file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from analytics.events import EventTable
from analytics.intake import Intake, build_event_table
from exporter.decoders import decode_to_table, recognise
from exporter.decoders.decoder import Decoder, RawRecord
from exporter.sources.lines import JsonObject
from exporter.sources.source import Batch, Position
from exporter.sources.tail import Piece, ReadLimits

NATIVE: Final = "native"
"""Name of the decoder of native event lines; they need no decoding, so their records are taken as they are."""

RECORDS_TO_RECOGNISE: Final = 200
"""Records of a file that are looked at for its format; transcripts begin with bookkeeping that tells nothing."""

Recognise = Callable[[RawRecord], Decoder | None]
DecodeToTable = Callable[[Sequence[RawRecord], Decoder | None], Intake]


@dataclass(frozen=True, slots=True)
class Decoding:
    """What the decoders offer a source.

    Attributes:
        recognise: the decoder of a record's format, or None.
        decode: the table of some records; without a decoder each record is recognised by itself.
    """

    recognise: Recognise
    decode: DecodeToTable


ALL_DECODERS: Final = Decoding(recognise, decode_to_table)
"""The decoding of this project: every format of ``exporter.decoders``."""


class FileFormats:
    """The decoder of each file: the first record that is recognised decides for the whole file."""

    def __init__(self, decoding: Decoding) -> None:
        self._recognise = decoding.recognise
        self._decoders: dict[str, Decoder] = {}
        self._looked_at: Counter[str] = Counter()

    def decoder(self, name: str) -> Decoder | None:
        """A decoder met before, by name."""
        return self._decoders.get(name)

    def name_of(self, path: str, stored: str, records: Sequence[JsonObject]) -> str:
        """The name of a file's decoder, "" while none is known.

        Args:
            path: the file.
            stored: the name found earlier, "" if none was.
            records: the file's next records.
        """
        if stored == NATIVE or stored in self._decoders:
            return stored
        left = RECORDS_TO_RECOGNISE - self._looked_at[path]
        for record in records[:left]:
            self._looked_at[path] += 1
            decoder = self._recognise(RawRecord(record))
            if decoder is not None:
                del self._looked_at[path]
                self._decoders[decoder.name] = decoder
                return decoder.name
        return ""


class RecordBatch:
    """Gathers pieces of files until there are enough for one ``Batch``."""

    def __init__(self, decoding: Decoding, formats: FileFormats, limits: ReadLimits) -> None:
        self._decoding = decoding
        self._formats = formats
        self._limits = limits
        self._clear()

    def _clear(self) -> None:
        self._runs: list[tuple[str, list[JsonObject]]] = []
        self._dropped: Counter[str] = Counter()
        self._records = 0
        self._bytes = 0

    def add(self, piece: Piece, format_name: str) -> None:
        """Take in a piece of a file of that format; neighbours of one format are decoded together."""
        self._dropped.update(piece.dropped)
        self._records += len(piece.records)
        self._bytes += piece.size
        if not piece.records:
            return
        if self._runs and self._runs[-1][0] == format_name:
            self._runs[-1][1].extend(piece.records)
        else:
            self._runs.append((format_name, piece.records))

    def count_dropped(self, reason: str) -> None:
        """Count something that was lost with no piece to tell of it."""
        self._dropped[reason] += 1

    @property
    def is_full(self) -> bool:
        """Whether it must be finished before more is read."""
        return self._records >= self._limits.batch_records or self._bytes >= self._limits.batch_bytes

    @property
    def is_empty(self) -> bool:
        """Whether nothing new was read: no records and nothing to count. Blank lines may be read again."""
        return not (self._runs or self._dropped)

    def finish(self, position: Position, progress: float) -> Batch:
        """The batch of all that was gathered; gathering starts anew."""
        tables: list[EventTable] = []
        for format_name, records in self._runs:
            intake = self._decode(format_name, records)
            tables.append(intake.table)
            self._dropped.update(intake.dropped)
        batch = Batch(EventTable.concat(tables), position, self._dropped, progress)
        self._clear()
        return batch

    def _decode(self, format_name: str, records: list[JsonObject]) -> Intake:
        if format_name == NATIVE:
            return build_event_table(records, NATIVE)
        raw = [RawRecord(record) for record in records]
        return self._decoding.decode(raw, self._formats.decoder(format_name))
