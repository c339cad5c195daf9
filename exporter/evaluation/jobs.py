"""Fits spread over processes, their results in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import joblib

Given = TypeVar("Given")
Result = TypeVar("Result")


def in_processes(work: Callable[[Given], Result], given: Iterable[Given], jobs: int) -> Iterator[Result]:
    """``work`` done on each of ``given``, results in that order as they come; what is given is taken up lazily."""
    if jobs == 1:
        yield from map(work, given)
        return
    parallel: Any = joblib.Parallel(n_jobs=jobs, return_as="generator", pre_dispatch="2 * n_jobs")
    yield from parallel(joblib.delayed(work)(one) for one in given)
