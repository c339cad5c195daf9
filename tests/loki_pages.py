"""A reader of pages without a network: what paging and the source need of a client, over entries in memory."""

from __future__ import annotations

import threading

from exporter.loki.entry import LokiEntry, Page
from exporter.loki.errors import LokiError


class MemoryPages:
    """Answers like Loki: the first ``limit`` entries by time, in no particular order within a nanosecond."""

    def __init__(self, entries=(), page_limit=5000, max_entries=10**9):
        self.entries = list(entries)
        self.page_limit = page_limit
        self.max_entries = max_entries
        self.queries = []
        self.fails_from_ns = None
        self._lock = threading.Lock()

    def close(self):
        pass

    def count_by_hour(self, query, hours):
        """Entries by the hour they end in, as Loki counts: the end belongs to the hour."""
        found = {}
        for entry in self.entries:
            hour = -(-entry.time_ns // 3_600_000_000_000) * 3600
            if query in entry.labels and hour in hours:
                found[hour] = found.get(hour, 0) + 1
        return found

    def query_range(self, query, start_ns, end_ns, limit):
        with self._lock:
            self.queries.append((query, start_ns, end_ns, limit))
        if self.fails_from_ns is not None and end_ns > self.fails_from_ns:
            raise LokiError("http://loki: broken on purpose")
        limit = min(limit, self.max_entries)
        found = [entry for entry in self.entries if query in entry.labels and start_ns <= entry.time_ns < end_ns]
        # Equal times in another order on every page: paging may rely on nothing but the time.
        found.sort(key=lambda entry: (entry.time_ns, hash((entry.line, start_ns, limit))))
        return Page(found[:limit], limit)


def entry_at(time_ns, line, *selectors):
    """An entry that the given queries find."""
    return LokiEntry(time_ns, dict.fromkeys(selectors or ("{}",), "x"), {}, line)


def numbered(times, *selectors):
    """Entries with those times, all of them different."""
    return [entry_at(time_ns, f"n{at}", *selectors) for at, time_ns in enumerate(times)]
