"""Announcements for the life of a process: begun with the schedule, begun anew by a reload, fed after each cycle.

Before ``open`` it says nothing, which is how ``sigyn once`` and ``sigyn replay`` publish nothing to Loki.
"""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import Counter

from exporter.assembly import RequestObserver, build_announcements
from exporter.config import Config
from exporter.world import World


class Herald:
    """Tells in Loki what a world's cycles find and what the process does.

    Args:
        world: whose ``announcements`` it opens and closes.
        clock: Unix seconds now.
        on_request: told of each request to Loki.
        lines: counts lines by kind and outcome.
    """

    def __init__(self, world: World, clock: Callable[[], float], on_request: RequestObserver, lines: Counter) -> None:
        self._world = world
        self._clock = clock
        self._on_request = on_request
        self._lines = lines

    def open(self, config: Config) -> None:
        """Begin to tell, as the configuration says; no cycle may be running."""
        self.close()
        self._world.announcements = build_announcements(config, self._world, self._on_request, self._count)

    def finish_cycle(self) -> None:
        """Deliver what the cycle that has just ended found, and some of what waits."""
        if self._world.announcements is not None:
            now_ns = self._now_ns()
            since_ns = now_ns - self._world.settings.lookback_ns
            self._world.announcements.finish_cycle(self._world.verdicts, since_ns, now_ns)

    def tell(self, event: str, detail: str) -> None:
        """Tell what the process did; delivered after the next cycle."""
        if self._world.announcements is not None:
            self._world.announcements.tell(event, detail, self._now_ns())

    def tell_word(self, session_id: str, said: str) -> None:
        """Tell what a person said about a session; delivered after the next cycle."""
        verdict = self._world.verdicts.get(session_id)
        if self._world.announcements is not None and verdict is not None:
            self._world.announcements.tell_word(verdict, said, self._now_ns())

    def close(self) -> None:
        """Say nothing more; what waits stays in the state."""
        if self._world.announcements is not None:
            self._world.announcements.close()
        self._world.announcements = None

    def _now_ns(self) -> int:
        return int(self._clock() * 1e9)

    def _count(self, kind: str, outcome: str, lines: int) -> None:
        self._lines.labels(kind, outcome).inc(lines)
