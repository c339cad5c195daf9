"""Loki as a source: back-fill at the first start, then what is new, late entries included, each entry once.

The position is ``{"selectors": {selector: cursor}}``, see ``exporter.loki.cursor``. A selector that is no longer
configured is forgotten. An entry that two selectors match is delivered by both.
"""

from __future__ import annotations

import contextlib
import heapq
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Final

import orjson

from analytics.intake import Intake
from exporter.decoders.decoder import RawRecord
from exporter.loki.cursor import Cursor
from exporter.loki.entry import LokiEntry
from exporter.loki.errors import LokiError
from exporter.loki.paging import PageReader, read_span
from exporter.loki.settings import LokiSettings
from exporter.loki.slices import ReadAhead, ReadSlice, Slice, read_slices
from exporter.sources.source import Batch, Position, SourceError

BATCH_ENTRIES: Final = 20_000
"""Entries in a batch, about; one takes some 3 KB, and a batch for each thread may be waiting."""

Decode = Callable[[Sequence[RawRecord]], Intake]
Cursors = dict[str, Cursor]
_ENTRY_TIME: Final = itemgetter(0)


class LokiSource:
    """Reads the log lines of some selectors; an ``exporter.sources.source.Source``.

    Args:
        client: reads pages; shared by the threads of a read.
        settings: selectors, lookback, overlap, slices, threads.
        decode: turns records into events.
        batch_entries: entries in a batch, about.
    """

    name = "loki"

    def __init__(
        self, client: PageReader, settings: LokiSettings, decode: Decode, batch_entries: int = BATCH_ENTRIES
    ) -> None:
        self._client = client
        self._settings = settings
        self._decode = decode
        self._batch_entries = batch_entries
        self._overlap_ns = _nanoseconds(settings.overlap_seconds)

    @property
    def problems(self) -> tuple[str, ...]:
        """None: what Loki cannot do is an error of the read."""
        return ()

    def close(self) -> None:
        """Close the client's connections, where it has any."""
        self._client.close()

    def read(self, position: Position, now_ns: int) -> Iterator[Batch]:
        """Yield what is new before ``now_ns``, oldest first; entries dated later are left for a later read.

        A stretch without entries that is longer than a slice is left behind by a batch without events.

        Raises:
            SourceError: Loki cannot be read, or the position is not this source's; batches yielded before stand.
        """
        stored = _stored_cursors(position)
        lookback_ns = now_ns - _nanoseconds(self._settings.lookback_seconds)
        reading = _Reading(
            {
                selector: stored.get(selector, Cursor.at(lookback_ns)).held_back(now_ns)
                for selector in self._settings.selectors
            }
        )
        starts = {
            selector: max(lookback_ns, cursor.start_ns(self._overlap_ns))
            for selector, cursor in reading.cursors.items()
        }
        span = (min(starts.values()), now_ns)
        try:
            with contextlib.closing(read_slices(self._slice_reader(starts), span, self._read_ahead())) as slices:
                for found in slices:
                    if reading.entries and len(reading.entries) + len(found) > self._batch_entries:
                        yield self._batch(reading, span)
                    reading.add(found, self._overlap_ns)
        except LokiError as error:
            if reading.entries:
                yield self._batch(reading, span)
            raise SourceError(str(error)) from error
        if reading.entries or self._has_moved(stored, reading.cursors):
            yield self._batch(reading, span)

    def _slice_reader(self, starts: Mapping[str, int]) -> ReadSlice:
        """A function that reads all selectors between two times, each from its own start on."""
        budget = max(1, self._batch_entries // len(starts))

        def read_slice(start_ns: int, end_ns: int) -> Slice:
            entries: dict[str, list[LokiEntry]] = {}
            for selector, first_ns in starts.items():
                span = (max(start_ns, first_ns), end_ns)
                entries[selector], end_ns = read_span(self._client, selector, span, budget)
            return Slice(
                {selector: [entry for entry in found if entry.time_ns < end_ns] for selector, found in entries.items()},
                end_ns,
            )

        return read_slice

    def _read_ahead(self) -> ReadAhead:
        longest_ns = _nanoseconds(self._settings.slice_seconds)
        return ReadAhead(self._settings.threads, longest_ns, plenty=self._batch_entries)

    def _batch(self, reading: _Reading, span: tuple[int, int]) -> Batch:
        """What has been read since the last batch, decoded."""
        intake = self._decode([raw_record(entry) for entry in reading.take()])
        position = {"selectors": {selector: cursor.to_json() for selector, cursor in reading.cursors.items()}}
        length_ns = span[1] - span[0]
        progress = (reading.reached_ns - span[0]) / length_ns if length_ns > 0 else 1.0
        return Batch(intake.table, position, intake.dropped, progress=min(1.0, max(0.0, progress)))

    def _has_moved(self, stored: Cursors, cursors: Cursors) -> bool:
        """Whether a position without events is worth storing, so that its stretch is not read again each time."""
        slice_ns = _nanoseconds(self._settings.slice_seconds)
        return any(
            selector not in stored or not 0 <= cursor.through_ns - stored[selector].through_ns <= slice_ns
            for selector, cursor in cursors.items()
        )


@dataclass(slots=True)
class _Reading:
    """Where a read stands: cursors, the time all of them have reached, and the entries not yet in a batch."""

    cursors: Cursors
    reached_ns: int = 0
    entries: list[LokiEntry] = field(default_factory=list)

    def add(self, found: Slice, overlap_ns: int) -> None:
        """Take over a slice, without the entries read before."""
        fresh = {selector: self.cursors[selector].fresh(entries) for selector, entries in found.entries.items()}
        self.entries.extend(heapq.merge(*fresh.values(), key=_ENTRY_TIME))
        self.cursors = {
            selector: cursor.advanced(fresh[selector], found.reached_ns, overlap_ns)
            for selector, cursor in self.cursors.items()
        }
        self.reached_ns = found.reached_ns

    def take(self) -> list[LokiEntry]:
        """Hand over the entries."""
        entries, self.entries = self.entries, []
        return entries


def raw_record(entry: LokiEntry) -> RawRecord:
    """An entry as decoders take it: a JSON line by its object, any other line by labels and metadata."""
    if entry.line.startswith("{"):
        try:
            document = orjson.loads(entry.line)
        except orjson.JSONDecodeError:  # a cut or broken line: the decoders count it
            document = None
        if isinstance(document, dict):
            return RawRecord(document, "", entry.time_ns, entry.attributes)
    return RawRecord(entry.attributes, entry.line, entry.time_ns)


def _stored_cursors(position: Position) -> Cursors:
    """The cursors of a position; none before the first read."""
    if not position:
        return {}
    try:
        return {selector: Cursor.from_json(cursor) for selector, cursor in position["selectors"].items()}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise SourceError(
            "state: the position of the source loki cannot be read; delete it to read the lookback again"
        ) from error


def _nanoseconds(seconds: float) -> int:
    return round(seconds * 1_000_000_000)
