"""When and how fast a session works."""

from __future__ import annotations

from typing import Final

import numpy as np

from analytics.activity import Activity, Grouped, ratio, stretches
from analytics.features.feature import Feature

_HOUR_NS: Final = 3_600_000_000_000
_MINUTE_NS: Final = 60_000_000_000


def active_hours(activity: Activity) -> np.ndarray:
    """Different hours of the clock with any event."""
    hours = activity.sessions.table.values("time_ns") // _HOUR_NS
    return Grouped(activity.sessions.index, hours - hours.min() if len(hours) else hours, len(activity)).distinct()


def peak_activity(activity: Activity) -> np.ndarray:
    """Most events within one minute of the clock."""
    sessions = activity.sessions
    starts = stretches(sessions.table.values("time_ns") // _MINUTE_NS, sessions.index)
    counts = np.diff(np.append(starts, len(sessions.table)))
    return np.nan_to_num(Grouped(sessions.index[starts], counts, len(activity)).maximum())


def off_hours_share(activity: Activity) -> np.ndarray:
    """Share of events outside working hours or on free days."""
    is_off = activity.working_hours.is_off(activity.sessions.table.values("time_ns"))
    return ratio(activity.count_events(is_off), activity.sessions.lengths)


def gap_median(activity: Activity) -> np.ndarray:
    """Median silence between neighbouring events."""
    return activity.gaps_seconds.quantile(0.5)


def gap_p95(activity: Activity) -> np.ndarray:
    """Silence that 95 % of the silences do not exceed."""
    return activity.gaps_seconds.quantile(0.95)


def tool_duration_median(activity: Activity) -> np.ndarray:
    """Median duration of tool uses; half of them hold no person's waiting."""
    return activity.use_seconds.quantile(0.5)


def tool_duration_p95(activity: Activity) -> np.ndarray:
    """Duration that 95 % of the tool uses do not exceed; it holds the time a person took to allow a call."""
    return activity.use_seconds.quantile(0.95)


def request_duration_median(activity: Activity) -> np.ndarray:
    """Median duration of model requests."""
    milliseconds = activity.event_values("duration_ms", activity.event_mask("api_request"))
    return milliseconds.quantile(0.5) / 1000.0


FEATURES: Final = (
    Feature("active_hours", "hours", "timing", "Different hours of the clock with any event.", "high", 1.0, active_hours, is_skewed=True),
    Feature("peak_activity_per_minute", "events per minute", "timing", "Most events within one minute of the clock.", "high", 5.0, peak_activity, is_skewed=True),
    Feature("off_hours_ratio", "ratio", "timing", "Share of events outside working hours.", "high", 0.2, off_hours_share),
    Feature("gap_median_seconds", "seconds", "timing", "Median silence between neighbouring events.", "both", 1.0, gap_median, is_skewed=True),
    Feature("gap_p95_seconds", "seconds", "timing", "Silence that 95 % of the silences do not exceed.", "both", 10.0, gap_p95, is_skewed=True),
    Feature("tool_duration_median_seconds", "seconds", "timing", "Median duration of tool uses.", "both", 0.5, tool_duration_median, is_skewed=True),
    Feature("tool_duration_p95_seconds", "seconds", "timing", "Duration that 95 % of the tool uses do not exceed; a person's waiting is in it.", "high", 10.0, tool_duration_p95, is_skewed=True),
    Feature("request_duration_median_seconds", "seconds", "timing", "Median duration of model requests.", "high", 2.0, request_duration_median, is_skewed=True),
)  # fmt: skip
"""Hours, pace and waiting."""
