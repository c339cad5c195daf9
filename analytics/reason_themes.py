"""Themes: which reasons say the same thing, so that a person is told once, by the reason that says it best.

A call made 31 times in a row shows in the longest identical run, in the share of repeated calls, in runs of equal size
and in the order of the steps. One by one each would carry a small part of the anomaly; together they are the cause.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from analytics.traces import CHANNELS

ORDER: Final = "order"
REPETITION: Final = "repetition"
MIX: Final = "tools"
_THEMES: Final[Mapping[str, tuple[str, ...]]] = {
    REPETITION: ("identical_run_longest", "repetition_ratio", "same_size_run_longest"),
    "failures": ("error_run_longest", "error_ratio", "retry_ratio", "invalid_input_ratio"),
    "refusals": ("rejection_ratio", "unanswered_ratio"),
    "elsewhere": ("scope_violations_ratio", "scope_violation_writes"),
    "tokens": (
        "tokens_total", "tokens_per_operation", "output_tokens_mean", "context_tokens_max", "cost_usd_total",
        "cost_usd_per_operation",
    ),
    "outputs": ("tool_output_median_chars", "tool_output_p95_chars"),
    "inputs": ("tool_input_median_chars", "tool_input_p95_chars"),
    "durations": ("tool_duration_median_seconds", "tool_duration_p95_seconds"),
    "pace": ("operations_per_minute", "peak_activity_per_minute", "gap_median_seconds", "gap_p95_seconds"),
    "length": ("session_duration_seconds", "operations_total", "operations_per_prompt", "active_hours"),
    "sub-agents": ("subagents_started", "agent_tools_ratio"),
    MIX: (
        "tool_diversity", "distinct_tools", "read_tools_ratio", "write_tools_ratio", "shell_tools_ratio",
        "web_tools_ratio", "mcp_tools_ratio", "other_tools_ratio", "shell_run_longest",
    ),
    ORDER: ("sequence_surprise_bits", "read_write_cycles_ratio"),
}  # fmt: skip
_THEME_OF: Final = {feature: theme for theme, features in _THEMES.items() for feature in features}
_TWO_SIDED: Final = {
    "sequence_complexity": (REPETITION, ORDER),
    "transition_entropy_bits": (REPETITION, ORDER),
    "same_tool_ratio": (ORDER, REPETITION),
}
"""Features that say one thing when they are low and another when they are high."""
_TELLERS: Final = {REPETITION: "identical_run_longest", "failures": "error_run_longest"}
"""Features that tell a theme wherever they are unusual: a number of calls says more than a share."""
_THEME_OF_CHANNEL: Final = dict(zip(CHANNELS, ("inputs", "outputs", "durations", "tokens"), strict=True))


def theme_of(feature: str, *, is_high: bool) -> str:
    """The theme of a feature that is unusually high or low; one of its own where nothing else says the same."""
    if feature in _TWO_SIDED:
        return _TWO_SIDED[feature][is_high]
    return _THEME_OF.get(feature, feature)


def theme_of_channel(channel: str) -> str:
    """The theme of the sizes in one of ``traces.CHANNELS``."""
    return _THEME_OF_CHANNEL[channel]


def is_teller(feature: str, theme: str) -> bool:
    """Whether the feature tells the theme wherever it is unusual, whatever its own part in it."""
    return _TELLERS.get(theme) == feature
