"""The tables as people, documents and programs read them."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any, Final

import numpy as np
import orjson
from rich.table import Table

from analytics.evaluation.blocks import Block
from analytics.evaluation.bootstrap import Estimate
from analytics.evaluation.report import RATES, ReportRow, rows_by_part, share_above
from analytics.evaluation.trial import ANOMALY, RISK
from analytics.verdicts import LEVELS
from exporter.commands.terminal import output_console

HEADINGS: Final = (
    "scorer", "AUROC", "AP", "ROC at 5 %", "found at 5 %", "false alarms", "found at 1 %", "false alarms", "bad > .95",
    "good > .95", "good > .99",
)  # fmt: skip
INJECTED_SCORERS: Final = (RISK, ANOMALY, "events", "tool calls", "errors")
FOOTNOTE: Final = (
    "Mean over seeds, 95 % interval in brackets (bootstrap over groups). ROC at 5 %: bad sessions "
    "that outrank all but 5 % of the good ones judged with them. Found: bad sessions above the threshold that "
    "unseen good sessions set. False alarms: judged good sessions above it; a threshold resting on fewer than 19 good "
    "sessions cannot keep 5 %, one on fewer than 99 not 1 %. Bad, good > .95: judged sessions whose calibrated score "
    "exceeds it; of good ones at most 5 % are promised."
)
LEAST_OF_USER: Final = 20
"""Untouched sessions a user needs for a line about the promise kept to him."""

Tables = list[tuple[str, tuple[str, ...], list[list[str]]]]
"""Title, headings and cells of some tables."""


def write_labelled(rows: Sequence[ReportRow], output_format: str) -> None:
    """Print the rows of one labelled set: a table for each condition, or JSON lines."""
    if output_format == "jsonl":
        _write_lines(rows)
        return
    tables: Tables = []
    for (dataset, condition), own in groupby(rows, key=lambda row: (row.dataset, row.condition)):
        listed = list(own)
        title = f"{dataset}: {condition} ({listed[0].bad:,} bad, {listed[0].good:,} good)"
        tables.append((title, HEADINGS, [_cells(row) for row in listed]))
    _write_tables(tables, output_format)


def write_footnote(output_format: str, footnote: str = FOOTNOTE) -> None:
    """Say below the tables what their columns mean."""
    if output_format == "markdown":
        sys.stdout.write(f"{footnote}\n")
    elif output_format == "table":
        output_console().print(footnote)


def _cells(row: ReportRow) -> list[str]:
    rates: list[str] = []
    for rate in RATES:
        rates += [_figure(row.detected[rate], 2), _plain(row.false_alarms[rate])]
    found = _plain(row.found_by_promise[RATES[0]]) if row.found_by_promise else ""
    promise = [_plain(row.beyond_promise[rate]) if rate in row.beyond_promise else "" for rate in RATES]
    ranked = _figure(row.outranking[RATES[0]], 2)
    return [row.scorer, _figure(row.auroc, 3), _figure(row.average_precision, 2), ranked, *rates, found, *promise]


def write_injected(blocks: Mapping[str, Sequence[Block]], users: Sequence[str], output_format: str) -> None:
    """Print what was found of misbehaviour put into sessions: a table for each kind of telemetry, or JSON lines.

    Args:
        blocks: by kind of telemetry.
        users: of each session there is, by number.
        output_format: ``table``, ``markdown`` or ``jsonl``.
    """
    tables: Tables = []
    for details, own in blocks.items():
        rows, untouched = rows_by_part(details, own), _untouched_cells(own, users)
        if output_format == "jsonl":
            _write_lines([*rows, *({"dataset": details, "measure": name, "share": share} for name, share in untouched)])
        else:
            tables += _injected_tables(details, rows)
            listed = [[name, _figure(share, 3)] for name, share in untouched]
            tables.append((f"{details}: sessions nothing was done to", ("measure", "share"), listed))
    _write_tables(tables, output_format)


def _injected_tables(details: str, rows: Sequence[ReportRow]) -> Tables:
    """Kinds against the main scorers, and the means of all scorers."""
    by_deed: dict[str, dict[str, ReportRow]] = {}
    for row in rows:
        if row.bad and row.condition != "untouched":
            by_deed.setdefault(row.condition, {})[row.scorer] = row
    headings = ("misbehaviour", *(f"{name.removeprefix('sigyn ')}: AUROC, found" for name in INJECTED_SCORERS))
    cells = [
        [deed, *(f"{own[name].auroc.value:.2f}  {own[name].detected[RATES[0]].value:.2f}" for name in INJECTED_SCORERS)]
        for deed, own in by_deed.items()
    ]
    means = [
        [f"{row.condition}: {row.scorer}", *_cells(row)[1:6]]
        for mean in ("mean", "mean mild", "mean strong")
        for row in by_deed.get(mean, {}).values()
    ]
    return [
        (f"{details}: AUROC and share found at 5 % false alarms", headings, cells),
        (f"{details}: means over kinds", HEADINGS[:6], means),
    ]


def _untouched_cells(blocks: Sequence[Block], users: Sequence[str]) -> list[tuple[str, Estimate]]:
    """Levels reached by sessions nothing was done to, and the promise kept to all and to each user."""
    untouched = [block for block in blocks if block.part == "untouched"]
    shares = [(f"risk at {level} or above", share_above(untouched, RISK, least)) for level, least in LEVELS[:-1]]
    shares += [(f"anomaly at {1 - rate:.2f} or above", share_above(untouched, ANOMALY, 1 - rate)) for rate in RATES]
    names = np.array(users, dtype=object)
    for user in dict.fromkeys(users):
        own = [_only(block, names[block.numbers] == user) for block in untouched]
        count = len(np.unique(np.concatenate([block.numbers for block in own])))
        if count >= LEAST_OF_USER:
            share = share_above(own, ANOMALY, 1 - RATES[0])
            shares.append((f"anomaly at 0.95 or above, user {user[:12]} ({count} sessions)", share))
    return shares


def _only(block: Block, mask: np.ndarray) -> Block:
    """Some sessions of a block."""
    scores = {name: values[mask] for name, values in block.scores.items()}
    return replace(
        block, numbers=block.numbers[mask], is_bad=block.is_bad[mask], groups=block.groups[mask], scores=scores
    )


def _figure(estimate: Estimate, digits: int) -> str:
    if math.isnan(estimate.value):
        return "-"
    return f"{estimate.value:.{digits}f} ({estimate.low:.2f} to {estimate.high:.2f})"


def _plain(estimate: Estimate) -> str:
    return "-" if math.isnan(estimate.value) else f"{estimate.value:.3f}"


def _write_tables(tables: Tables, output_format: str) -> None:
    for title, headings, cells in tables:
        if output_format == "markdown":
            sys.stdout.write(f"{title}\n\n{as_markdown(headings, cells)}\n\n")
        else:
            output_console().print(as_table(title, headings, cells))
    sys.stdout.flush()


def as_markdown(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table for a document."""
    return "\n".join(f"| {' | '.join(row)} |" for row in (headings, ["---"] * len(headings), *rows))


def as_table(title: str, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """A table for a terminal."""
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading, no_wrap=True)
    for row in rows:
        table.add_row(*row)
    return table


def _write_lines(rows: Sequence[ReportRow | dict[str, Any]]) -> None:
    """One JSON object a row: rates become text keys, unknown figures null."""
    for row in rows:
        sys.stdout.write(orjson.dumps(row, option=orjson.OPT_NON_STR_KEYS).decode() + "\n")
    sys.stdout.flush()
