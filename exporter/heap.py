"""The C library's heap, kept in one piece: what one thread has freed serves the others.

glibc gives each of several threads a heap of its own, up to eight for each processor. Cycles, trainings and pages run
in threads that change, so every heap grows to the largest job that ever ran in it, and what lies free in one is of no
use to another: resident memory creeps for hours although no more is in use than in the first minute. In one heap, too,
what is freed between pieces that stay is kept for later, a little more each time; so it is given back now and then.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from typing import Final

SETTING: Final = "MALLOC_ARENA_MAX"
"""glibc's own variable; whoever sets it has chosen."""

_M_ARENA_MAX: Final = -8  # of malloc.h


def share_one_heap(environment: Mapping[str, str]) -> bool:
    """Have the threads begun from now on share the first one's heap; True where the C library lets it be chosen."""
    choose = getattr(ctypes.CDLL(None), "mallopt", None)
    return SETTING not in environment and choose is not None and bool(choose(_M_ARENA_MAX, 1))


def give_back_free() -> bool:
    """Give memory that lies free in the heap back to the system, also between used pieces; True where there was any.

    It takes milliseconds, in which other threads that want memory wait; the interpreter goes on.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's
    return trim is not None and bool(trim(0))
