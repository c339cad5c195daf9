"""Where a session goes wrong or too far: errors, retries, refusals, paths outside its project."""

from __future__ import annotations

from typing import Final

import numpy as np

from analytics.activity import Activity, ratio
from analytics.failures import AGENT_FAULTS
from analytics.features.feature import Feature


def outside_share(activity: Activity) -> np.ndarray:
    """Share of the tool uses with a path whose path lies outside the project."""
    return activity.use_share(activity.uses.outside == 1, among=activity.uses.outside >= 0)


def outside_writes(activity: Activity) -> np.ndarray:
    """Writes outside the project; NaN where no path is known."""
    writes = activity.category_mask("write") & (activity.uses.outside == 1)
    known = np.bincount(activity.uses.session[activity.uses.outside >= 0], minlength=len(activity))
    return np.where(known > 0, np.bincount(activity.uses.session[writes], minlength=len(activity)), np.nan)


def error_share(activity: Activity) -> np.ndarray:
    """Share of the tool uses with an outcome that failed by the agent's fault."""
    return activity.use_share(activity.failure_mask(*AGENT_FAULTS), among=activity.uses.success >= 0)


def error_run(activity: Activity) -> np.ndarray:
    """Most failed tool uses in a row."""
    return activity.longest_run(activity.failure_mask(*AGENT_FAULTS))


def invalid_share(activity: Activity) -> np.ndarray:
    """Share of tool uses whose input was invalid."""
    return activity.use_share(activity.failure_mask("invalid_input"), among=activity.uses.success >= 0)


def retry_share(activity: Activity) -> np.ndarray:
    """Share of tool uses that call the same tool right after it failed."""
    failed = activity.failure_mask(*AGENT_FAULTS)
    names = activity.uses.name
    if not len(names):
        return np.full(len(activity), np.nan)
    retried = np.concatenate(([False], failed[:-1] & (names[1:] == names[:-1]))) & activity.follows
    return activity.use_share(retried)


def rejection_share(activity: Activity) -> np.ndarray:
    """Refusals by a person, a rule or a hook for each tool use."""
    table = activity.sessions.table
    decided = activity.event_mask("tool_decision") & table.is_one_of("decision", ("reject",))
    by_decision = activity.count_events(decided)
    refused = activity.failure_mask("user_rejected", "denied")
    by_result = np.bincount(activity.uses.session[refused], minlength=len(activity))
    rejections = np.maximum(by_decision, by_result)
    return ratio(rejections, activity.use_count + rejections)


def unanswered_share(activity: Activity) -> np.ndarray:
    """Share of tool uses without a result: denied, cancelled, interrupted or still running."""
    return activity.use_share(~activity.uses.has_result)


def api_error_share(activity: Activity) -> np.ndarray:
    """Share of model requests that failed; NaN where the telemetry has no model requests."""
    errors = activity.count_named("api_error")
    requests = activity.count_named("api_request")
    return ratio(errors, errors + requests)


def interruptions(activity: Activity) -> np.ndarray:
    """Notifications: the agent waited for a person, or a person interrupted it."""
    return activity.count_named("notification")


FEATURES: Final = (
    Feature("scope_violations_ratio", "ratio", "boundaries", "Share of the tool uses with a path that lie outside the project.", "high", 0.05, outside_share, ("details",)),
    Feature("scope_violation_writes", "writes", "boundaries", "Writes outside the project.", "high", 1.0, outside_writes, ("details",), is_skewed=True),
    Feature("error_ratio", "ratio", "errors", "Share of tool uses that failed; refusals and cancelled siblings do not count.", "high", 0.05, error_share),
    Feature("error_run_longest", "tool uses", "errors", "Most failed tool uses in a row.", "high", 1.0, error_run, is_skewed=True),
    Feature("invalid_input_ratio", "ratio", "errors", "Share of tool uses whose input was invalid.", "high", 0.05, invalid_share),
    Feature("retry_ratio", "ratio", "errors", "Share of tool uses that call the same tool right after it failed.", "high", 0.05, retry_share),
    Feature("rejection_ratio", "ratio", "errors", "Refusals by a person, a rule or a hook for each tool use.", "high", 0.03, rejection_share),
    Feature("unanswered_ratio", "ratio", "errors", "Share of tool uses without a result.", "high", 0.05, unanswered_share),
    Feature("api_error_ratio", "ratio", "errors", "Share of model requests that failed.", "high", 0.05, api_error_share),
    Feature("notifications_total", "notifications", "errors", "Times the agent waited for a person or was interrupted.", "high", 2.0, interruptions, is_skewed=True),
)  # fmt: skip
"""Boundaries and errors."""
