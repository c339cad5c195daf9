"""A long span of time read in slices by a few threads, delivered strictly in order.

A bounded number of slices is under way or waiting, and each stops at a budget of entries, so memory is bounded
whatever lies in Loki. A slice that stopped early is continued at once, before the next one is delivered, and the
slices planned after it are shorter; where little lies they grow again.

Slices end on the full hour, or on a half, a quarter … of one: Loki answers a query hour by hour and gives each hour
its own limit, so what a slice holds of two hours, or beyond a page, is read by Loki twice.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

from exporter.loki.entry import LokiEntry

SHORTEST_SLICE_NS: Final = 60 * 1_000_000_000


@dataclass(frozen=True, slots=True)
class Slice:
    """What one slice held.

    Attributes:
        entries: by selector, oldest first, all before ``reached_ns``.
        reached_ns: the time before which the entries are complete: the end of the slice, or earlier.
    """

    entries: dict[str, list[LokiEntry]]
    reached_ns: int

    def __len__(self) -> int:
        return sum(map(len, self.entries.values()))


ReadSlice = Callable[[int, int], Slice]
"""Reads what lies between two times; called from several threads."""


@dataclass(frozen=True, slots=True)
class ReadAhead:
    """How a span is cut up.

    Attributes:
        threads: slices read at the same time, and one that stopped early beside them.
        longest_ns: longest slice.
        plenty: a slice with fewer entries than a quarter of this lets the next ones grow.
        waiting: slices that are being read or wait to be delivered; while their consumer works, that is what is read.
    """

    threads: int
    longest_ns: int
    plenty: int
    waiting: int


@dataclass(slots=True)
class _Plan:
    """Where the next slice begins and how long it is."""

    next_ns: int
    end_ns: int
    length_ns: int
    pending: deque[tuple[int, int, Future[Slice]]] = field(default_factory=deque)

    def cut(self) -> tuple[int, int]:
        """The next slice, which ends where a multiple of the length does."""
        begin_ns = self.next_ns
        self.next_ns = min(self.end_ns, (begin_ns // self.length_ns + 1) * self.length_ns)
        return begin_ns, self.next_ns

    def shrink(self, managed_ns: int) -> None:
        """Halve the length until it is no longer than what a slice managed."""
        while self.length_ns > managed_ns and self.length_ns // 2 >= SHORTEST_SLICE_NS:
            self.length_ns //= 2


def read_slices(read: ReadSlice, span: tuple[int, int], ahead: ReadAhead) -> Generator[Slice]:
    """Yield the slices of a span of time in order; the last one reaches its end.

    Raises:
        LokiError: from ``read``, after all slices before the failed one have been yielded.
    """
    plan = _Plan(next_ns=span[0], end_ns=span[1], length_ns=ahead.longest_ns)
    pool = ThreadPoolExecutor(ahead.threads, thread_name_prefix="loki-slice")
    urgent = ThreadPoolExecutor(1, thread_name_prefix="loki-slice-rest")  # the pool has others to read before
    try:
        while plan.pending or plan.next_ns < plan.end_ns:
            _fill(plan, pool, read, ahead.waiting)
            start_ns, end_ns, future = plan.pending.popleft()
            found = future.result()
            if found.reached_ns < end_ns:
                rest = urgent.submit(read, found.reached_ns, end_ns)
                plan.pending.appendleft((found.reached_ns, end_ns, rest))
                plan.shrink(found.reached_ns - start_ns)
            elif len(found) < ahead.plenty // 4:
                plan.length_ns = min(plan.length_ns * 2, ahead.longest_ns)
            yield found
    finally:
        for one in (pool, urgent):
            one.shutdown(cancel_futures=True)


def _fill(plan: _Plan, pool: ThreadPoolExecutor, read: ReadSlice, most: int) -> None:
    """Start further slices until enough are under way or waiting."""
    while len(plan.pending) < most and plan.next_ns < plan.end_ns:
        begin_ns, end_ns = plan.cut()
        plan.pending.append((begin_ns, end_ns, pool.submit(read, begin_ns, end_ns)))
