"""The words of reasons: what was done, and what is usual, as one person would tell it to another."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from analytics.features.feature import Feature
from analytics.traces import NOT_TOOLS, Trace

_DONE: Final = {
    "identical_run_longest": "Called {tool} with the same arguments {value} times in a row",
    "same_size_run_longest": "Called {tool} with arguments of the same size {value} times in a row",
    "repetition_ratio": "{value} of the calls had been made before, with the same arguments",
    "error_run_longest": "{value} tool uses failed in a row",
    "error_ratio": "{value} of the tool uses failed",
    "retry_ratio": "{value} of the tool uses called the same tool right after it failed",
    "invalid_input_ratio": "{value} of the tool uses had invalid arguments",
    "rejection_ratio": "{value} of the tool uses were refused",
    "unanswered_ratio": "{value} of the tool uses had no result",
    "api_error_ratio": "{value} of the model requests failed",
    "scope_violations_ratio": "{value} of the paths lay outside the project",
    "scope_violation_writes": "Wrote {value} times outside the project",
    "off_hours_ratio": "{value} of the work was done outside working hours",
    "active_hours": "Worked in {value} different hours of the clock",
    "tokens_total": "Used {value} tokens",
    "tokens_per_operation": "Used {value} tokens for each tool use",
    "output_tokens_mean": "The model wrote {value} tokens at a time on average",
    "context_tokens_max": "The largest context had {value} tokens",
    "cost_usd_total": "Cost {value} US dollars",
    "cost_usd_per_operation": "Cost {value} US dollars for each tool use",
    "tool_output_median_chars": "Half of the tools' outputs had {value} characters or more",
    "tool_output_p95_chars": "One in twenty of the tools' outputs had {value} characters or more",
    "tool_input_median_chars": "Half of the tools' arguments had {value} characters or more",
    "tool_input_p95_chars": "One in twenty of the tools' arguments had {value} characters or more",
    "subagents_started": "Started {value} sub-agents",
    "operations_total": "Used tools {value} times",
    "operations_per_prompt": "Used tools {value} times for each prompt",
    "operations_per_minute": "Used tools {value} times a minute",
    "peak_activity_per_minute": "Up to {value} events in one minute",
    "shell_run_longest": "Ran {value} shell commands in a row",
    "distinct_tools": "Used {value} different tools",
    "compactions_total": "Compacted its context {value} times",
    "permission_bypass_ratio": "{value} of the events happened where nobody is asked for permission",
}
_WHOLE: Final = ("_longest", "_total", "_started", "_writes", "distinct_tools", "active_hours")
"""How features that count things end; a bound of 2.7 things is told as 3."""


def feature_words(feature: Feature, value: float, expected: tuple[float, float], whose: str, trace: Trace) -> str:
    """What was done, and what is usual.

    Args:
        feature: the feature.
        value: of the session, outside ``expected``.
        expected: lowest and highest value.
        whose: whose sessions those were that the range was learned from.
        trace: the session's steps, to name the tool of a run.
    """
    low, high = expected
    bound = f"at most {_bound(high, value, feature)}" if value > high else f"at least {_bound(low, value, feature)}"
    template = _DONE.get(feature.name)
    if template is None:
        return f"{feature.help.rstrip('.')}: {measured(value, feature)}; {whose}: {bound}"
    tool = _tool_of_run(trace, int(value)) if "{tool}" in template else ""
    done = template.format(value=_bare(value, feature), tool=tool)
    return f"{done}; {whose}: {bound}"


def measured(value: float, feature: Feature) -> str:
    """A feature's value with its unit; ratios as percentages, which read better than decimals."""
    return _bare(value, feature) if feature.unit == "ratio" else f"{number(value)} {feature.unit}"


def number(value: float) -> str:
    """A number as a person writes it: three significant digits, no exponent below a million."""
    if abs(value) >= 1_000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _bare(value: float, feature: Feature) -> str:
    return f"{value:.0%}" if feature.unit == "ratio" else number(value)


def _bound(bound: float, value: float, feature: Feature) -> str:
    """A bound in whole things, rounded towards the value as far as it still bounds."""
    if feature.name.endswith(_WHOLE) and feature.unit != "US dollars":
        whole = math.ceil(bound) if value > bound else math.floor(bound)
        if whole != value:
            return number(whole)
    return _bare(bound, feature)


def _tool_of_run(trace: Trace, length: int) -> str:
    """The tool that was called so often in a row with arguments that look alike; ``a tool`` where the trace is cut."""
    longest, run, before = 0, 0, None
    name = ""
    sizes = np.nan_to_num(trace.sizes[: trace.length, 0], nan=-1.0).tolist()
    for step, symbol in enumerate(trace.symbols[: trace.length]):
        if symbol in NOT_TOOLS:
            continue
        call = (symbol, sizes[step], trace.words[step] if trace.words else "")
        run = run + 1 if call == before else 1
        before = call
        if run > longest:
            longest, name = run, symbol
    return f"`{name.partition(':')[0]}`" if longest >= length else "a tool"
