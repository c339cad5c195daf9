"""*Usage and spend*: who spends how much money and how many tokens, and which commands and personas are in use."""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.builders import bargauge, stat, timeseries
from grafana_foundation_sdk.models.dashboard import Dashboard

from grafana.dashboards import variables
from grafana.dashboards.frame import Identity, frame, with_panels
from grafana.dashboards.panels import (
    ask_prometheus,
    ask_prometheus_now,
    bars_panel,
    ranking_panel,
    series_panel,
    stat_panel,
)
from grafana.queries import usage as queries

IDENTITY: Final = Identity(
    uid="sigyn-usage",
    title="Sigyn · Usage and spend",
    description="What coding agents cost, and which commands and personas people use with them.",
    since="now-7d",
)
_MONEY: Final = "currencyUSD"
_ESTIMATE: Final = "Amounts are the agents' own estimates; agents that send no cost count as nothing."
_EVERYBODY: Final = "All agents, users and projects."


def usage() -> Dashboard:
    """The dashboard."""
    builder = frame(IDENTITY).variables(
        [
            *variables.data_sources(),
            variables.job(),
            variables.who("agent", "Agent", "agent"),
            variables.who("user", "User", "user_id"),
            variables.who("project", "Project", "project"),
        ]
    )
    return with_panels(
        builder,
        [
            spend().span(6).height(8),
            spend_by("user", queries.SPEND_BY_USER, "{{user_id}}").span(9).height(8),
            spend_by("project", queries.SPEND_BY_PROJECT, "{{project}}").span(9).height(8),
            hourly_spend_by("user", queries.HOURLY_SPEND_BY_USER, "{{user_id}}").span(12).height(9),
            hourly_spend_by("project", queries.HOURLY_SPEND_BY_PROJECT, "{{project}}").span(12).height(9),
            tokens().span(6).height(8),
            tokens_by_kind().span(12).height(8),
            tokens_by_agent().span(6).height(8),
            workflows().span(8).height(9),
            persona_calls().span(16).height(9),
        ],
    )


def spend() -> stat.Panel:
    """All of it."""
    return stat_panel(
        "Spend", f"US dollars spent in the time range. {_ESTIMATE} User and project apply.", _MONEY
    ).with_target(ask_prometheus_now(queries.SPEND, "spend"))


def spend_by(what: str, query: str, legend: str) -> bargauge.Panel:
    """The most expensive users or projects."""
    return ranking_panel(
        f"Spend by {what}",
        f"The {queries.MOST_BARS} {what}s that cost most in the time range; those beyond the fifty most expensive are "
        f"counted together as other. {_ESTIMATE} User and project apply.",
        _MONEY,
    ).with_target(ask_prometheus_now(query, legend))


def hourly_spend_by(what: str, query: str, legend: str) -> timeseries.Panel:
    """How fast money goes, in the unit of the alerts on unusual spend."""
    return series_panel(
        f"Spend an hour, by {what}",
        "US dollars an hour. The alerts on unusual spend compare an hour's sum with what is usual for the same "
        f"{what}. User and project apply.",
        _MONEY,
    ).with_target(ask_prometheus(query, legend))


def tokens() -> stat.Panel:
    """All of them."""
    return stat_panel("Tokens", "Tokens of every kind in the time range. Agent applies.", "short").with_target(
        ask_prometheus_now(queries.TOKENS, "tokens")
    )


def tokens_by_kind() -> timeseries.Panel:
    """Read, written, or taken from the cache."""
    return bars_panel(
        "Tokens by kind",
        "Tokens sent (input), received (output), read from the cache and written to it. Agent applies.",
        "short",
    ).with_target(ask_prometheus(queries.TOKENS_BY_KIND, "{{kind}}"))


def tokens_by_agent() -> bargauge.Panel:
    """Which agent takes them."""
    return ranking_panel(
        "Tokens by agent", "Tokens of every kind in the time range, by agent. Agent applies.", "short"
    ).with_target(ask_prometheus_now(queries.TOKENS_BY_AGENT, "{{agent}}"))


def workflows() -> bargauge.Panel:
    """Slash commands and skills."""
    return ranking_panel(
        "Slash commands and skills",
        f"The {queries.MOST_BARS} slash commands and skills that were used most in the time range. {_EVERYBODY}",
        "short",
    ).with_target(ask_prometheus_now(queries.WORKFLOWS, "{{workflow}}"))


def persona_calls() -> timeseries.Panel:
    """What is done under each persona."""
    return bars_panel(
        "Tool calls by persona and outcome",
        f"Tool calls in sessions that were asked to take a persona, by outcome. {_EVERYBODY}",
        "short",
    ).with_target(ask_prometheus(queries.PERSONA_CALLS, "{{persona}} {{outcome}}"))
