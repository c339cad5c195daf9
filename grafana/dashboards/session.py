"""*Session*: one session by its id: how risky, why, what it did."""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.builders import bargauge, logs, stat, table, timeseries
from grafana_foundation_sdk.models.dashboard import Dashboard, DataTransformerConfig

from grafana.dashboards import variables
from grafana.dashboards.frame import Identity, frame, with_panels
from grafana.dashboards.links import SESSION_UID, data_links
from grafana.dashboards.panels import (
    LOKI,
    as_numbers,
    ask_loki,
    ask_loki_for_lines,
    ask_loki_now,
    ask_prometheus,
    bars_panel,
    by_steps,
    columns_from_labels,
    level_steps,
    logs_panel,
    ranking_panel,
    series_panel,
    shown_as,
    stat_panel,
    table_panel,
    transformation,
    with_unit,
)
from grafana.queries import session as queries

IDENTITY: Final = Identity(
    uid=SESSION_UID,
    title="Sigyn · Session",
    description="One session: its risk and what it is made of, what it did and when, its findings and its log lines.",
    since="now-7d",
)

_FACT_HEADINGS: Final = {
    "status": "Status",
    "level": "Level",
    "human_verdict": "Verdict",
    "confidence": "Confidence",
    "agent": "Agent",
    "user_id": "User",
    "project": "Project",
    "model": "Model",
    "started_at": "Started",
    "ended_at": "Last event",
    "events": "Events",
    "fingerprint": "Fingerprint",
    "cluster": "Cluster",
    "distance": "Distance",
    "is_final": "Final",
    "needed": "Sessions needed",
    "url": "Page",
}


def session() -> Dashboard:
    """The dashboard."""
    builder = frame(IDENTITY).variables([*variables.data_sources(), variables.job(), variables.session()])
    return with_panels(
        builder,
        [
            risk().span(5).height(7),
            parts().span(7).height(7),
            detectors().span(6).height(7),
            live_anomaly().span(6).height(7),
            facts().span(24).height(5),
            reasons().span(24).height(7),
            timeline().span(14).height(9),
            score_over_time().span(10).height(9),
            findings().span(24).height(8),
            log_lines().span(24).height(12),
        ],
    )


def risk() -> stat.Panel:
    """The newest score."""
    return (
        stat_panel("Risk", "Newest risk score of the session, 0 to 100 %, coloured by level.", "percentunit", LOKI)
        .with_target(ask_loki_now(queries.RISK, "risk"))
        .decimals(0)
        .thresholds(level_steps())
        .color_scheme(by_steps())
    )


def _numbers_of(column: str) -> list[DataTransformerConfig]:
    """From one line's JSON object in a label to one number a name."""
    return [
        transformation("extractFields", source="labels", format="json", replace=True, keepTime=False),
        transformation("extractFields", source=column, format="json", replace=True, keepTime=False),
    ]


def parts() -> bargauge.Panel:
    """What the risk is made of."""
    panel = ranking_panel(
        "Parts of the risk",
        "What the risk is made of: the anomaly's share and that of each rule with findings. They add up to the risk.",
        "percentunit",
        LOKI,
    ).with_target(ask_loki_for_lines(queries.PARTS, most=1))
    return panel.max(1).transformations(_numbers_of("parts"))


def detectors() -> bargauge.Panel:
    """Each detector's score."""
    panel = ranking_panel(
        "Anomaly by detector",
        "Calibrated score of each detector: a healthy session exceeds it with a chance of at most one minus the score.",
        "percentunit",
        LOKI,
    ).with_target(ask_loki_for_lines(queries.DETECTORS, most=1))
    return panel.max(1).transformations(_numbers_of("detectors"))


def live_anomaly() -> timeseries.Panel:
    """The scores while the session runs."""
    panel = series_panel(
        "Anomaly while it runs",
        "Course of the detectors' scores, joint is their common verdict. Only the riskiest sessions have series of "
        "their own in Prometheus; for others this stays empty.",
        "percentunit",
    )
    return panel.max(1).with_target(ask_prometheus(queries.LIVE_ANOMALY, "{{detector}}"))


def facts() -> table.Panel:
    """Who, where, when, and how far the score can be trusted."""
    panel = table_panel(
        "Session",
        "Who and where, when, why there is or is no score, how much ground the score stands on, and the behaviour it "
        "resembles. The page has the whole timeline and takes a verdict.",
        "none",
        LOKI,
    ).with_target(ask_loki_for_lines(queries.FACTS, most=1))
    panel = panel.transformations(columns_from_labels(*queries.FACT_COLUMNS)).with_transformation(
        as_numbers("confidence", "distance")
    )
    for name, heading in _FACT_HEADINGS.items():
        panel = panel.override_by_name(name, shown_as(heading))
    return (
        panel.override_by_name("confidence", with_unit("percentunit", 0))
        .override_by_name("distance", with_unit("none", 1))
        .override_by_name("url", [data_links(Session_page="${__value.raw}")])
    )


def reasons() -> table.Panel:
    """Features against what was expected."""
    panel = table_panel(
        "Features against their expected range",
        "The features that make the session anomalous, strongest first: the value, the range that sessions of this "
        "age usually stay in, and the share of the anomaly it explains.",
        "none",
        LOKI,
    )
    for position, ref in enumerate("ABCDE"[: queries.MOST_REASONS]):
        panel = panel.with_target(ask_loki_for_lines(queries.reason(position), most=1, ref=ref))
    panel = panel.transformations([*columns_from_labels(*queries.REASON_COLUMNS), transformation("merge")])
    return (
        panel.with_transformation(as_numbers("value", "expected_low", "expected_high", "contribution"))
        .with_transformation(transformation("sortBy", fields={}, sort=[{"field": "contribution", "desc": True}]))
        .override_by_name("feature", shown_as("Feature"))
        .override_by_name("value", shown_as("Value", *with_unit("short", 2)))
        .override_by_name("expected_low", shown_as("Expected from", *with_unit("short", 2)))
        .override_by_name("expected_high", shown_as("Expected to", *with_unit("short", 2)))
        .override_by_name("contribution", shown_as("Share", *with_unit("percentunit", 0)))
        .override_by_name("text", shown_as("In words"))
    )


def timeline() -> timeseries.Panel:
    """What happened when."""
    return bars_panel(
        "Timeline",
        "Events of the session's telemetry by kind, as they lie in Loki. Choose the time range of the session.",
        "short",
        LOKI,
    ).with_target(ask_loki(queries.EVENTS_BY_KIND, "{{kind_of_event}}"))


def score_over_time() -> timeseries.Panel:
    """How the score came about."""
    panel = series_panel(
        "Score over time",
        "Risk and joint anomaly at each time the exporter wrote the session's verdict.",
        "percentunit",
        LOKI,
    )
    return (
        panel.max(1)
        .with_target(ask_loki(queries.RISK_OVER_TIME, "risk", "A"))
        .with_target(ask_loki(queries.ANOMALY_OVER_TIME, "anomaly", "B"))
    )


def findings() -> logs.Panel:
    """Which rules matched."""
    return logs_panel(
        "Findings",
        "Rules that matched in the session, coloured by severity, with count and reference.",
    ).with_target(ask_loki_for_lines(queries.FINDING_LINES, most=200))


def log_lines() -> logs.Panel:
    """The telemetry itself."""
    return logs_panel(
        "Log lines",
        "The session's own telemetry, newest first; failed calls are coloured as errors. A line of OTLP telemetry is "
        "short: open it for its fields. Reads the streams of the default selector.",
    ).with_target(ask_loki_for_lines(queries.LOG_LINES, most=1000))
