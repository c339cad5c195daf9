"""``python -m benchmarks``: run the benchmarks, print their table, put it into docs/performance.md and its history."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Final

from benchmarks import cycle, decode_features, fit_and_score, loki_backfill, scrape, start_up
from benchmarks.bench import Bench, say
from benchmarks.history import append_run, commit_subject
from benchmarks.run import Benchmark, run
from benchmarks.table import render, replace_marked
from benchmarks.telemetry import now_in_whole_seconds

PROJECT: Final = Path(__file__).resolve().parent.parent
PAGE: Final = PROJECT / "docs" / "performance.md"
HISTORY: Final = PROJECT / "docs" / "performance-history.md"
BENCHMARKS: Final[Mapping[str, Benchmark]] = {
    "decode": decode_features.rows,
    "fit": fit_and_score.rows,
    "cycle": cycle.rows,
    "scrape": scrape.rows,
    "start": start_up.rows,
    "loki": loki_backfill.rows,
}
_LIBRARIES: Final = ("numpy", "pandas", "scikit-learn", "prometheus-client")


def main(arguments: Sequence[str]) -> int:
    """Run what is asked for; a partial run, or one with a failure, prints its rows and leaves the pages alone.

    Returns 1 when a benchmark failed, 0 otherwise.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--full", action="store_true", help="the large sizes (half an hour or more)")
    parser.add_argument("--only", action="append", choices=BENCHMARKS, help="run only this one; may be repeated")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="sigyn-bench-") as folder:
        bench = Bench(Path(folder), options.full, now_in_whole_seconds())
        runs = {name: run(name, BENCHMARKS[name], bench) for name in options.only or BENCHMARKS}
    rows = [row for one in runs.values() for row in one.rows]
    command = "python -m benchmarks --full" if options.full else "python -m benchmarks"
    content = f"Made by `{command}` on {machine()}.\n\n{render(rows)}"
    sys.stdout.write(content + "\n")
    failed = [name for name, one in runs.items() if one.has_failed]
    if failed:
        say(f"failed: {', '.join(failed)}; the tracebacks are above, no page is written")
        return 1
    if not options.only:
        replace_marked(PAGE, content)
        append_run(HISTORY, bench.now_ns, (f"`{command}`", commit_subject(PROJECT), machine()), rows)
        say(f"written into {PAGE} and {HISTORY}")
    return 0


def machine() -> str:
    """The machine in one phrase: processor, cores, memory, system, versions."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    libraries = ", ".join(f"{name} {version(name)}" for name in _LIBRARIES)
    load = os.getloadavg()[0]
    return (
        f"{os.cpu_count()} cores ({platform.machine()}), {memory:.0f} GiB of memory, {platform.system()}, "
        f"Python {platform.python_version()}, {libraries}; load of the machine at the end {load:.1f}"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
