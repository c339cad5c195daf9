"""The table of figures: its rows, how numbers read in it, and its place in docs/performance.md."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

BEGIN: Final = "<!-- Begin of what `python -m benchmarks` writes; do not edit. -->"
END: Final = "<!-- End of what `python -m benchmarks` writes. -->"
_SKIPPED: Final = "skipped: "
_COLUMNS: Final = ("measured", "figure", "beside it, in the same run", "target", "met")


class PageError(Exception):
    """The page cannot take the table; the message names the file and what is missing."""


@dataclass(frozen=True, slots=True)
class Row:
    """One figure.

    Attributes:
        measured: what was measured, with its size.
        figure: the figure with its unit.
        beside: what else was measured in the same run, and how the two compare; "" where nothing compares.
        target: what the figure should be, "" without one.
        is_met: whether it is, None without a target.
    """

    measured: str
    figure: str
    beside: str = ""
    target: str = ""
    is_met: bool | None = None

    @property
    def is_skipped(self) -> bool:
        """Whether it holds no figure because the benchmark cannot run here."""
        return self.figure.startswith(_SKIPPED)


def skipped(measured: str, reason: str) -> Row:
    """The row of a benchmark that cannot run here."""
    return Row(measured, f"{_SKIPPED}{reason}")


def failed(measured: str, error: Exception) -> Row:
    """The row of a benchmark that should run here and did not get to its end."""
    return Row(measured, f"failed: {type(error).__name__}: {' '.join(str(error).split())}", is_met=False)


def duration(seconds: float) -> str:
    """Seconds as people read them."""
    return f"{seconds * 1000:,.3g} ms" if seconds < 0.9995 else f"{seconds:,.1f} s"


def size(number_of_bytes: float) -> str:
    """Bytes as people read them."""
    mega = number_of_bytes / 1e6
    return f"{mega:,.0f} MB" if mega < 1000 else f"{mega / 1000:,.2f} GB"


def rate(count: float, seconds: float, what: str = "events") -> str:
    """So many a second."""
    return f"{count / seconds:,.0f} {what}/s"


def render(rows: Iterable[Row]) -> str:
    """The rows as a Markdown table."""
    lines = [table_line(_COLUMNS), table_line("---" for _ in _COLUMNS)]
    lines += [table_line((row.measured, row.figure, row.beside, row.target, _mark(row.is_met))) for row in rows]
    return "\n".join(lines)


def replace_marked(page: Path, content: str) -> None:
    """Put content between the two markers of a page; raises ``PageError`` when it has none."""
    text = page.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise PageError(f"{page}: the lines {BEGIN!r} and {END!r} are missing; put them back")
    page.write_text(f"{before}{BEGIN}\n\n{content}\n\n{END}{after}", encoding="utf-8")


def table_line(cells: Iterable[str]) -> str:
    """One line of a Markdown table."""
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _mark(is_met: bool | None) -> str:  # noqa: FBT001 - one value of a table
    return "" if is_met is None else "yes" if is_met else "**no**"
