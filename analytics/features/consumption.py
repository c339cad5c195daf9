"""What a session consumes and produces: tokens, money, text."""

from __future__ import annotations

from typing import Final

import numpy as np

from analytics.activity import Activity, Grouped, ratio
from analytics.features.feature import Feature, Measure

_TOKENS: Final = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_creation_tokens")


def tokens_total(activity: Activity) -> np.ndarray:
    """All tokens, cached ones included."""
    sums = np.stack([activity.totals[column] for column in _TOKENS])
    return np.where(np.isnan(sums).all(axis=0), np.nan, np.nansum(sums, axis=0))


def tokens_per_use(activity: Activity) -> np.ndarray:
    """All tokens for each tool use, at least one being counted."""
    return tokens_total(activity) / np.maximum(activity.use_count, 1.0)


def output_tokens_mean(activity: Activity) -> np.ndarray:
    """Mean output tokens of the events that report them."""
    return activity.event_values("output_tokens", np.ones(len(activity.sessions.table), dtype=bool)).mean()


def context_tokens_max(activity: Activity) -> np.ndarray:
    """Largest context sent to the model: input, cache read and cache creation of one request."""
    table = activity.sessions.table
    parts = np.stack(
        [table.values(column) for column in ("input_tokens", "cache_read_tokens", "cache_creation_tokens")]
    )
    known = np.flatnonzero(~np.isnan(parts).all(axis=0))
    sizes = np.nansum(parts[:, known], axis=0)
    result = Grouped(activity.sessions.index[known], sizes, len(activity)).maximum()
    return np.where(result >= 0, result, np.nan)


def cache_read_share(activity: Activity) -> np.ndarray:
    """Share of the model's input that came from its cache."""
    read = activity.totals["cache_read_tokens"]
    fresh = np.nan_to_num(activity.totals["input_tokens"]) + np.nan_to_num(activity.totals["cache_creation_tokens"])
    return ratio(read, np.nan_to_num(read) + fresh)


def cost_total(activity: Activity) -> np.ndarray:
    """Cost, the client's own estimate."""
    return activity.totals["cost_usd"]


def cost_per_use(activity: Activity) -> np.ndarray:
    """Cost for each tool use, at least one being counted."""
    return cost_total(activity) / np.maximum(activity.use_count, 1.0)


def size_of(column: str, event: str, share: float) -> Measure:
    """Measure of a quantile of a size among events of one name."""

    def measure(activity: Activity) -> np.ndarray:
        return activity.event_values(column, activity.event_mask(event)).quantile(share)

    return measure


def input_size(share: float) -> Measure:
    """Measure of a quantile of the tool uses' input sizes."""

    def measure(activity: Activity) -> np.ndarray:
        return activity.input_chars.quantile(share)

    return measure


def output_size(share: float) -> Measure:
    """Measure of a quantile of the tool uses' output sizes."""

    def measure(activity: Activity) -> np.ndarray:
        return activity.output_chars.quantile(share)

    return measure


FEATURES: Final = (
    Feature("tokens_total", "tokens", "tokens", "All tokens, cached ones included.", "high", 10_000.0, tokens_total, ("tokens",), is_skewed=True),
    Feature("tokens_per_operation", "tokens", "tokens", "All tokens for each tool use.", "high", 2_000.0, tokens_per_use, ("tokens",), is_skewed=True),
    Feature("output_tokens_mean", "tokens", "tokens", "Mean output tokens of the events that report them.", "both", 50.0, output_tokens_mean, ("tokens",), is_skewed=True),
    Feature("context_tokens_max", "tokens", "tokens", "Largest context sent to the model.", "high", 10_000.0, context_tokens_max, ("tokens",), is_skewed=True),
    Feature("cache_read_ratio", "ratio", "tokens", "Share of the model's input that came from its cache.", "both", 0.1, cache_read_share, ("tokens",)),
    Feature("cost_usd_total", "US dollars", "cost", "Cost, the client's own estimate.", "high", 0.5, cost_total, ("cost",), is_skewed=True),
    Feature("cost_usd_per_operation", "US dollars", "cost", "Cost for each tool use.", "high", 0.05, cost_per_use, ("cost",), is_skewed=True),
    Feature("tool_input_median_chars", "characters", "sizes", "Median size of the tools' arguments.", "both", 50.0, input_size(0.5), is_skewed=True),
    Feature("tool_input_p95_chars", "characters", "sizes", "Size that 95 % of the tools' arguments do not exceed.", "high", 500.0, input_size(0.95), is_skewed=True),
    Feature("tool_output_median_chars", "characters", "sizes", "Median size of the tools' output.", "both", 200.0, output_size(0.5), is_skewed=True),
    Feature("tool_output_p95_chars", "characters", "sizes", "Size that 95 % of the tools' outputs do not exceed.", "high", 2_000.0, output_size(0.95), is_skewed=True),
    Feature("message_median_chars", "characters", "sizes", "Median size of the assistant's messages.", "both", 100.0, size_of("message_chars", "assistant_message", 0.5), is_skewed=True),
    Feature("prompt_median_chars", "characters", "sizes", "Median size of the prompts.", "both", 100.0, size_of("prompt_length", "user_prompt", 0.5), is_skewed=True),
)  # fmt: skip
"""Tokens, cost and sizes."""
