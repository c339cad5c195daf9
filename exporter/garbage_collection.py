"""Python's cyclic garbage collector, kept from searching where many objects are made that all stay."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_at_rest() -> Iterator[None]:
    """No search for garbage meanwhile: among thousands of new objects that all stay, looking costs a quarter.

    Of two threads that do this at once, the first to end wakes the collector for both, which is merely slower.
    """
    was_awake = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_awake:
            gc.enable()
