"""Spans of time become entries, page by page, forward.

A page may end between entries that share a nanosecond, so the next one starts at the last time seen, not after it,
and what repeats is left out. A full millisecond is asked for from a nanosecond earlier: Loki leaves out a chunk whose
last entry has the very millisecond that a query starts at. Where more entries share one nanosecond than a page holds,
the page is doubled until they fit; where the server does not allow that, ``LokiLimit`` is raised: going on would lose
entries, staying would never end.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Protocol

from exporter.loki.entry import LokiEntry, Page, identity
from exporter.loki.errors import LokiLimit
from exporter.loki.ledger import HOUR_NS

_MILLISECOND_NS: Final = 1_000_000


class PageReader(Protocol):
    """The part of ``LokiClient`` that paging needs."""

    @property
    def page_limit(self) -> int:
        """How many entries to ask for."""

    def query_range(self, query: str, start_ns: int, end_ns: int, limit: int) -> Page:
        """Up to ``limit`` entries with start <= time < end, oldest first."""

    def count_by_hour(self, query: str, hours: range) -> dict[int, int]:
        """How many entries there are of some neighbouring hours, by their ends in Unix seconds."""

    def close(self) -> None:
        """Close connections."""


def read_pages(client: PageReader, query: str, start_ns: int, end_ns: int) -> Iterator[list[LokiEntry]]:
    """Yield the entries with start <= time < end, each once, oldest first, a page at a time; none may be empty.

    Raises:
        LokiError: from the client; ``LokiLimit`` where too many entries share one nanosecond.
    """
    seen: set[str] = set()  # what was yielded of the nanosecond the next page starts with
    limit = client.page_limit
    while start_ns < end_ns:
        page = client.query_range(query, _asked_from(start_ns), end_ns, limit)
        fresh = _without_seen(page.entries, start_ns, seen)
        if fresh:
            yield fresh
        if not page.is_full:
            return
        last_ns = page.entries[-1].time_ns
        if last_ns > start_ns:
            seen = _identities_at(fresh, last_ns)
            start_ns, limit = last_ns, client.page_limit
        else:
            seen |= _identities_at(fresh, last_ns)
            limit = _larger_limit(page, limit, last_ns)


def read_span(client: PageReader, query: str, span: tuple[int, int], budget: int) -> tuple[list[LokiEntry], int]:
    """The entries with start <= time < end, or the first of them where there are more than about ``budget``.

    Returns:
        The entries, oldest first, and the time before which they are complete: the end of the span, or earlier.
    """
    start_ns, end_ns = span
    entries: list[LokiEntry] = []
    for page in read_pages(client, query, start_ns, end_ns):
        entries += page
        last_ns = entries[-1].time_ns
        if len(entries) >= budget and last_ns > start_ns:
            return [entry for entry in entries if entry.time_ns < last_ns], last_ns
    return entries, end_ns


def _asked_from(start_ns: int) -> int:
    """Where a query for a span starts; at a full hour there, where Loki begins a query of its own all the same."""
    return start_ns - 1 if start_ns % _MILLISECOND_NS == 0 and start_ns % HOUR_NS else start_ns


def _without_seen(entries: list[LokiEntry], start_ns: int, seen: set[str]) -> list[LokiEntry]:
    """The entries of the span that the page before did not bring already."""
    if entries and entries[0].time_ns < start_ns:
        entries = [entry for entry in entries if entry.time_ns >= start_ns]
    if not seen:
        return entries
    repeated = next((at for at, entry in enumerate(entries) if entry.time_ns > start_ns), len(entries))
    return [entry for entry in entries[:repeated] if identity(entry) not in seen] + entries[repeated:]


def _identities_at(entries: list[LokiEntry], time_ns: int) -> set[str]:
    return {identity(entry) for entry in entries if entry.time_ns == time_ns}


def _larger_limit(page: Page, asked: int, time_ns: int) -> int:
    """The limit to try where a whole page shares one nanosecond."""
    if page.limit < asked:
        raise LokiLimit(
            f"more than {page.limit} entries share the time {time_ns} ns, more than Loki gives in one page;"
            " raise max_entries_limit_per_query on the server",
            limit="max_entries_limit_per_query",
        )
    return page.limit * 2
