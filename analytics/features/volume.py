"""How much a session does, and how its work is spread over kinds of tools."""

from __future__ import annotations

from typing import Final

import numpy as np

from analytics.activity import Activity, Grouped, ratio
from analytics.features.feature import Feature, Measure

IDLE_GAP_SECONDS: Final = 300.0
"""A silence counts as this much activity at most: the rest is a person thinking or away."""


def active_seconds(activity: Activity) -> np.ndarray:
    """Time spent, silences cut short: the span of a session is not its work."""
    gaps = activity.gaps_seconds
    return np.nan_to_num(Grouped(gaps.session, np.minimum(gaps.values, IDLE_GAP_SECONDS), gaps.length).sum())


def tool_uses(activity: Activity) -> np.ndarray:
    """Uses of tools."""
    return activity.use_count


def uses_per_prompt(activity: Activity) -> np.ndarray:
    """Tool uses for each prompt of a person; sessions without one count as a single prompt."""
    prompts = activity.count_named("user_prompt")
    return activity.use_count / np.maximum(prompts, 1.0)


def uses_per_minute(activity: Activity) -> np.ndarray:
    """Tool uses for each active minute, at least one minute being counted."""
    return activity.use_count / np.maximum(active_seconds(activity) / 60.0, 1.0)


def messages_per_use(activity: Activity) -> np.ndarray:
    """Assistant messages for each tool use."""
    return ratio(activity.count_named("assistant_message"), activity.use_count)


def requests_per_use(activity: Activity) -> np.ndarray:
    """Model requests for each tool use; NaN where the telemetry has no model requests."""
    requests = activity.count_named("api_request")
    return ratio(np.where(requests > 0, requests, np.nan), activity.use_count)


def tool_diversity(activity: Activity) -> np.ndarray:
    """Effective number of tools: two to the entropy of the tools' shares."""
    known = activity.uses.name >= 0
    grouped = Grouped(activity.uses.session[known], activity.uses.name[known], len(activity))
    return np.exp2(grouped.entropy())


def distinct_tools(activity: Activity) -> np.ndarray:
    """Different tools used."""
    known = activity.uses.name >= 0
    distinct = Grouped(activity.uses.session[known], activity.uses.name[known], len(activity)).distinct()
    return np.where(activity.use_count > 0, distinct, np.nan)


def share_of(*categories: str) -> Measure:
    """Measure of the share of tool uses that fall in some categories."""

    def measure(activity: Activity) -> np.ndarray:
        return activity.use_share(activity.category_mask(*categories))

    return measure


def subagents_started(activity: Activity) -> np.ndarray:
    """Sub-agents started, by their own event or by the tool that starts them, whichever is more."""
    events = activity.count_named("subagent_start")
    table = activity.sessions.table
    starters = np.array(
        [name.lower() in ("task", "agent", "spawn_agent") for name in table.categories("tool_name")] + [False]
    )
    by_tool = np.bincount(activity.uses.session[starters[activity.uses.name]], minlength=len(activity))
    return np.maximum(events, by_tool)


def compactions(activity: Activity) -> np.ndarray:
    """Times the context was compacted."""
    return activity.count_named("compaction")


FEATURES: Final = (
    Feature("session_duration_seconds", "seconds", "volume", "Active time: silences count for five minutes at most.", "high", 60.0, active_seconds, is_skewed=True),
    Feature("operations_total", "tool uses", "volume", "Uses of tools.", "high", 5.0, tool_uses, is_skewed=True),
    Feature("operations_per_prompt", "tool uses", "volume", "Tool uses for each prompt of a person.", "high", 3.0, uses_per_prompt, is_skewed=True),
    Feature("operations_per_minute", "tool uses per minute", "volume", "Tool uses for each active minute.", "high", 2.0, uses_per_minute, is_skewed=True),
    Feature("messages_per_operation", "messages", "volume", "Assistant messages for each tool use.", "both", 0.2, messages_per_use, is_skewed=True),
    Feature("requests_per_operation", "requests", "volume", "Model requests for each tool use.", "high", 0.3, requests_per_use, is_skewed=True),
    Feature("subagents_started", "sub-agents", "volume", "Sub-agents started.", "high", 2.0, subagents_started, is_skewed=True),
    Feature("compactions_total", "compactions", "volume", "Times the context was compacted.", "high", 1.0, compactions, is_skewed=True),
    Feature("tool_diversity", "tools", "tools", "Effective number of tools: two to the entropy of the tools' shares.", "both", 0.5, tool_diversity),
    Feature("distinct_tools", "tools", "tools", "Different tools used.", "high", 1.0, distinct_tools, is_skewed=True),
    *(
        Feature(f"{name}_ratio", "ratio", "tools", f"Share of tool uses that {meaning}.", "both", 0.05, share_of(*categories))
        for name, categories, meaning in (
            ("read_tools", ("read", "search"), "read or search"),
            ("write_tools", ("write",), "write or change something"),
            ("shell_tools", ("shell",), "run a shell"),
            ("web_tools", ("web",), "reach the web"),
            ("agent_tools", ("agent",), "start or steer sub-agents"),
            ("mcp_tools", ("mcp",), "call an MCP server"),
            ("other_tools", ("plan", "other"), "plan, ask or are of no known kind"),
        )
    ),
)  # fmt: skip
"""Volume and tool mix."""
