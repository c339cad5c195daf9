"""The table as people, documents and programs read it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

import orjson
from rich.table import Table

from analytics.evaluation.bootstrap import Estimate
from analytics.evaluation.report import RATES, ReportRow

HEADINGS: Final = (
    "set", "condition", "scorer", "AUROC", "AP", "found at 5 %", "false alarms", "found at 1 %", "false alarms",
    "good > 0.95", "good > 0.99", "bad / good",
)  # fmt: skip
FOOTNOTE: Final = (
    "Mean over seeds with the 95 % interval (bootstrap over groups). `found at 5 %`: bad sessions above the threshold "
    "that unseen good sessions set; `false alarms`: judged good sessions above it. `good > 0.95`: judged good sessions "
    "whose calibrated score exceeds 0.95, promised at most 5 %."
)


def cells(row: ReportRow) -> list[str]:
    """One row as text, in the order of ``HEADINGS``."""
    rates: list[str] = []
    for rate in RATES:
        rates += [_share(row.detected[rate]), _plain(row.false_alarms[rate])]
    promise = [_plain(row.beyond_promise[rate]) if rate in row.beyond_promise else "" for rate in RATES]
    return [
        row.dataset, row.condition, row.scorer, _figure(row.auroc), _figure(row.average_precision), *rates, *promise,
        f"{row.bad:,} / {row.good:,}",
    ]  # fmt: skip


def _figure(estimate: Estimate) -> str:
    if math.isnan(estimate.value):
        return "–"
    return f"{estimate.value:.3f} ({_bounds(estimate, 2)})"


def _share(estimate: Estimate) -> str:
    return _figure(estimate) if math.isnan(estimate.value) else f"{estimate.value:.2f} ({_bounds(estimate, 2)})"


def _bounds(estimate: Estimate, digits: int) -> str:
    return f"{estimate.low:.{digits}f}–{estimate.high:.{digits}f}"


def _plain(estimate: Estimate) -> str:
    return "–" if math.isnan(estimate.value) else f"{estimate.value:.3f}"


def as_markdown(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table for a document."""
    lines = [_line(headings), _line(["---"] * len(headings)), *(_line(row) for row in rows)]
    return "\n".join(lines)


def _line(row: Sequence[str]) -> str:
    return "| " + " | ".join(row) + " |"


def as_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """A table for a terminal."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading, no_wrap=True)
    for row in rows:
        table.add_row(*row)
    return table


def as_json_line(row: ReportRow) -> str:
    """One row with all its figures; rates become text keys, unknown figures null."""
    return orjson.dumps(_plain_keys(asdict(row)), option=orjson.OPT_NON_STR_KEYS).decode()


def _plain_keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain_keys(inner) for key, inner in value.items()}
    return value
