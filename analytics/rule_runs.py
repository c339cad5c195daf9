"""Conditions on one call made again and again: loops, retries and rejected calls that are tried once more."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from analytics.events import EventTable
from analytics.failures import AGENT_FAULTS
from analytics.rule_occurrences import Occurrences
from analytics.sessions import SessionEvents
from analytics.tool_uses import ToolUses

OUTCOMES: Final = ("any", "failed", "rejected")
REJECTIONS: Final = ("user_rejected", "denied")
"""Failure kinds of a result that say the call was not allowed."""

_NAME_FACTOR: Final = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Calls:
    """Calls of tools in order of session and time, shape (n,).

    Attributes:
        key: equal for calls of the same tool with the same arguments; 0 unknown.
        name, program: codes in the event table's categories, -1 unknown.
        is_failed: whether the call ran and failed by the agent's fault.
    """

    session: np.ndarray
    key: np.ndarray
    name: np.ndarray
    program: np.ndarray
    time_ns: np.ndarray
    is_failed: np.ndarray


@dataclass(frozen=True)
class Run:
    """At least ``at_least`` identical calls (same tool, same arguments) with one outcome.

    Attributes:
        outcome: one of OUTCOMES; ``rejected`` counts refusals by a person, a hook or the configuration.
        gaps: other calls may come between; otherwise the calls follow directly upon one another.
        except_tools: tools, by name, that repeat themselves for a good reason, such as polling.
        except_programs: shell programs of that kind.
    """

    at_least: int
    outcome: str = "any"
    gaps: bool = False
    except_tools: re.Pattern[str] | None = None
    except_programs: re.Pattern[str] | None = None

    def occurrences(self, sessions: SessionEvents, uses: ToolUses) -> Occurrences:
        """One match a run, from its first to its last call."""
        calls = rejected_calls(sessions) if self.outcome == "rejected" else calls_of_uses(sessions, uses)
        wanted = calls.key != 0
        if self.outcome == "failed":
            wanted &= calls.is_failed
        wanted &= ~_named(sessions.table, "tool_name", calls.name, self.except_tools)
        wanted &= ~_named(sessions.table, "program", calls.program, self.except_programs)
        groups = _same_call(calls, wanted) if self.gaps else _unbroken(calls, wanted)
        rows = np.flatnonzero(wanted)
        _, first, number, counts = np.unique(groups[rows], return_index=True, return_inverse=True, return_counts=True)
        last = np.zeros(len(first), dtype=np.int64)
        np.maximum.at(last, number, rows)
        long = counts >= self.at_least
        begin, end = rows[first[long]], last[long]
        return Occurrences.ordered(calls.session[begin], calls.time_ns[begin], calls.time_ns[end])


def _unbroken(calls: Calls, wanted: np.ndarray) -> np.ndarray:
    """A number for each call that grows wherever a row of identical wanted calls breaks."""
    if not len(wanted):
        return np.array([], dtype=np.int64)
    breaks = (calls.session[1:] != calls.session[:-1]) | (calls.key[1:] != calls.key[:-1])
    breaks |= ~wanted[1:] | ~wanted[:-1]
    return np.concatenate(([0], np.cumsum(breaks)))


def _same_call(calls: Calls, wanted: np.ndarray) -> np.ndarray:
    """A number for each wanted call, equal for identical calls of one session."""
    rows = np.flatnonzero(wanted)
    groups = np.full(len(wanted), -1, dtype=np.int64)
    frame = pd.DataFrame({"session": calls.session[rows], "key": calls.key[rows]})
    groups[rows] = frame.groupby(["session", "key"], sort=False).ngroup().to_numpy()
    return groups


def _named(table: EventTable, column: str, codes: np.ndarray, pattern: re.Pattern[str] | None) -> np.ndarray:
    """Mask of the codes whose text a pattern is found in."""
    if pattern is None:
        return np.zeros(len(codes), dtype=bool)
    lookup = np.array([*(pattern.search(text) is not None for text in table.categories(column)), False])
    return lookup[codes]


def _keys(args_hash: np.ndarray, name: np.ndarray) -> np.ndarray:
    """Identity of calls from the hash of their arguments and the code of their tool."""
    names = (name.astype(np.int64) + 2).astype(np.uint64) * _NAME_FACTOR
    return np.where(args_hash == 0, np.uint64(0), args_hash ^ names)


def calls_of_uses(sessions: SessionEvents, uses: ToolUses) -> Calls:
    """Every use of a tool as a call."""
    failures = np.array([*(kind in AGENT_FAULTS for kind in sessions.table.categories("failure_kind")), True])
    return Calls(
        session=uses.session,
        key=_keys(uses.args_hash, uses.name),
        name=uses.name,
        program=uses.program,
        time_ns=sessions.table.values("time_ns")[uses.row],
        is_failed=(uses.success == 0) & failures[uses.failure_kind],
    )


def rejected_calls(sessions: SessionEvents) -> Calls:
    """Calls that were refused: by a decision, or by a result that says so; each use once.

    A decision may lack the arguments; they are then those of the call with the same ``tool_use_id``.
    """
    table = sessions.table
    is_decision = table.is_one_of("event", ("tool_decision",)) & table.is_one_of("decision", ("reject",))
    is_result = table.is_one_of("event", ("tool_result",)) & table.is_one_of("failure_kind", REJECTIONS)
    refused = np.flatnonzero(is_decision | is_result)
    concerned = np.zeros(len(sessions), dtype=bool)
    concerned[sessions.index[refused]] = True
    rows = np.flatnonzero(table.is_one_of("event", ("tool_call",)) & concerned[sessions.index])
    rows = np.concatenate((rows, refused))
    ids, _ = pd.factorize(table.values("tool_use_id")[rows])
    args = table.values("args_hash")
    frame = pd.DataFrame(
        {
            "row": rows,
            "session": sessions.index[rows],
            "id": np.where(ids < 0, -1 - np.arange(len(ids)), ids),
            "is_refused": np.arange(len(rows)) >= len(rows) - len(refused),
            "informed": np.where(args[rows] != 0, rows, len(table)),
        }
    )
    frame["informed"] = frame.groupby(["session", "id"], sort=False)["informed"].transform("min")
    once = frame[frame["is_refused"]].sort_values("row").drop_duplicates(["session", "id"])
    chosen, informed = once["row"].to_numpy(np.int64), once["informed"].to_numpy(np.int64)
    name = table.codes("tool_name")[chosen]
    return Calls(
        session=once["session"].to_numpy(np.int64),
        key=_keys(np.append(args, np.uint64(0))[informed], name),
        name=name,
        program=table.codes("program")[chosen],
        time_ns=table.values("time_ns")[chosen],
        is_failed=np.ones(len(chosen), dtype=bool),
    )
