"""*Agent behaviour*: who works how, how risky it is and why; the eleven panels of the contract, in its order."""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.builders import bargauge, logs, stat, table, timeseries
from grafana_foundation_sdk.models.dashboard import Dashboard, DataTransformerConfig, FieldColorModeId

from analytics.findings import SEVERITIES
from analytics.verdicts import LEVELS
from exporter.collector import ANOMALOUS_FROM
from grafana.dashboards import variables
from grafana.dashboards.frame import Identity, frame, with_panels
from grafana.dashboards.links import data_links, log_lines, session_dashboard
from grafana.dashboards.panels import (
    LOKI,
    as_numbers,
    ask_loki_for_lines,
    ask_prometheus,
    ask_prometheus_for_rows,
    ask_prometheus_now,
    bars_panel,
    by_steps,
    coloured_by_name,
    columns_from_labels,
    filled_cells,
    level_steps,
    logs_panel,
    on_right_axis,
    ranking_panel,
    series_panel,
    shaded,
    shown_as,
    stat_panel,
    steps,
    table_panel,
    transformation,
    width,
    with_unit,
)
from grafana.queries import behaviour as queries

IDENTITY: Final = Identity(
    uid="sigyn-behaviour",
    title="Sigyn · Agent behaviour",
    description="What coding agents do, how risky their sessions are, and why.",
    since="now-7d",
)

_HEADINGS: Final = {
    "risk": "Risk",
    "level": "Level",
    "agent": "Agent",
    "user_id": "User",
    "project": "Project",
    "reason": "Main reason",
    "finding": "Main finding",
    "events": "Events",
    "human_verdict": "Verdict",
    "url": "Page",
}
_EXPECTED_ANOMALOUS: Final = 1.0 - ANOMALOUS_FROM
"""Share of healthy sessions that a calibrated detector calls anomalous."""


def behaviour() -> Dashboard:
    """The dashboard."""
    builder = frame(IDENTITY).variables(
        [
            *variables.data_sources(),
            variables.job(),
            variables.who("agent", "Agent", "agent"),
            variables.who("user", "User", "user_id"),
            variables.who("project", "Project", "project"),
            variables.level(),
        ]
    )
    return with_panels(
        builder,
        [
            security_alerts().span(16).height(10),
            risk_distribution().span(8).height(10),
            anomaly_over_time().span(12).height(9),
            workflow_patterns().span(12).height(9),
            fingerprint().span(24).height(9),
            high_risk_sessions().span(24).height(10),
            personas().span(12).height(8),
            detection_rate("Isolation Forest", "isolation_forest").span(4).height(8),
            detection_rate("LOF", "lof").span(4).height(8),
            average_risk().span(4).height(8),
            trends().span(24).height(9),
        ],
    )


def security_alerts() -> logs.Panel:
    """1: findings as they happen, and sessions that reached an alerting level."""
    return (
        logs_panel(
            "Real-time security alerts",
            "Findings of rules as they happen, and sessions whose risk is high or critical; coloured by severity, "
            "which is also the first word. Agent, user, project and level apply.",
        )
        .with_target(ask_loki_for_lines(queries.FINDING_LINES, queries.MOST_LINES, "A"))
        .with_target(ask_loki_for_lines(queries.ALERTING_SESSION_LINES, queries.MOST_LINES, "B"))
    )


def risk_distribution() -> bargauge.Panel:
    """2: how many sessions at each level."""
    panel = ranking_panel(
        "Risk score distribution",
        "Scored sessions within the exporter's lookback by level of risk: low below 0.4, medium from 0.4, high from "
        "0.7, critical from 0.9. All agents, users and projects; level applies.",
        "short",
    )
    rising = [name for name, _ in reversed(LEVELS)]
    for ref, name in zip("ABCD", rising, strict=True):
        panel = panel.with_target(ask_prometheus_now(queries.sessions_at(name), name, ref))
    return coloured_by_name(panel, rising)


def anomaly_over_time() -> timeseries.Panel:
    """3: by detector."""
    panel = series_panel(
        "Anomaly scores over time, by detector",
        "Median and highest calibrated anomaly score of the sessions that have series of their own (the riskiest "
        "ones); joint is the detectors' common verdict. Agent, user and project apply.",
        "percentunit",
    )
    return (
        panel.max(1)
        .with_target(ask_prometheus(queries.ANOMALY_MEDIAN, "{{detector}} median", "A"))
        .with_target(ask_prometheus(queries.ANOMALY_HIGHEST, "{{detector}} highest", "B"))
    )


def workflow_patterns() -> table.Panel:
    """4: which kind of tool follows which."""
    return (
        table_panel(
            "Workflow pattern analysis",
            "How often a tool of one category (row) was followed by one of another (column) within a session, in the "
            "time range. All agents, users and projects.",
            "short",
        )
        .with_target(ask_prometheus_for_rows(queries.TRANSITIONS))
        .with_transformation(
            transformation("groupingToMatrix", columnField="to_category", rowField="from_category", valueField="Value")
        )
        .decimals(0)
        .color_scheme(shaded(FieldColorModeId.CONTINUOUS_BLUES))
        .override_by_field_type("number", [filled_cells()])
        .override_by_name("from_category\\to_category", shown_as("from \\ to"))
    )


