"""The table of delays as people, documents and programs read it."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Final

import orjson

from analytics.evaluation.alarm_delay import QUARTILES, SESSION_RATE, WITHIN, DelayRow
from analytics.evaluation.bootstrap import Estimate
from exporter.commands.terminal import output_console
from exporter.evaluation.report_text import as_markdown, as_table

HEADINGS: Final = (
    "scorer", "alarmed", "before onset", *(f"within {most}" for most in WITHIN), "quartiles of delay",
    "false alarms",
)  # fmt: skip
DELAY_FOOTNOTE: Final = (
    f"The line is the score that {SESSION_RATE:.0%} of unseen good sessions exceed at any look, not at each; an alarm "
    "is held. Alarmed: bad sessions above it by their end; before onset: those that were above it before anything bad "
    "happened, by chance. Within N: alarmed at the first bad event or at most N events past it. Quartiles of delay: "
    "events past the onset (0 is the onset itself) among those alarmed at it or later. False alarms: judged good "
    "sessions above the line at any look. Sessions of more than 24 events are looked at now and then, so that an alarm "
    "may have come earlier than is told. 95 % interval in brackets (bootstrap over groups)."
)


def write_delays(rows: Sequence[DelayRow], output_format: str) -> None:
    """Print a table for each set and condition, or JSON lines: unknown figures are null."""
    if output_format == "jsonl":
        for row in rows:
            sys.stdout.write(orjson.dumps(row, option=orjson.OPT_NON_STR_KEYS).decode() + "\n")
        sys.stdout.flush()
        return
    for (dataset, condition), own in groupby(rows, key=lambda row: (row.dataset, row.condition)):
        listed = list(own)
        title = f"{dataset}: {condition} ({listed[0].bad:,} bad, {listed[0].good:,} good)"
        _write_table(title, HEADINGS, [_cells(row) for row in listed], output_format)


def write_injected_delays(details: str, rows: Sequence[DelayRow], output_format: str) -> None:
    """Print each kind of misbehaviour against the main scorers, and all of them together; or JSON lines."""
    pooled = [row for row in rows if row.condition.startswith("all")]
    if output_format != "jsonl":
        by_deed: dict[str, list[DelayRow]] = {}
        for row in rows:
            by_deed.setdefault(row.condition, []).append(row)
        names = [row.scorer for row in next(iter(by_deed.values()), [])]
        headings = ("misbehaviour", *(f"{name}: within {WITHIN[1]}, alarmed, median" for name in names))
        cells = [[deed, *(_brief(row) for row in own)] for deed, own in by_deed.items() if own[0] not in pooled]
        _write_table(f"{details}: each kind", headings, cells, output_format)
    write_delays(pooled if output_format != "jsonl" else rows, output_format)


def _cells(row: DelayRow) -> list[str]:
    within = [_share(row.within[most]) for most in WITHIN]
    shares = [_share(row.alarmed), _share(row.before_onset), *within]
    return [row.scorer, *shares, _quartiles(row.delay), _share(row.false_alarms)]


def _quartiles(delay: Mapping[float, Estimate]) -> str:
    """The quartiles and the interval of the median; nothing of a mean over sets if one of them has no alarm."""
    if any(math.isnan(delay[share].value) for share in QUARTILES):
        return "-"
    low, median, high = (delay[share] for share in QUARTILES)
    told = " / ".join(_count(one.value) for one in (low, median, high))
    return f"{told} ({_count(median.low)} to {_count(median.high)})"


def _brief(row: DelayRow) -> str:
    return f"{row.within[WITHIN[1]].value:.2f}  {row.alarmed.value:.2f}  {_count(row.delay[0.5].value)}"


def _share(estimate: Estimate) -> str:
    if math.isnan(estimate.value):
        return "-"
    return f"{estimate.value:.2f} ({estimate.low:.2f} to {estimate.high:.2f})"


def _count(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.0f}"


def _write_table(title: str, headings: Sequence[str], cells: Sequence[Sequence[str]], output_format: str) -> None:
    if output_format == "markdown":
        sys.stdout.write(f"{title}\n\n{as_markdown(headings, cells)}\n\n")
        sys.stdout.flush()
    else:
        output_console().print(as_table(title, headings, cells))
