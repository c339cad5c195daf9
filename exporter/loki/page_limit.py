"""How many entries to ask for in one request."""

from __future__ import annotations

import logging
import threading
from typing import Final

_log = logging.getLogger(__name__)

SUCCESSES_TO_GROW: Final = 20
"""Pages in a row that must succeed before a shrunk limit doubles again."""


class PageLimit:
    """The limit in force: what is wished, less what the server allows, less what it lately could not answer.

    Safe to share between threads.
    """

    def __init__(self, wished: int) -> None:
        self._lock = threading.Lock()
        self._wished = wished
        self._current = wished
        self._maximum: int | None = None
        self._successes = 0

    @property
    def current(self) -> int:
        """What to ask for now."""
        return self._current

    def allowed(self, asked: int) -> int:
        """``asked``, or the server's maximum where that is known and lower."""
        return asked if self._maximum is None else min(asked, self._maximum)

    def adopt(self, maximum: int) -> None:
        """Take over the server's maximum; said once in the log."""
        with self._lock:
            if self._maximum != maximum and maximum < self._wished:
                _log.warning(
                    "Loki allows pages of %d entries, not %d; going on with %d", maximum, self._wished, maximum
                )
            self._maximum = maximum
            self._current = min(self._current, maximum)

    def shrink(self, used: int) -> int:
        """Half of ``used``, which was too much for the server; later pages start from there too."""
        with self._lock:
            half = max(1, used // 2)
            self._current = min(self._current, half)
            self._successes = 0
            return half

    def succeed(self) -> None:
        """Note a page that came back; enough of them let a shrunk limit grow again."""
        with self._lock:
            if self._current >= self.allowed(self._wished):
                return
            self._successes += 1
            if self._successes >= SUCCESSES_TO_GROW:
                self._successes = 0
                self._current = min(self._current * 2, self.allowed(self._wished))
