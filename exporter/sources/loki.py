"""Loki as a source: back-fill at the first start, then what is new, late entries included, each entry once.

The position is ``{"selectors": {selector: cursor}, "ledgers": {selector: ledger}}``, see ``exporter.loki.cursor`` and
``exporter.loki.ledger``. A selector that is no longer configured is forgotten, and so are all when the ``shard``
changes; where another takes the place of one that was forgotten, the lookback is read again, and up to
``repeats_until_ns`` the batches say so. An entry that two selectors match is delivered by both, and its events are
known by their ids the second time.
"""

from __future__ import annotations

import contextlib
import heapq
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from operator import itemgetter
from typing import Final

from analytics.intake import Intake
from exporter.decoders.decoder import RawRecord
from exporter.garbage_collection import made_at_rest
from exporter.loki.cursor import Cursor
from exporter.loki.entry import LokiEntry
from exporter.loki.errors import LokiError
from exporter.loki.ledger import Ledger
from exporter.loki.paging import PageReader, read_span
from exporter.loki.settings import LokiSettings
from exporter.loki.slices import ReadAhead, ReadSlice, Slice, read_slices
from exporter.loki.turns import short_turns
from exporter.shards import WHOLE, Shard
from exporter.sources.late_entries import LateEntries, ReadAgain
from exporter.sources.loki_record import raw_record
from exporter.sources.source import Batch, Position, SourceError

