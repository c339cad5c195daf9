"""In which order a session uses its tools: cycles, runs, repetition, surprise."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import numpy as np
import pandas as pd

from analytics.activity import Activity, Grouped, ratio
from analytics.features.feature import Feature

POLLING_TOOLS: Final = ("write_stdin", "BashOutput", "TaskOutput", "AgentOutputTool", "read_bash", "wait")
"""Tools that are honestly called again with the same arguments while something else runs."""


def read_write_cycles(activity: Activity) -> np.ndarray:
    """Share of tool uses that write right after one that reads or searches."""
    reads = activity.category_mask("read", "search")
    before = np.concatenate(([False], reads[:-1])) if len(reads) else reads
    return activity.use_share(activity.category_mask("write") & before & activity.follows)


def shell_run(activity: Activity) -> np.ndarray:
    """Most shell uses in a row."""
    return activity.longest_run(activity.category_mask("shell"))


def _steps(activity: Activity) -> np.ndarray:
    """What each tool use is, as a code: the tool, and for a shell command its program."""
    width = len(activity.sessions.table.categories("program")) + 1
    return (activity.uses.name.astype(np.int64) + 1) * width + activity.uses.program + 1


def transition_entropy(activity: Activity) -> np.ndarray:
    """Bits of surprise in the next tool, given the present one."""
    rows = np.flatnonzero(activity.follows)
    if not len(rows):
        return np.full(len(activity), np.nan)
    names = activity.uses.name.astype(np.int64) + 1
    width = int(names.max()) + 1
    session = activity.uses.session[rows]
    pairs = Grouped(session, names[rows - 1] * width + names[rows], len(activity)).entropy()
    return np.maximum(pairs - Grouped(session, names[rows - 1], len(activity)).entropy(), 0.0)


def sequence_complexity(activity: Activity) -> np.ndarray:
    """Lempel-Ziv complexity of the steps: phrases of the LZ78 parse over their number in a random sequence.

    Source: J. Ziv, A. Lempel, "Compression of individual sequences via variable-rate coding", IEEE Trans.
    Information Theory 24 (1978).
    """
    numbers, distinct = pd.factorize(_steps(activity))
    steps = numbers.tolist()
    bounds = np.searchsorted(activity.uses.session, np.arange(len(activity) + 1))
    result = np.full(len(activity), np.nan)
    for session, (begin, end) in enumerate(pairwise(bounds)):
        length = int(end - begin)
        if length >= 4:
            result[session] = _phrases(steps[begin:end], len(distinct)) * np.log2(length) / length
    return result


def _phrases(steps: list[int], width: int) -> int:
    """Number of phrases in the LZ78 parse of a sequence of numbers below ``width``."""
    tree: dict[int, int] = {}
    node = 0
    for step in steps:
        edge = node * width + step
        following = tree.get(edge)
        if following is None:
            tree[edge] = len(tree) + 1
            node = 0
        else:
            node = following
    return len(tree) + (node != 0)


def repetition(activity: Activity) -> np.ndarray:
    """Share of tool uses whose very call (tool and arguments) the session made before; NaN without arguments."""
    known = np.flatnonzero(activity.call_key != 0)
    session = activity.uses.session[known]
    calls, _ = pd.factorize(activity.call_key[known])
    distinct = Grouped(session, calls, len(activity)).distinct()
    whole = np.bincount(session, minlength=len(activity)).astype(float)
    return ratio(whole - distinct, whole)


def identical_run(activity: Activity) -> np.ndarray:
    """Most identical calls in a row, polling tools aside; NaN without arguments."""
    polls = np.array([name in POLLING_TOOLS for name in activity.sessions.table.categories("tool_name")] + [False])
    return activity.longest_repeat(np.where(polls[activity.uses.name], np.uint64(0), activity.call_key))


def same_tool_share(activity: Activity) -> np.ndarray:
    """Share of tool uses that use the same tool as the one before."""
    names = activity.uses.name
    same = np.concatenate(([False], names[1:] == names[:-1])) if len(names) else np.array([], dtype=bool)
    return activity.use_share(same, among=activity.follows)


def same_size_run(activity: Activity) -> np.ndarray:
    """Most uses of one tool in a row whose input is equally long: a loop shows without any detail."""
    sizes = activity.uses.input_chars
    known = ~np.isnan(sizes)
    keys = np.where(known, np.nan_to_num(sizes) * 4096 + activity.uses.name + 2, 0).astype(np.uint64)
    return activity.longest_repeat(keys)


FEATURES: Final = (
    Feature("read_write_cycles_ratio", "ratio", "patterns", "Share of tool uses that write right after a read or search.", "both", 0.05, read_write_cycles),
    Feature("shell_run_longest", "tool uses", "patterns", "Most shell uses in a row.", "high", 3.0, shell_run, is_skewed=True),
    Feature("transition_entropy_bits", "bits", "sequence", "Surprise in the next tool, given the present one.", "both", 0.3, transition_entropy),
    Feature("sequence_complexity", "phrases per expected phrase", "sequence", "Lempel-Ziv complexity of the steps; near 1 for a random sequence, low for a repetitive one.", "both", 0.1, sequence_complexity),
    Feature("repetition_ratio", "ratio", "sequence", "Share of tool uses whose very call the session made before.", "high", 0.05, repetition, ("details",)),
    Feature("identical_run_longest", "tool uses", "sequence", "Most identical calls in a row, polling tools aside.", "high", 2.0, identical_run, ("details",), is_skewed=True),
    Feature("same_tool_ratio", "ratio", "sequence", "Share of tool uses that use the same tool as the one before.", "both", 0.1, same_tool_share),
    Feature("same_size_run_longest", "tool uses", "sequence", "Most uses of one tool in a row whose input is equally long.", "high", 2.0, same_size_run, is_skewed=True),
)  # fmt: skip
"""Patterns and sequence."""
