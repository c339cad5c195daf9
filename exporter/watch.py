"""Looks after the schedule by a clock that nobody sets: cycles that hang, and a system clock that is set back.

The schedule goes by the system clock. Set back by an hour, it would wait that hour before the next cycle; and a cycle
that never ends fails never, so that nothing else would take its scores back.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from apscheduler.schedulers.background import BackgroundScheduler

from exporter.commands.clock import utc_now

logger = logging.getLogger(__name__)

LOOK_SECONDS: Final = 5.0
SMALLEST_STEP: Final = 2.0
"""Seconds; a smaller step back is the time service's daily work."""


@dataclass
class ClockSteps:
    """Tells by how much the system clock was set back between two looks.

    Attributes:
        clock: Unix seconds now.
        steady: seconds that only ever grow, evenly.
    """

    clock: Callable[[], float]
    steady: Callable[[], float] = time.monotonic
    _ahead: float = field(init=False)

    def __post_init__(self) -> None:
        self._ahead = self.clock() - self.steady()

    def back(self) -> float:
        """Seconds by which the clock was set back since the last look, 0 where it was not."""
        before, self._ahead = self._ahead, self.clock() - self.steady()
        step = before - self._ahead
        return step if step >= SMALLEST_STEP else 0.0


class Watch:
    """A thread that looks every few seconds.

    Args:
        steps: tells when the clock was set back.
        scheduler: whose job ``cycle`` is brought forward then.
        set_back: told by how many seconds.
        look: called each time, to do whatever else has to be looked after.
    """

    def __init__(
        self,
        steps: ClockSteps,
        scheduler: BackgroundScheduler,
        set_back: Callable[[float], None],
        look: Callable[[], None],
    ) -> None:
        self._steps = steps
        self._scheduler = scheduler
        self._set_back = set_back
        self._look = look
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._ended.set()

    def look(self) -> None:
        """Look once."""
        step = self._steps.back()
        if step:
            logger.warning("the system clock was set back by %.0f s; the next cycle runs now", step)
            self._set_back(step)
            if self._scheduler.running:
                self._scheduler.modify_job("cycle", next_run_time=utc_now())
        self._look()

    def _run(self) -> None:
        while not self._ended.wait(LOOK_SECONDS):
            self.look()
