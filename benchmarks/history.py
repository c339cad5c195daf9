"""The history of figures: one line for each complete run, so that a figure that slips is seen beside its past."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from benchmarks.table import Row, table_line

HEADING: Final = """# The figures over time

One line for each complete run of the benchmarks, the latest last; `make bench` appends it. Figures of different
machines do not compare. What each stands for is told in [performance.md](performance.md), which change gained what
in [benchmarks/history.md](../benchmarks/history.md).

"""
_COLUMNS: Final = ("date", "command", "commit", "machine", "figures")
UNKNOWN_COMMIT: Final = "unknown (no git here)"


def append_run(page: Path, begun_ns: int, made_by: tuple[str, str, str], rows: Iterable[Row]) -> None:
    """Append the line of a run to a page; a missing page is begun.

    Args:
        page: the Markdown file.
        begun_ns: when the run began, nanoseconds since the epoch.
        made_by: the command, the subject line of the commit it ran on, and the machine.
        rows: the figures; skipped ones are left out.
    """
    figures = "; ".join(f"{row.measured}: {row.figure}" for row in rows if not row.is_skipped)
    day = datetime.fromtimestamp(begun_ns / 1e9, UTC).date().isoformat()
    if not page.exists():
        columns = (table_line(_COLUMNS), table_line("---" for _ in _COLUMNS))
        page.write_text(HEADING + "\n".join(columns) + "\n", encoding="utf-8")
    with page.open("a", encoding="utf-8") as lines:
        lines.write(table_line((day, *made_by, figures)) + "\n")


def commit_subject(folder: Path) -> str:
    """The subject line of the commit that is checked out in a folder, and whether files differ from it."""
    try:
        subject = _git(folder, "log", "-1", "--format=%s")
        is_changed = bool(_git(folder, "status", "--porcelain", "--untracked-files=no"))
    except (OSError, subprocess.CalledProcessError):
        return UNKNOWN_COMMIT
    return f"{subject} (with changes since)" if is_changed else subject


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    done = subprocess.run(command, capture_output=True, check=True, text=True)  # noqa: S603 - fixed arguments
    return done.stdout.strip()