def fingerprint() -> timeseries.Panel:
    """5: tool diversity and activity patterns."""
    return (
        bars_panel(
            "Behavioural fingerprint: tool diversity and activity patterns",
            f"Bars: calls of the {queries.BUSIEST_TOOLS} busiest tools. Lines, over the sessions of the last day: "
            "median effective number of tools a session uses, and median share of its events outside working hours. "
            "All agents, users and projects.",
            "short",
        )
        .with_target(ask_prometheus(queries.CALLS_OF_BUSIEST_TOOLS, "{{tool_name}}", "A"))
        .with_target(ask_prometheus(queries.TOOL_DIVERSITY, "tool diversity", "B"))
        .with_target(ask_prometheus(queries.OFF_HOURS, "outside working hours", "C"))
        .override_by_name("tool diversity", on_right_axis("none", "purple"))
        .override_by_name("outside working hours", on_right_axis("percentunit", "orange"))
    )


def high_risk_sessions() -> table.Panel:
    """6: who, how high, why; each row leads to the session and its log lines."""
    panel = table_panel(
        "High-risk sessions",
        "Sessions at high or critical risk in the time range, as last written by the exporter, and what a person "
        "said of them. A session's id leads to its dashboard and its log lines, the last column to its page. Agent, "
        "user, project and level apply.",
        "none",
        LOKI,
    ).with_target(ask_loki_for_lines(queries.HIGH_RISK_SESSIONS, queries.MOST_LINES))
    for step in _newest_of_each_session():
        panel = panel.with_transformation(step)
    return _with_links(panel)


def _newest_of_each_session() -> list[DataTransformerConfig]:
    """From lines to one row a session, most risky first."""
    columns = [name for name in queries.HIGH_RISK_COLUMNS if name not in {"session_id", "written"}]
    newest = {name: {"aggregations": ["firstNotNull"], "operation": "aggregate"} for name in columns}
    return [
        *columns_from_labels(*queries.HIGH_RISK_COLUMNS),
        as_numbers("risk", "events"),
        transformation("sortBy", fields={}, sort=[{"field": "written", "desc": True}]),
        transformation("groupBy", fields={"session_id": {"aggregations": [], "operation": "groupby"}, **newest}),
        transformation(
            "organize",
            indexByName={},
            renameByName={"session_id": "Session"} | {f"{name} (firstNotNull)": _HEADINGS[name] for name in columns},
        ),
        transformation("sortBy", fields={}, sort=[{"field": "Risk", "desc": True}]),
    ]


def _with_links(panel: table.Panel) -> table.Panel:
    to_session = data_links(Session=session_dashboard("session_id"), Log_lines=log_lines("session_id"))
    return (
        panel.thresholds(level_steps())
        .override_by_name("Session", [to_session, width(300)])
        .override_by_name("Risk", [*with_unit("percentunit", 0), filled_cells(), width(80)])
        .override_by_name("Page", [data_links(Session_page="${__value.raw}")])
    )


def personas() -> table.Panel:
    """7: how often, and how often with success."""
    return (
        table_panel(
            "Persona usage and effectiveness",
            "Tool calls in sessions that were asked to take a persona, and the share of them that succeeded, in the "
            "time range. All agents, users and projects.",
            "short",
        )
        .with_target(ask_prometheus_for_rows(queries.PERSONA_CALLS, "A"))
        .with_target(ask_prometheus_for_rows(queries.PERSONA_SUCCESS, "B"))
        .with_transformation(transformation("merge"))
        .with_transformation(
            transformation(
                "organize",
                excludeByName={"Time": True},
                indexByName={},
                renameByName={"persona": "Persona", "Value #A": "Tool calls", "Value #B": "Succeeded"},
            )
        )
        .override_by_name("Tool calls", with_unit("short", 0))
        .override_by_name("Succeeded", with_unit("percentunit", 0))
    )


def detection_rate(name: str, detector: str) -> stat.Panel:
    """8 and 9: how much a detector finds."""
    return (
        stat_panel(
            f"{name} detection rate",
            f"Share of the scored sessions within the lookback that {name} calls anomalous, at a score of "
            f"{ANOMALOUS_FROM:g} or more. Healthy sessions alone would give {_EXPECTED_ANOMALOUS:.0%}. All agents, "
            "users and projects.",
            "percentunit",
        )
        .with_target(ask_prometheus(queries.anomalous_ratio(detector), name))
        .decimals(1)
        .thresholds(steps("green", (2 * _EXPECTED_ANOMALOUS, "yellow"), (4 * _EXPECTED_ANOMALOUS, "orange")))
        .color_scheme(by_steps())
    )


def average_risk() -> stat.Panel:
    """10: of all scored sessions."""
    return (
        stat_panel(
            "Average risk score",
            "Mean risk of the scored sessions within the lookback, coloured by level. All agents, users and projects.",
            "percentunit",
        )
        .with_target(ask_prometheus(queries.MEAN_RISK, "mean risk"))
        .decimals(1)
        .thresholds(level_steps())
        .color_scheme(by_steps())
    )


def trends() -> timeseries.Panel:
    """11: security findings and errors."""
    panel = bars_panel(
        "Behavioural trends: security findings and errors",
        "Bars: findings by severity. Line: share of tool calls that failed through the agent's own fault; refused and "
        "cancelled calls do not count as failed. All agents, users and projects.",
        "short",
    )
    return (
        coloured_by_name(panel, SEVERITIES)
        .with_target(ask_prometheus(queries.FINDINGS_BY_SEVERITY, "{{severity}}", "A"))
        .with_target(ask_prometheus(queries.TOOL_ERROR_RATIO, "failed tool calls", "B"))
        .override_by_name("failed tool calls", on_right_axis("percentunit", "purple"))
    )
