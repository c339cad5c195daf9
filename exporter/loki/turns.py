"""How long a busy thread keeps the others from running Python."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

SHORT_TURN_SECONDS: Final = 0.0005


@contextmanager
def short_turns() -> Iterator[None]:
    """Threads wait for their turn half a millisecond meanwhile, not five as Python has it.

    A thread that reads a reply needs a turn for each piece that comes, dozens a page. While another one decodes, whole
    turns of waiting would add up to more than Loki takes to answer, and Loki would have nothing to do.
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(min(before, SHORT_TURN_SECONDS))
    try:
        yield
    finally:
        sys.setswitchinterval(before)
