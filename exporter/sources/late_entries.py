"""Entries that reach Loki long after their time: found by counting, hour by hour, and read then.

Where Loki has more entries of an hour than were read, that hour is read again; where it has fewer, entries have
vanished from under the reader, and that is told. Of hours too old for that, ``exporter.sources.lost_entries`` counts
what they gained.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field

from exporter.loki.entry import LokiEntry
from exporter.loki.errors import LokiError, LokiUnavailable
from exporter.loki.ledger import HOUR_NS, Ledger
from exporter.loki.paging import PageReader, read_span
from exporter.loki.settings import LokiSettings
from exporter.sources.lost_entries import LostEntries

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ReadAgain:
    """Some entries of an hour that has grown, known ones among them.

    Attributes:
        ledger: of the selector, once these entries are stored.
        dropped: entries that came too late to be read, by reason; counted now and never again.
    """

    selector: str
    entries: list[LokiEntry]
    ledger: Ledger
    dropped: Counter[str] = field(default_factory=Counter)


class LateEntries:
    """Looks for late entries from time to time.

    Args:
        client: counts and reads.
        settings: how far back to look, and how often.
        budget: entries read at once, about.
    """

    def __init__(self, client: PageReader, settings: LokiSettings, budget: int) -> None:
        self._client = client
        self._late_ns = round(settings.late_seconds * 1e9)
        self._every_ns = round(settings.late_check_seconds * 1e9)
        self._budget = budget
        self._lost = LostEntries(client, settings)
        self._checked_ns: int | None = None
        self.problems: tuple[str, ...] = ()

    def read(self, ledgers: Mapping[str, Ledger], through: Mapping[str, int], now_ns: int) -> Iterator[ReadAgain]:
        """Yield what the hours before ``through`` (by selector) have gained, where it is time to look.

        What hours have gained that are too old to be read again is only counted.

        Raises:
            LokiUnavailable: Loki does not answer. Where it does not count, ``problems`` says so.
        """
        if not self._late_ns or not self._is_due(now_ns):
            return
        problems: list[str] = []
        for selector, ledger in ledgers.items():
            try:
                known = yield from self._read_selector(selector, ledger, through[selector], problems)
            except LokiUnavailable:
                raise
            except LokiError as error:
                problems.append(f"loki: late entries cannot be looked for: {error}")
                continue
            lost = self._lost.look(selector, known, through[selector], now_ns)
            if lost is not None:
                yield ReadAgain(selector, [], *lost)
        self._tell(problems)
        self._checked_ns = now_ns

    def _is_due(self, now_ns: int) -> bool:
        return self._checked_ns is None or not 0 <= now_ns - self._checked_ns < self._every_ns

    def _read_selector(
        self, selector: str, ledger: Ledger, through_ns: int, problems: list[str]
    ) -> Generator[ReadAgain, None, Ledger]:
        hours = ledger.whole_hours(through_ns, through_ns - self._late_ns)
        if not hours:
            return ledger
        found = self._client.count_by_hour(selector, hours)
        vanished = sum(max(0, ledger.hours.get(hour, 0) - found.get(hour, 0)) for hour in hours)
        if vanished:
            problems.append(
                f"loki: {vanished} entries of {selector} that were read are there no longer;"
                " look at Loki's retention and deletions, and at tenant"
            )
        for hour in hours:
            if found.get(hour, 0) > ledger.hours.get(hour, 0):
                for entries, is_last in self._read_hour(selector, hour):
                    ledger = ledger.with_hour(hour, found[hour]) if is_last else ledger
                    yield ReadAgain(selector, entries, ledger)
        return ledger

    def _read_hour(self, selector: str, hour: int) -> Iterator[tuple[list[LokiEntry], bool]]:
        """The hour's entries in pieces of bounded size, and whether it is the last piece."""
        end_ns = hour * 10**9 + 1
        start_ns = end_ns - HOUR_NS
        while start_ns < end_ns:
            entries, start_ns = read_span(self._client, selector, (start_ns, end_ns), self._budget)
            yield entries, start_ns >= end_ns

    def _tell(self, problems: list[str]) -> None:
        """Keep the problems for people; what is new goes into the log."""
        for problem in problems:
            if problem not in self.problems:
                logger.warning("%s", problem)
        self.problems = tuple(problems)
