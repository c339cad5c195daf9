"""``python -m benchmarks``: run the benchmarks, print their table, and put it into docs/performance.md."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Final

from benchmarks import cycle, decode_features, fit_and_score, loki_backfill, scrape, start_up
from benchmarks.bench import Bench, say
from benchmarks.table import Row, render, replace_marked
from benchmarks.telemetry import now_in_whole_seconds

PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "performance.md"
BENCHMARKS: Final[Mapping[str, Callable[[Bench], Iterator[Row]]]] = {
    "decode": decode_features.rows,
    "fit": fit_and_score.rows,
    "cycle": cycle.rows,
    "scrape": scrape.rows,
    "start": start_up.rows,
    "loki": loki_backfill.rows,
}
_LIBRARIES: Final = ("numpy", "pandas", "scikit-learn", "prometheus-client")


def main(arguments: Sequence[str]) -> int:
    """Run what is asked for; a partial run prints its rows and leaves the page alone."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--full", action="store_true", help="the large sizes (half an hour or more)")
    parser.add_argument("--only", action="append", choices=BENCHMARKS, help="run only this one; may be repeated")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="sigyn-bench-") as folder:
        bench = Bench(Path(folder), options.full, now_in_whole_seconds())
        rows = [row for name in options.only or BENCHMARKS for row in BENCHMARKS[name](bench)]
    command = "python -m benchmarks --full" if options.full else "python -m benchmarks"
    content = f"Made by `{command}` on {machine()}.\n\n{render(rows)}"
    sys.stdout.write(content + "\n")
    if not options.only:
        replace_marked(PAGE, content)
        say(f"written into {PAGE}")
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
