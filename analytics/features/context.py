"""What a person asked the agent to be: personas, reasoning levels, workflows, permission modes."""

from __future__ import annotations

from typing import Final

import numpy as np

from analytics.activity import Activity, Grouped, ratio
from analytics.features.feature import Feature

_REASONING_LEVELS: Final = {
    "think": 1, "think-hard": 2, "ultrathink": 3,
    "low": 0, "minimal": 0, "medium": 1, "high": 2, "xhigh": 3, "max": 3,
}  # fmt: skip
BYPASS_MODES: Final = ("bypassPermissions", "dontAsk", "yolo", "never", "danger-full-access")
"""Permission modes in which nobody is asked before a tool runs."""


def personas(activity: Activity) -> np.ndarray:
    """Different personas and sub-agent types asked for."""
    return activity.distinct_texts("persona")


def workflows(activity: Activity) -> np.ndarray:
    """Different slash commands and skills used."""
    return activity.distinct_texts("workflow")


def reasoning_level(activity: Activity) -> np.ndarray:
    """Highest reasoning level set or asked for: 0 low … 3 most."""
    table = activity.sessions.table
    result = np.zeros(len(activity))
    for column in ("reasoning", "effort"):
        levels = np.array([_REASONING_LEVELS.get(name, 0) for name in table.categories(column)] + [0], dtype=float)
        level = levels[table.codes(column)]
        rows = np.flatnonzero(level)
        highest = Grouped(activity.sessions.index[rows], level[rows], len(activity)).maximum()
        result = np.fmax(result, highest)
    return result


def bypass_share(activity: Activity) -> np.ndarray:
    """Share of the events with a known permission mode in which nobody is asked; NaN where no mode is known."""
    table = activity.sessions.table
    known = activity.count_events(table.codes("permission_mode") >= 0)
    return ratio(activity.count_events(table.is_one_of("permission_mode", BYPASS_MODES)), known)


def models(activity: Activity) -> np.ndarray:
    """Different models used."""
    return activity.distinct_texts("model")


FEATURES: Final = (
    Feature("personas_total", "personas", "context", "Different personas and sub-agent types asked for.", "high", 1.0, personas, is_skewed=True),
    Feature("workflows_total", "workflows", "context", "Different slash commands and skills used.", "high", 1.0, workflows, is_skewed=True),
    Feature("reasoning_level", "level", "context", "Highest reasoning level set or asked for, 0 to 3.", "high", 1.0, reasoning_level),
    Feature("permission_bypass_ratio", "ratio", "context", "Share of events in a permission mode in which nobody is asked.", "high", 0.05, bypass_share),
    Feature("models_total", "models", "context", "Different models used.", "high", 1.0, models, is_skewed=True),
)  # fmt: skip
"""Context of the work."""
