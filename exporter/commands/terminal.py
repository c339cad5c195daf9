"""What commands show people: progress on standard error, tables and text on standard output."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, Literal

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from analytics.verdicts import INITIALIZING, SessionVerdict, grounds_of
from exporter.logs import one_line

LEVEL_STYLES: Final = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "green"}
_COLUMNS: Final[tuple[tuple[str, Literal["left", "right"], int], ...]] = (
    ("RISK", "right", 4), ("LEVEL", "left", 12), ("SESSION", "left", 15), ("USER", "left", 11),
    ("AGENT", "left", 11), ("EVENTS", "right", 6),
)  # fmt: skip
PIPED_WIDTH: Final = 160
"""Columns of a table that goes to a file or pipe."""


class ProgressBar:
    """A bar on standard error that moves to a share of the work; silent where nobody watches."""

    def __init__(self, progress: Progress, task: Any) -> None:
        self._progress, self._task = progress, task

    def __call__(self, share: float, text: str | None = None) -> None:
        """Move to ``share`` in 0…1."""
        self._progress.update(self._task, completed=share, description=text)


@contextmanager
def progress_bar(text: str) -> Iterator[ProgressBar]:
    """A progress bar for the time of the block, on standard error if that is a terminal."""
    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        yield ProgressBar(progress, progress.add_task(text, total=1.0))


def say(message: str) -> None:
    """One line to the person, on standard error, so that standard output pipes."""
    sys.stderr.write(one_line(message) + "\n")


class _OutputConsole(Console):
    """Standard output whose closed pipe is reported like that of any other output."""

    def on_broken_pipe(self) -> None:
        """Called while a BrokenPipeError is handled."""
        self.quiet = True
        raise BrokenPipeError


def output_console() -> Console:
    """Standard output, wide where nobody watches."""
    console = _OutputConsole(highlight=False, markup=False, soft_wrap=False)
    return console if console.is_terminal else _OutputConsole(width=PIPED_WIDTH, highlight=False, markup=False)


def dropped_line(dropped: Mapping[str, int]) -> str:
    """What was left out and why, in one line; empty when nothing was."""
    parts = [f"{count:,} {reason}" for reason, count in sorted(dropped.items()) if count]
    return f"left out: {', '.join(parts)}" if parts else ""


def sessions_table(verdicts: Sequence[SessionVerdict], most: int | None = None) -> Table:
    """Sessions with risk, level, who, size and the main reason, one line each."""
    table = Table(box=None, pad_edge=False, header_style="bold", expand=True)
    for name, justify, width in _COLUMNS:
        table.add_column(name, justify=justify, no_wrap=True, width=width)
    table.add_column("WHY", overflow="ellipsis", no_wrap=True, ratio=1, min_width=20)
    for verdict in verdicts[:most]:
        table.add_row(*_cells(verdict))
    return table


def _cells(verdict: SessionVerdict) -> list[Text]:
    style = LEVEL_STYLES.get(verdict.level or "", "dim")
    return [
        Text("" if verdict.risk is None else f"{verdict.risk:.2f}", style),
        Text(verdict.level or verdict.status, style),
        Text(one_line(verdict.session_id, 36)),
        Text(one_line(verdict.user_id or "")),
        Text(one_line(verdict.agent or "")),
        Text(f"{verdict.events}"),
        Text(one_line(why(verdict), 300)),
    ]


def why(verdict: SessionVerdict) -> str:
    """The verdict's main grounds in one line."""
    if verdict.status == INITIALIZING:
        return f"{verdict.needed} more finished sessions needed" if verdict.needed else "not enough sessions yet"
    return "; ".join(grounds_of(verdict)[:3])
