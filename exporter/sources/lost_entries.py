"""Entries that reach Loki so late that nobody reads them: counted once, by what old hours have gained.

The count is a look over every hour that a ledger still knows, a day's hours a request, and is taken once a day: old
hours are many, and Loki has to go through all their entries to count them.
"""

from __future__ import annotations

import logging
from collections import Counter
from datetime import UTC, datetime
from typing import Final

from exporter.loki.errors import LokiError
from exporter.loki.ledger import HOUR_SECONDS, Ledger
from exporter.loki.paging import PageReader
from exporter.loki.settings import LokiSettings

logger = logging.getLogger(__name__)

TOO_LATE: Final = "too_late"
"""Why an entry is dropped that reached Loki later than late entries are looked for."""

HOURS_A_REQUEST: Final = 24


class LostEntries:
    """Looks for lost entries from time to time.

    Args:
        client: counts.
        settings: which hours are no longer read again, and how often to look at them.
    """

    def __init__(self, client: PageReader, settings: LokiSettings) -> None:
        self._client = client
        self._late_ns = round(settings.late_seconds * 1e9)
        self._every_ns = round(settings.lost_check_seconds * 1e9)

    def look(self, selector: str, ledger: Ledger, through_ns: int, now_ns: int) -> tuple[Ledger, Counter[str]] | None:
        """How many entries the hours of a ledger have gained that are too old to be read again.

        Where Loki does not count, the log says so, and the next look finds what this one missed.

        Args:
            selector: whose entries.
            ledger: what was read of them.
            through_ns: everything before was read.
            now_ns: the time of this look.

        Returns:
            The ledger to store and what it counts as lost, by reason, or None where it is not time to look.
        """
        known = ledger.whole_hours(through_ns)
        recent = ledger.whole_hours(through_ns, through_ns - self._late_ns)
        hours = range(known.start, min(known.stop, recent.start), HOUR_SECONDS)
        if not hours or 0 <= now_ns - ledger.looked_ns < self._every_ns:
            return None
        gained: dict[int, int] = {}
        try:
            for first in range(0, len(hours), HOURS_A_REQUEST):
                part = hours[first : first + HOURS_A_REQUEST]
                found = self._client.count_by_hour(selector, part)
                gained.update({hour: found.get(hour, 0) - ledger.hours.get(hour, 0) for hour in part})
        except LokiError as error:
            logger.warning("loki: entries later than sources.loki.late cannot be counted today: %s", error)
        gained = {hour: count for hour, count in gained.items() if count > 0}
        for hour, count in gained.items():
            ledger = ledger.with_hour(hour, ledger.hours.get(hour, 0) + count)
        _tell(selector, gained)
        return ledger.looked_at(now_ns), Counter({TOO_LATE: sum(gained.values())} if gained else {})


def _tell(selector: str, gained: dict[int, int]) -> None:
    if gained:
        first = datetime.fromtimestamp(min(gained) - HOUR_SECONDS, UTC)
        logger.warning(
            "loki: %d entries of %s, the first of the hour from %s, came too late to be read; raise sources.loki.late,"
            " and state.keep_events where it is shorter, to read such entries in future",
            sum(gained.values()),
            selector,
            f"{first:%Y-%m-%dT%H:%M:%SZ}",
        )
