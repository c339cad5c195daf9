"""One benchmark run to its end or to its failure, which is reported and does not end the others."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from benchmarks.bench import Bench, say
from benchmarks.table import Row, failed

Benchmark = Callable[[Bench], Iterator[Row]]


@dataclass(frozen=True, slots=True)
class Run:
    """What came of one benchmark: its rows, those before a failure included, and whether it failed."""

    rows: tuple[Row, ...]
    has_failed: bool = False


def run(name: str, benchmark: Benchmark, bench: Bench) -> Run:
    """Run one benchmark; what went wrong is a row of its own, and its traceback goes to standard error."""
    rows: list[Row] = []
    try:
        for row in benchmark(bench):
            rows.append(row)  # noqa: PERF402 - one by one, so that those before a failure are kept
    except Exception as error:  # noqa: BLE001 - whatever ends one benchmark, the others' figures are still wanted
        say(f"{name}: failed\n{traceback.format_exc()}")
        return Run((*rows, failed(name, error)), has_failed=True)
    return Run(tuple(rows))
