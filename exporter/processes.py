"""Work spread over processes of this machine, its results in order."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, partial
from typing import Any, Final, TypeVar

import joblib
from joblib.externals.loky.process_executor import TerminatedWorkerError

from analytics.spreading import Spread, in_turn
from exporter.file_groups import FileGroup

BYTES_A_PROCESS: Final = 48 * 2**20
"""Telemetry for which another process is worth its start, about a second."""

_WATCH_SECONDS: Final = 1.0

Given = TypeVar("Given")
Result = TypeVar("Result")


class LostProcessError(Exception):
    """A process ended before its work did; the message says what to do."""


def in_processes(work: Callable[[Given], Result], given: Iterable[Given], jobs: int) -> Iterator[Result]:
    """``work`` done on each of ``given``, results in that order as they come; what is given is taken up lazily.

    Raises:
        LostProcessError: a process was killed, mostly for want of memory. What ``work`` raises comes out as it is.
    """
    if jobs == 1:
        yield from map(work, given)
        return
    parallel: Any = joblib.Parallel(n_jobs=jobs, return_as="generator", pre_dispatch="2 * n_jobs")
    try:
        yield from parallel(joblib.delayed(work)(one) for one in given)
    except TerminatedWorkerError as error:
        raise LostProcessError(
            f"one of {jobs} processes was killed, perhaps for want of memory; run again with --jobs 1"
        ) from error


def reading_spread(groups: Sequence[FileGroup], jobs: int | None = None) -> Spread:
    """How groups of files are best read: here, or where there is much to read by processes that tell the log nothing.

    Args:
        groups: what is to be read.
        jobs: processes; None for as many as there are cores, as far as each has enough to do.
    """
    if jobs is None:
        jobs = max(1, min(os.cpu_count() or 1, sum(group.size for group in groups) // BYTES_A_PROCESS))
    jobs = min(jobs, len(groups))
    return in_turn if jobs <= 1 else partial(_read_quietly_in, jobs)


def _read_quietly_in(jobs: int, work: Callable[[Given], Result], given: Iterable[Given], /) -> Iterator[Result]:
    return in_processes(partial(_quietly, work, os.getpid()), given, jobs)


@cache
def _end_with(parent: int) -> None:
    """Once a process: do not outlive who started it, were that one killed; its pipes would be waited on for ever."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_WATCH_SECONDS)
        os._exit(os.EX_TEMPFAIL)

    threading.Thread(target=watch, name="end-with-parent", daemon=True).start()


def _quietly(work: Callable[[Given], Result], parent: int, one: Given) -> Result:
    """In a process whose log nobody has set up; what it has to tell is in the result.

    Ctrl-C reaches all processes of a terminal; the one that started these ends them.
    """
    logging.disable(logging.CRITICAL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _end_with(parent)
    return work(one)
