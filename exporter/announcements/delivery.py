"""From the outbox into Loki: in order, in pushes of bounded size, each line until Loki has taken it or never will.

While Loki is away the lines wait, up to ``MOST_QUEUED``; beyond that the oldest are dropped. A line that Loki refuses
for what it is, such as one that waited until it was too old, is dropped too, and only that one: of a refused push
Loki does not say which lines it minds, so halves of it are sent until that is known. Lines that it had taken already
are the same when they come again, and Loki keeps them once.
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any, Final

from exporter.announcements.lines import SERVICE_NAME
from exporter.loki.errors import LokiBadPush, LokiError, LokiLimit
from exporter.loki.push import StreamWriter
from exporter.state import Announcement, State

logger = logging.getLogger(__name__)

WRITTEN: Final = "written"
FAILED: Final = "failed"
DROPPED: Final = "dropped"
OUTCOMES: Final = (WRITTEN, FAILED, DROPPED)
"""What becomes of a line: Loki has it; Loki did not take it this time and it waits; it is lost."""

MOST_QUEUED: Final = 10_000
"""Lines that wait at most, some 20 MB."""
LINES_A_PUSH: Final = 200
MOST_PUSHES: Final = 20
"""Pushes after one cycle, so that a long queue does not hold up the next cycle."""

_OF_THE_LINE: Final = (
    "max_line_size",
    "max_structured_metadata_size",
    "max_chunk_age",
    "reject_old_samples_max_age",
)
"""Loki's limits that a line will break however often it is sent."""

Count = Callable[[str, str, int], None]
"""Told kind, outcome and number of lines."""

Queued = Mapping[int, Announcement]


class Delivery:
    """Empties the outbox into Loki.

    Args:
        state: holds the outbox.
        client: writes into Loki; should try once, because the next cycle tries again.
        count: told what becomes of lines.
    """

    def __init__(self, state: State, client: StreamWriter, count: Count) -> None:
        self._state = state
        self._client = client
        self._count = count

    def run(self) -> None:
        """Deliver what waits, oldest first, as far as Loki takes it and ``MOST_PUSHES`` reach."""
        self._trim()
        for _ in range(MOST_PUSHES):
            queued = self._state.queued_announcements(LINES_A_PUSH)
            if not queued:
                return
            try:
                self._deliver(queued)
            except LokiError as error:
                self._count_kinds(Counter(line.kind for line in queued.values()), FAILED)
                logger.warning("cannot write announcements: %s; %d lines wait", error, self._state.count_queued())
                return

    def _deliver(self, queued: Queued) -> None:
        """Push some lines and take them out of the outbox; raises ``LokiError`` when they had better wait."""
        try:
            self._client.push(_streams(queued.values()))
        except LokiError as error:
            if not _is_for_good(error):
                raise
            if len(queued) > 1:
                for half in _halves(queued):
                    self._deliver(half)
                return
            logger.warning("announcement dropped: %s", error)
            self._settle(queued, DROPPED)
        else:
            self._settle(queued, WRITTEN)

    def _settle(self, queued: Queued, outcome: str) -> None:
        with self._state.begin() as transaction:
            transaction.remove_announcements(queued)
        self._count_kinds(Counter(line.kind for line in queued.values()), outcome)

    def _trim(self) -> None:
        with self._state.begin() as transaction:
            dropped = transaction.trim_announcements(MOST_QUEUED)
        if dropped:
            logger.warning("%d announcements dropped: more than %d wait for Loki", dropped.total(), MOST_QUEUED)
            self._count_kinds(dropped, DROPPED)

    def _count_kinds(self, kinds: Counter[str], outcome: str) -> None:
        for kind, lines in kinds.items():
            self._count(kind, outcome, lines)


def _is_for_good(error: LokiError) -> bool:
    """Whether a second try could only fail as well."""
    if isinstance(error, LokiLimit):
        return error.limit in _OF_THE_LINE and not error.outlook.is_transient
    return isinstance(error, LokiBadPush)


def _streams(lines: Iterable[Announcement]) -> list[Mapping[str, Any]]:
    """Lines in the form of Loki's push API, a stream for each kind."""
    values: dict[str, list[list[Any]]] = defaultdict(list)
    for line in lines:
        values[line.kind].append([str(line.time_ns), line.line, dict(line.metadata)])
    return [{"stream": {"service_name": SERVICE_NAME, "kind": kind}, "values": each} for kind, each in values.items()]


def _halves(queued: Queued) -> tuple[Queued, Queued]:
    items = iter(queued.items())
    return dict(islice(items, len(queued) // 2)), dict(items)