logger = logging.getLogger(__name__)

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
        shard: what part of the entries' sessions ``decode`` keeps.
    """

    name = "loki"

    def __init__(
        self,
        client: PageReader,
        settings: LokiSettings,
        decode: Decode,
        batch_entries: int = BATCH_ENTRIES,
        shard: Shard = WHOLE,
    ) -> None:
        self._client = client
        self._settings = settings
        self._decode = decode
        self._batch_entries = batch_entries
        self._shard = shard
        self._overlap_ns = _nanoseconds(settings.overlap_seconds)
        self._late = LateEntries(client, settings, batch_entries)
        self._skipped: tuple[str, ...] = ()

    @property
    def problems(self) -> tuple[str, ...]:
        """Stretches that are too old to be read, entries that vanished, and why late ones cannot be looked for."""
        return (*self._skipped, *self._late.problems)

    def close(self) -> None:
        """Close the client's connections, where it has any."""
        self._client.close()

    def read(self, position: Position, now_ns: int) -> Iterator[Batch]:
        """Yield what is new before ``now_ns``, oldest first; entries dated later are left for a later read.

        Now and then what reached Loki hours late comes first, and what came too late is counted. A stretch without
        entries that is longer than a slice is left behind by a batch without events.

        Raises:
            SourceError: Loki cannot be read, or the position is not this source's; batches yielded before stand.
        """
        return made_at_rest(self._batches(position, now_ns))

    def _batches(self, position: Position, now_ns: int) -> Iterator[Batch]:
        stored, ledgers = _stored_cursors(position)
        repeats_until_ns = self._repeats_until(position, stored)
        if not self._is_of_this_shard(position):
            stored, ledgers = {}, {}
        lookback_ns = now_ns - _nanoseconds(self._settings.lookback_seconds)
        self._tell_skipped(stored, lookback_ns)
        reading = _Reading.resumed(self._settings, stored, ledgers, (lookback_ns, now_ns))
        reading.repeats_until_ns, reading.shard = repeats_until_ns, self._shard
        starts = {name: max(lookback_ns, begin_ns) for name, begin_ns in reading.starts(self._overlap_ns).items()}
        span = (min(starts.values()), now_ns)
        try:
            for again in self._late.read(reading.ledgers, reading.starts(self._overlap_ns), now_ns):
                yield self._late_batch(reading, again)
            reading.skip_to(lookback_ns)
            pieces = read_slices(self._slice_reader(starts), span, self._read_ahead())
            with short_turns(), contextlib.closing(pieces) as slices:
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

    def _is_of_this_shard(self, position: Position) -> bool:
        return position.get("shard", str(WHOLE)) == str(self._shard)

    def _repeats_until(self, position: Position, stored: Cursors) -> int:
        """The time up to which what is forgotten now has read, where something else begins; 0 where all goes on."""
        kept = stored.keys() & set(self._settings.selectors) if self._is_of_this_shard(position) else set()
        unfinished = int(position.get("repeats_until_ns", 0))
        if len(kept) == len(self._settings.selectors):
            return unfinished
        return max([unfinished, *(cursor.through_ns for name, cursor in stored.items() if name not in kept)])

    def _tell_skipped(self, stored: Cursors, lookback_ns: int) -> None:
        """Say which stretch is lost because nobody read it within the lookback.

        A position lags by up to a slice behind what was found empty.
        """
        through_ns = min((stored[name].through_ns for name in self._settings.selectors if name in stored), default=0)
        self._skipped = ()
        if 0 < through_ns < lookback_ns - _nanoseconds(self._settings.slice_seconds):
            gap = f"between {_rfc3339(through_ns)} and {_rfc3339(lookback_ns)}"
            self._skipped = (f"loki: what it holds {gap} is not read; raise sources.loki.lookback to have it",)
            logger.warning("%s", self._skipped[0])

    def _late_batch(self, reading: _Reading, again: ReadAgain) -> Batch:
        """An hour read again, or what was lost; what cannot be used of the hour was counted the first time."""
        reading.ledgers[again.selector] = again.ledger
        intake = self._decode([raw_record(entry) for entry in again.entries])
        return Batch(intake.table, reading.position(), again.dropped, progress=0.0, is_repeated=True)

    def _slice_reader(self, starts: Mapping[str, int]) -> ReadSlice:
        """A function that reads all selectors between two times, each from its own start on."""
        budget = self._slice_entries

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
        """As many entries as there are threads for batches, read in slices of a page for each selector."""
        longest_ns, threads = _nanoseconds(self._settings.slice_seconds), self._settings.threads
        plenty = self._slice_entries * len(self._settings.selectors)
        return ReadAhead(threads, longest_ns, plenty, waiting=max(threads, threads * self._batch_entries // plenty))

    @property
    def _slice_entries(self) -> int:
        """Entries of a selector at which a slice stops: of more than a page, Loki would read the rest again."""
        return max(1, min(self._settings.page_limit, self._batch_entries // len(self._settings.selectors)))

    def _batch(self, reading: _Reading, span: tuple[int, int]) -> Batch:
        """What has been read since the last batch, decoded."""
        is_repeated = reading.is_repeating
        intake = self._decode([raw_record(entry) for entry in reading.take()])
        length_ns = span[1] - span[0]
        progress = (reading.reached_ns - span[0]) / length_ns if length_ns > 0 else 1.0
        progress = min(1.0, max(0.0, progress))
        return Batch(intake.table, reading.position(), intake.dropped, progress, is_repeated)

    def _has_moved(self, stored: Cursors, cursors: Cursors) -> bool:
        """Whether a position without events is worth storing, so that its stretch is not read again each time."""
        slice_ns = _nanoseconds(self._settings.slice_seconds)
        return any(
            selector not in stored or not 0 <= cursor.through_ns - stored[selector].through_ns <= slice_ns
            for selector, cursor in cursors.items()
        )


@dataclass(slots=True)
class _Reading:
    """Where a read stands: cursors, ledgers, the time all cursors have reached, and the entries not yet in a batch.

    Attributes:
        taken_ns: the time reached when entries were last put into a batch.
        repeats_until_ns: before it, selectors that are forgotten now may have delivered the same entries.
        shard: whose entries they are.
    """

    cursors: Cursors
    ledgers: dict[str, Ledger]
    counted_ns: int
    reached_ns: int = 0
    taken_ns: int = 0
    repeats_until_ns: int = 0
    shard: Shard = WHOLE
    entries: list[LokiEntry] = field(default_factory=list)

    @property
    def is_repeating(self) -> bool:
        """Whether the entries not yet in a batch begin where others have read before."""
        return self.taken_ns < self.repeats_until_ns

    @classmethod
    def resumed(
        cls, settings: LokiSettings, stored: Cursors, ledgers: Mapping[str, Ledger], span: tuple[int, int]
    ) -> _Reading:
        """Selectors as they stood; new ones begin at the first time of the span, none is ahead of the second."""
        begin_ns, now_ns = span
        reading = cls({}, {}, _nanoseconds(settings.counted_seconds))
        for selector in settings.selectors:
            cursor = stored.get(selector, Cursor.at(begin_ns))
            reading.cursors[selector] = cursor.held_back(now_ns)
            fresh = Ledger(min(cursor.through_ns, now_ns))
            is_ahead = cursor.through_ns > now_ns  # the clock was set back: what follows is counted anew
            reading.ledgers[selector] = fresh if is_ahead else ledgers.get(selector, fresh)
        return reading

    def starts(self, overlap_ns: int) -> dict[str, int]:
        """Where each selector is read on, which is as far as it is known to the end."""
        return {selector: cursor.start_ns(overlap_ns) for selector, cursor in self.cursors.items()}

    def skip_to(self, begin_ns: int) -> None:
        """Count anew from there where a stretch before it is left out, or it would seem to have grown."""
        for selector, cursor in self.cursors.items():
            if cursor.through_ns < begin_ns:
                self.ledgers[selector] = Ledger(begin_ns)

    def position(self) -> Position:
        """What to store with the events read so far."""
        position: Position = {
            "selectors": {selector: cursor.to_json() for selector, cursor in self.cursors.items()},
            "ledgers": {selector: ledger.to_json() for selector, ledger in self.ledgers.items()},
        }
        if self.is_repeating:
            position["repeats_until_ns"] = self.repeats_until_ns
        if not self.shard.is_whole:
            position["shard"] = str(self.shard)
        return position

    def add(self, found: Slice, overlap_ns: int) -> None:
        """Take over a slice, without the entries read before."""
        fresh = {selector: self.cursors[selector].fresh(entries) for selector, entries in found.entries.items()}
        parts = list(fresh.values())
        self.entries.extend(parts[0] if len(parts) == 1 else heapq.merge(*parts, key=_ENTRY_TIME))
        self.cursors = {
            selector: cursor.advanced(fresh[selector], found.reached_ns, overlap_ns)
            for selector, cursor in self.cursors.items()
        }
        for selector, entries in fresh.items():
            ledger = self.ledgers[selector].with_read(entries)
            self.ledgers[selector] = ledger.from_then(found.reached_ns - overlap_ns - self.counted_ns)
        self.reached_ns = found.reached_ns

    def take(self) -> list[LokiEntry]:
        """Hand over the entries."""
        entries, self.entries = self.entries, []
        self.taken_ns = self.reached_ns
        return entries


def _stored_cursors(position: Position) -> tuple[Cursors, dict[str, Ledger]]:
    """The cursors and ledgers of a position; none before the first read."""
    if not position:
        return {}, {}
    try:
        cursors = {selector: Cursor.from_json(cursor) for selector, cursor in position["selectors"].items()}
        ledgers = {selector: Ledger.from_json(ledger) for selector, ledger in position.get("ledgers", {}).items()}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise SourceError(
            "state: the position of the source loki cannot be read; delete it to read the lookback again"
        ) from error
    return cursors, ledgers


def _rfc3339(time_ns: int) -> str:
    return datetime.fromtimestamp(time_ns // 10**9, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _nanoseconds(seconds: float) -> int:
    return round(seconds * 1_000_000_000)
