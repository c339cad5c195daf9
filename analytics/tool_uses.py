"""Tool uses: calls, decisions and results paired into one row per use of a tool.

One use is one ``tool_result``, with or without a ``tool_call`` before it; a call without a result was denied,
cancelled or is still running. Both sides share a ``tool_use_id`` where the agent writes one; where it does not, the
n-th call of a tool in a session belongs to the n-th result of that tool.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analytics.events import COLUMN_KINDS
from analytics.row_groups import numbers_within
from analytics.sessions import SessionEvents


@dataclass(frozen=True)
class ToolUses:
    """Uses of tools as columns of shape (n_uses,), in order of session and start.

    Attributes:
        session: session number of the use.
        row: the event row where the use begins.
        name: code of the tool name in the event table's categories, -1 unknown.
        category: code of the tool category in the event table's categories.
        program: code of the shell program, -1 where it is no shell command or details are off.
        words: code of the words of the arguments, -1 where details are off.
        args_hash: hash of the arguments, 0 unknown.
        outside: 1 outside the project, 0 inside, -1 unknown.
        success: 1, 0, or -1 unknown.
        failure_kind: code of the failure kind, -1 none.
        has_result: whether a result was seen.
        duration_ms, input_chars, output_chars: NaN unknown.
    """

    session: np.ndarray
    row: np.ndarray
    name: np.ndarray
    category: np.ndarray
    program: np.ndarray
    words: np.ndarray
    args_hash: np.ndarray
    outside: np.ndarray
    success: np.ndarray
    failure_kind: np.ndarray
    has_result: np.ndarray
    duration_ms: np.ndarray
    input_chars: np.ndarray
    output_chars: np.ndarray

    def __len__(self) -> int:
        return len(self.session)


def pair_tool_uses(sessions: SessionEvents) -> ToolUses:
    """Pair the calls and results of whole sessions."""
    table = sessions.table
    is_call = table.is_one_of("event", ("tool_call",))
    is_result = table.is_one_of("event", ("tool_result",))
    rows = np.flatnonzero(is_call | is_result)
    use, distinct = pd.factorize(_pair_keys(sessions, rows, is_result[rows]))  # numbers them as they appear
    call = _first_rows(use, rows, is_call[rows], len(distinct))
    result = _first_rows(use, rows, is_result[rows], len(distinct))
    begin = _first_rows(use, rows, np.ones(len(rows), dtype=bool), len(distinct))
    either = np.where(call >= 0, call, result)
    outcome = np.where(result >= 0, result, call)
    other = np.where(result >= 0, result, either)

    def known(name: str, missing: float) -> np.ndarray:
        """The call's value of a column, or the result's where the call does not know."""
        values = table.codes(name) if COLUMN_KINDS[name] == "text" else table.values(name)
        mine, its = values[either], values[other]
        is_missing = np.isnan(mine) if np.isnan(missing) else mine == missing
        return np.where(is_missing, its, mine)

    return ToolUses(
        session=sessions.index[begin],
        row=begin,
        name=known("tool_name", -1),
        category=known("tool_category", -1),
        program=known("program", -1),
        words=known("words", -1),
        args_hash=known("args_hash", 0),
        outside=known("outside", -1),
        success=table.values("success")[outcome],
        failure_kind=table.codes("failure_kind")[outcome],
        has_result=result >= 0,
        duration_ms=table.values("duration_ms")[outcome],
        input_chars=known("tool_input_chars", np.nan),
        output_chars=table.values("tool_output_chars")[outcome],
    )


def _first_rows(use: np.ndarray, rows: np.ndarray, wanted: np.ndarray, count: int) -> np.ndarray:
    """For each use its first event row among the wanted ones, -1 where there is none."""
    found = np.full(count, -1, dtype=np.int64)
    found[use[wanted][::-1]] = rows[wanted][::-1]
    return found


def _pair_keys(sessions: SessionEvents, rows: np.ndarray, is_result: np.ndarray) -> np.ndarray:
    """One integer per row, equal for the rows of one use."""
    session = sessions.index[rows].astype(np.int64)
    ids, distinct = pd.factorize(sessions.table.values("tool_use_id")[rows])
    keys = session * (len(distinct) + 1) + ids
    nameless = np.flatnonzero(ids < 0)
    if len(nameless):
        names = sessions.table.codes("tool_name")[rows][nameless].astype(np.int64) + 1
        width = len(sessions.table.categories("tool_name")) + 1
        groups = session[nameless] * width + names
        nth = numbers_within(is_result[nameless], groups)
        _, compact = np.unique(groups, return_inverse=True)
        keys[nameless] = -1 - (compact * (int(nth.max()) + 1) + nth)
    return keys
