"""The course of the cycles, for people: what is being waited for now, and what went wrong last."""

from __future__ import annotations

import time
from collections.abc import Callable


class Course:
    """What the exporter says of itself while it has no scores, or old ones.

    Attributes:
        last_success: Unix seconds of the last cycle that read all sources, None before the first.
        last_problem: why there is none yet, or what failed last.

    Args:
        now: seconds that only ever grow.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self.last_success: float | None = None
        self.last_problem = "the first cycle has not finished yet"
        self._now = now
        self._begun: float | None = None
        self._asked: str | None = None
        self._has_failed = False

    def begin(self) -> None:
        """A cycle begins."""
        self._begun = self._now()

    def end(self) -> float:
        """It has ended, in whatever way; gives the seconds it took."""
        took = 0.0 if self._begun is None else self._now() - self._begun
        self._begun = self._asked = None
        return took

    def succeed(self, at: float) -> None:
        """All sources were read, at that Unix time."""
        self.last_success = at

    def fail(self, problem: str) -> None:
        """A cycle failed, or a source in it."""
        self.last_problem, self._has_failed = problem, True

    def ask(self, source: str, share: float) -> None:
        """A source is asked, or has given that share, 0…1, of what it has."""
        self._asked = source
        if self.last_success is not None:
            return
        if share:
            self.last_problem = f"reading {source}: {share:.0%} of the first read done"
        elif not self._has_failed:  # what went wrong before says more
            self.last_problem = f"waiting for {source}: nothing of the first read has come yet"

    @property
    def present_problem(self) -> str:
        """What keeps scores from being renewed: the running cycle, where there is one, else the last problem."""
        if self._begun is None:
            return self.last_problem
        asked = f", the last source asked is {self._asked}" if self._asked else ""
        return f"a cycle has been running for {self._now() - self._begun:.0f} s{asked}; look at it and the disk"
