"""Python's cyclic garbage collector, kept from searching where many objects are made that all stay."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

_Made = TypeVar("_Made")


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


def made_at_rest(steps: Iterator[_Made]) -> Iterator[_Made]:
    """The same items, each made with the collector at rest; it is awake while the consumer works with one."""
    while True:
        with collector_at_rest():
            try:
                made = next(steps)
            except StopIteration:
                return
        yield made


@contextmanager
def made_for_good() -> Iterator[None]:
    """No search for garbage meanwhile, nor ever among what is there at the end: what a process keeps while it runs.

    Searching tens of thousands of verdicts would stop every thread for a fifth of a second now and then. They are
    freed all the same once nobody holds them; only cycles among them would not be.
    """
    with collector_at_rest():
        yield
        gc.freeze()
