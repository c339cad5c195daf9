"""What the dashboard *Usage and spend* asks: money, tokens, commands and personas."""

from __future__ import annotations

from typing import Final

from grafana.queries.promql import growth, growth_in_range, rate, series

MOST_BARS: Final = 10
"""Names that a ranking shows."""
_SECONDS_AN_HOUR: Final = 3600

_COST: Final = series("sigyn_cost_usd_total", {"user_id": "$user", "project": "$project"})
_TOKENS: Final = series("sigyn_tokens_total", {"agent": "$agent"})
_WORKFLOWS: Final = series("sigyn_workflow_uses_total")


def _highest(expression: str) -> str:
    return f"topk({MOST_BARS}, {expression} > 0)"


def _an_hour(selector: str, *labels: str) -> str:
    return f"{rate(selector, *labels)} * {_SECONDS_AN_HOUR}"


SPEND: Final = growth_in_range(_COST)
SPEND_BY_USER: Final = _highest(growth_in_range(_COST, "user_id"))
SPEND_BY_PROJECT: Final = _highest(growth_in_range(_COST, "project"))
HOURLY_SPEND_BY_USER: Final = _an_hour(_COST, "user_id")
HOURLY_SPEND_BY_PROJECT: Final = _an_hour(_COST, "project")

TOKENS: Final = growth_in_range(_TOKENS)
TOKENS_BY_KIND: Final = growth(_TOKENS, "kind")
TOKENS_BY_AGENT: Final = growth_in_range(_TOKENS, "agent")

WORKFLOWS: Final = _highest(growth_in_range(_WORKFLOWS, "workflow"))
PERSONA_CALLS: Final = growth(series("sigyn_persona_tool_calls_total"), "persona", "outcome")
