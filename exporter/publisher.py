"""What is published now: the newest snapshot, swapped by one assignment, or the reason why there is none.

One thread (the cycle's) writes; any number read without a lock. A reader takes ``publication`` once and then sees one
consistent state, whatever is published meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from exporter.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Publication:
    """What readers see.

    Attributes:
        snapshot: the state of the world, None before the first cycle.
        restored: the snapshot was read from the state of an earlier process; no cycle has finished in this one yet.
        withdrawn: why the scores were taken back, None while they stand. A withdrawn snapshot keeps its counters and
            models and has no sessions or readings.
    """

    snapshot: Snapshot | None = None
    restored: bool = False
    withdrawn: str | None = None


Watcher = Callable[[Publication], None]


class Publisher:
    """Holds the current publication for scrape, pages and API."""

    def __init__(self) -> None:
        self._publication = Publication()
        self._watchers: tuple[Watcher, ...] = ()

    @property
    def publication(self) -> Publication:
        """What is published now, as one immutable object."""
        return self._publication

    @property
    def snapshot(self) -> Snapshot | None:
        """The current snapshot, None before the first one."""
        return self._publication.snapshot

    @property
    def restored(self) -> bool:
        """Whether the current snapshot comes from the state of an earlier process."""
        return self._publication.restored

    @property
    def withdrawn(self) -> str | None:
        """Why the scores were taken back, None while they stand."""
        return self._publication.withdrawn

    def publish(self, snapshot: Snapshot, *, restored: bool = False) -> None:
        """Replace what is published; scores that were withdrawn come back with it."""
        self._swap(Publication(snapshot, restored))

    def withdraw(self, reason: str) -> None:
        """Take the scores back because they are too old to act on; ``reason`` is one line for people."""
        current = self._publication
        kept = None if current.snapshot is None else replace(current.snapshot, sessions=(), readings={})
        self._swap(Publication(kept, current.restored, reason))

    def watch(self, watcher: Watcher) -> None:
        """Call ``watcher`` now and before every swap, in the thread that publishes: the place to prepare a summary."""
        watcher(self._publication)
        self._watchers = (*self._watchers, watcher)

    def _swap(self, publication: Publication) -> None:
        for watcher in self._watchers:
            watcher(publication)
        self._publication = publication
