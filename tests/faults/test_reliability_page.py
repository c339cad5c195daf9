"""The page of faults names a test for every row, and every test it names exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def fault_rows():
    """The rows of the tables whose head begins with ``fault``."""
    rows, is_fault_table = [], False
    for line in PAGE.splitlines():
        is_fault_table = line.startswith("| fault |") or (is_fault_table and line.startswith("|"))
        if is_fault_table and not line.startswith(("| fault |", "|---")):
            rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def test_every_row_tells_fault_promise_signal_and_a_test():
    rows = fault_rows()
    assert len(rows) > 30
    for row in rows:
        assert len(row) == 4, row
        assert all(row), row
        assert NAMED.fullmatch(row[3]), row


def test_every_test_named_exists():
    for path, name in NAMED.findall(PAGE):
        tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
        assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, (path, name)


def test_every_metric_named_is_exposed():
    shown = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    for name in set(re.findall(r"sigyn_[a-z_]+", PAGE)):
        assert f"`{name}`" in shown, name
