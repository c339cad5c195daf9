"""The tables of attribution as people, documents and programs read them."""

from __future__ import annotations

import sys
from itertools import groupby
from typing import Final

import orjson

from analytics.attribution import LEAST_SESSIONS
from analytics.evaluation.bootstrap import Estimate
from exporter.commands.terminal import output_console
from exporter.evaluation.attribution_run import AttributionFigures
from exporter.evaluation.report_text import Tables, as_markdown, as_table

METHOD_HEADINGS: Final = ("method", "top 1", "top 3", "mean over classes")
SWAP_HEADINGS: Final = ("users of", "split", "really at work", "own", "swapped", "AUROC", "found", "false alarms")
GROUP_HEADINGS: Final = ("grouping", "groups", "outside", "agreement of halves", "kept id")
FOOTNOTE: Final = (
    f"95 % interval in brackets (bootstrap over families). Classes with fewer than {LEAST_SESSIONS} sessions are out. "
    "Found: swapped sessions with a p-value of at most 0.05. False alarms: the same of sessions under their own user, "
    "promised at most 0.05. Agreement of halves: adjusted Rand index of groupings learnt from two halves. Kept id: "
    "sessions whose group has the same id after training on the last quarter too."
)


def write_attribution(figures: AttributionFigures, output_format: str) -> None:
    """Print all tables and what their columns mean, or JSON lines."""
    if output_format == "jsonl":
        for row in (*figures.attribution, *figures.wrong_users, *figures.groupings):
            sys.stdout.write(orjson.dumps(row).decode() + "\n")
        sys.stdout.flush()
        return
    for title, headings, cells in tables_of(figures):
        if output_format == "markdown":
            sys.stdout.write(f"{title}\n\n{as_markdown(headings, cells)}\n\n")
        else:
            output_console().print(as_table(title, headings, cells))
    if output_format == "markdown":
        sys.stdout.write(f"{FOOTNOTE}\n")
        sys.stdout.flush()
    else:
        output_console().print(FOOTNOTE)


def tables_of(figures: AttributionFigures) -> Tables:
    """Title, headings and cells of each table."""
    tables: Tables = []
    for (problem, split), own in groupby(figures.attribution, key=lambda row: (row.problem, row.split)):
        rows = list(own)
        title = f"{problem}, {split} ({rows[0].classes} classes, {rows[0].sessions:,} sessions judged)"
        cells = [[row.method, *map(_figure, (row.top_1, row.top_3, row.macro))] for row in rows]
        tables.append((title, METHOD_HEADINGS, cells))
    swaps = [
        [
            f"{row.problem.removeprefix('user, ')} ({row.users})", row.split, row.other, f"{row.genuine:,}",
            f"{row.swapped:,}", *map(_figure, (row.auroc, row.found, row.false_alarms)),
        ]
        for row in figures.wrong_users
    ]  # fmt: skip
    if swaps:
        tables.append(("sessions under the wrong user", SWAP_HEADINGS, swaps))
    groups = [
        [row.method, f"{row.groups}", f"{row.outside:.2f}", f"{row.agreement:.2f}", f"{row.kept:.2f}"]
        for row in figures.groupings
    ]
    tables.append((f"groups of {figures.groupings[0].sessions:,} sessions", GROUP_HEADINGS, groups))
    return tables


def _figure(estimate: Estimate) -> str:
    return f"{estimate.value:.3f} ({estimate.low:.2f} to {estimate.high:.2f})"
