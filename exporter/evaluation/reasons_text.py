"""The table of planted causes as people, documents and programs read it."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import Final

import orjson

from analytics.evaluation.cause_row import ORDINARY, CauseRow
from exporter.commands.terminal import output_console
from exporter.evaluation.report_text import as_markdown, as_table

HEADINGS: Final = (
    "cause", "cases", "habitual", "named first", "strange", "named first of these", "named at all", "first instead",
)  # fmt: skip
FOOTNOTE: Final = (
    f"Planted in sessions that were not fitted on and had an anomaly below {ORDINARY}. Habitual: left out, because as "
    f"much of it is usual for their user. Strange: an anomaly of at least {ORDINARY} with the cause in the session."
)


def write_causes(rows: Sequence[CauseRow], output_format: str) -> None:
    """Print how often each cause is named, and what the columns mean; or JSON lines."""
    if output_format == "jsonl":
        for row in rows:
            sys.stdout.write(orjson.dumps(row).decode() + "\n")
        sys.stdout.flush()
        return
    cells = [_cells(row) for row in rows]
    if output_format == "markdown":
        sys.stdout.write(f"{as_markdown(HEADINGS, cells)}\n\n{FOOTNOTE}\n")
        sys.stdout.flush()
        return
    output_console().print(as_table("planted causes", HEADINGS, cells))
    output_console().print(FOOTNOTE)


def _cells(row: CauseRow) -> list[str]:
    shares = ["-" if math.isnan(one) else f"{one:.2f}" for one in (row.first, row.first_of_strange, row.listed)]
    instead = ", ".join(f"{feature} {count}" for feature, count in row.instead) or "-"
    return [row.cause, f"{row.cases:,}", f"{row.habitual:,}", shares[0], f"{row.strange:,}", *shares[1:], instead]
