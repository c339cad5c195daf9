"""How old the published scores are, and their withdrawal once they are too old to act on."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from exporter.publisher import Publisher
from exporter.snapshot import Snapshot

logger = logging.getLogger(__name__)


class Freshness:
    """Publishes snapshots and takes scores back that nothing has confirmed for the staleness.

    The cycle's thread publishes and a second one looks at the age; both go through here, so that a withdrawal never
    overtakes newer scores.

    Args:
        publisher: what it publishes to.
        clock: Unix seconds now.
    """

    def __init__(self, publisher: Publisher, clock: Callable[[], float]) -> None:
        self._publisher = publisher
        self._clock = clock
        self._lock = threading.Lock()
        self._read_at: float | None = None

    def publish(self, snapshot: Snapshot) -> None:
        """Publish what a cycle found that read at least one source."""
        with self._lock:
            self._read_at = self._clock()
            self._publisher.publish(snapshot)

    def keep(self, snapshot: Snapshot) -> None:
        """Publish what a cycle made of what was known: it read nothing. Withdrawn scores stay withdrawn."""
        with self._lock:
            if self._read_at is not None and self._publisher.withdrawn is None:
                self._publisher.publish(snapshot)

    def withdraw_if_older(self, staleness: float, problem: str) -> None:
        """Withdraw scores that were last confirmed more than ``staleness`` seconds ago; ``problem`` says why."""
        with self._lock:
            since, now = self._since(), self._clock()
            if since is None or now - since <= staleness or self._publisher.withdrawn is not None:
                return
            self._publisher.withdraw(f"no successful cycle for {staleness:.0f} s: {problem}")
            logger.error("scores withdrawn: no successful cycle for %.0f s: %s", staleness, problem)

    def set_back(self, seconds: float) -> None:
        """Keep the scores' age though the clock was set back, or they would stand that much longer."""
        with self._lock:
            if self._read_at is not None:
                self._read_at -= seconds

    def _since(self) -> float | None:
        """When the published scores were last confirmed; restored ones when they were restored."""
        if self._read_at is not None or self._publisher.snapshot is None:
            return self._read_at
        return self._publisher.snapshot.taken_at
