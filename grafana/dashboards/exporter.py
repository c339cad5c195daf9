"""*Exporter*: is the pipeline healthy, and how good are its models."""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.builders import bargauge, stat, timeseries
from grafana_foundation_sdk.models.dashboard import Dashboard, ValueMap, ValueMappingResult

from exporter.exposition_summary import SESSION_STATES
from exporter.instrumentation import CYCLE_OUTCOMES, TRAINING_OUTCOMES
from grafana.dashboards import variables
from grafana.dashboards.frame import Identity, frame, with_panels
from grafana.dashboards.panels import (
    ask_prometheus,
    ask_prometheus_now,
    bars_panel,
    by_steps,
    coloured_by_name,
    ranking_panel,
    series_panel,
    stat_panel,
    steps,
)
from grafana.queries import exporter as queries

IDENTITY: Final = Identity(
    uid="sigyn-exporter",
    title="Sigyn · Exporter",
    description="Is telemetry read, scored and announced in time, and are the models fresh.",
    since="now-24h",
)

_LATE: Final = 2
"""Intervals without a successful cycle that deserve a look."""
_VERY_LATE: Final = 5


def exporter() -> Dashboard:
    """The dashboard."""
    builder = frame(IDENTITY).variables(
        [variables.data_sources()[0], variables.job(), variables.instance(), variables.data_sources()[1]]
    )
    return with_panels(
        builder,
        [
            lag_in_intervals().span(4).height(5),
            sources_up().span(6).height(5),
            last_reload().span(4).height(5),
            versions().span(4).height(5),
            sessions_left_out().span(6).height(5),
            lag().span(12).height(8),
            cycles().span(12).height(8),
            cycle_duration().span(12).height(8),
            loki_requests().span(12).height(8),
            events_read().span(12).height(8),
            events_dropped().span(12).height(8),
            model_age().span(8).height(8),
            trainings().span(8).height(8),
            drift().span(8).height(8),
            clusters().span(8).height(8),
            sessions_by_state().span(8).height(8),
            announcements().span(8).height(8),
            novelties().span(12).height(8),
            false_alarms().span(12).height(8),
        ],
    )


def _yes_or_no(yes: str, no: str) -> ValueMap:
    return ValueMap({"1": ValueMappingResult(text=yes, color="green"), "0": ValueMappingResult(text=no, color="red")})


def lag_in_intervals() -> stat.Panel:
    """How late, in terms of the configured interval."""
    return (
        stat_panel(
            "Lag in intervals",
            "Time since the last successful cycle as a multiple of the configured interval; about 1 is in time. No "
            "data before the first success.",
            "none",
        )
        .with_target(ask_prometheus(queries.LAG_IN_INTERVALS, "{{instance}}"))
        .decimals(1)
        .thresholds(steps("green", (_LATE, "yellow"), (_VERY_LATE, "red")))
        .color_scheme(by_steps())
    )


def sources_up() -> stat.Panel:
    """Which sources can be read."""
    return (
        stat_panel("Sources", "Whether each source could be read in the last cycle.", "none")
        .with_target(ask_prometheus_now(queries.SOURCES_UP, "{{source}}"))
        .mappings([_yes_or_no("up", "down")])
    )


def last_reload() -> stat.Panel:
    """Whether the configuration in force is the one in the file."""
    return (
        stat_panel(
            "Configuration",
            "Whether the last load of the configuration file succeeded; if not, the earlier one is still in force.",
            "none",
        )
        .with_target(ask_prometheus_now(queries.RELOAD_SUCCESSFUL, "{{instance}}"))
        .mappings([_yes_or_no("loaded", "refused")])
    )


def versions() -> stat.Panel:
    """What is running."""
    return stat_panel("Version", "Exporters by version of Sigyn and Python.", "short").with_target(
        ask_prometheus_now(queries.VERSIONS, "{{version}} on Python {{python_version}}")
    )


def sessions_left_out() -> stat.Panel:
    """What the exposition does not show one by one."""
    return (
        stat_panel(
            "Sessions without own series",
            "Scored sessions that have no series of their own because others are riskier, or because a person called "
            "them benign; pages, totals and Loki have them.",
            "short",
        )
        .with_target(ask_prometheus(queries.UNTRACKED, "less risky", "A"))
        .with_target(ask_prometheus(queries.CALLED_BENIGN, "called benign", "B"))
    )


def lag() -> timeseries.Panel:
    """Against the interval."""
    return (
        series_panel("Lag", "Time since the last successful cycle, and the configured time between cycles.", "s")
        .with_target(ask_prometheus(queries.LAG, "{{instance}}", "A"))
        .with_target(ask_prometheus(queries.INTERVAL, "{{instance}} interval", "B"))
    )


def cycles() -> timeseries.Panel:
    """By outcome."""
    panel = bars_panel("Cycles", "Finished cycles by outcome.", "short")
    return coloured_by_name(panel, CYCLE_OUTCOMES).with_target(ask_prometheus(queries.CYCLES, "{{outcome}}"))


def cycle_duration() -> timeseries.Panel:
    """How long a cycle takes."""
    return (
        series_panel("Cycle duration", "How long cycles took: median and the time 95 % of them stayed within.", "s")
        .with_target(ask_prometheus(queries.CYCLE_MEDIAN, "median", "A"))
        .with_target(ask_prometheus(queries.CYCLE_P95, "95 %", "B"))
    )


def loki_requests() -> timeseries.Panel:
    """By operation and outcome."""
    return series_panel(
        "Requests to Loki", "Requests sent to Loki by operation and outcome, a second.", "reqps"
    ).with_target(ask_prometheus(queries.LOKI_REQUESTS, "{{operation}} {{outcome}}"))


def events_read() -> timeseries.Panel:
    """By format."""
    return series_panel(
        "Events read", "Telemetry events read by the decoder that understood them, a second.", "cps"
    ).with_target(ask_prometheus(queries.EVENTS_READ, "{{source}}"))


def events_dropped() -> timeseries.Panel:
    """By reason, and values lost from events that were kept."""
    panel = series_panel(
        "Events dropped",
        "Telemetry records that could not be used, by reason, a second; a duplicate was known already. And values that "
        "were implausible or cut, of events that count all the same.",
        "cps",
    ).with_target(ask_prometheus(queries.EVENTS_DROPPED, "{{reason}}"))
    return panel.with_target(ask_prometheus(queries.VALUES_LOST, "{{reason}}", "B"))


def model_age() -> timeseries.Panel:
    """Since training."""
    return series_panel("Model age", "Time since the model in use was trained, by analysis.", "s").with_target(
        ask_prometheus(queries.MODEL_AGE, "{{analysis}}")
    )


def trainings() -> timeseries.Panel:
    """By outcome."""
    panel = bars_panel("Trainings", "Finished trainings by outcome.", "short")
    return coloured_by_name(panel, TRAINING_OUTCOMES).with_target(ask_prometheus(queries.TRAININGS, "{{outcome}}"))


def drift() -> timeseries.Panel:
    """How far behaviour has moved from what the models learnt."""
    panel = series_panel(
        "Drift",
        "Share of features whose recent sessions differ from those the models learnt from. Empty until there are "
        "enough recent sessions.",
        "percentunit",
    )
    return panel.max(1).with_target(ask_prometheus(queries.DRIFT, "{{instance}}"))


def clusters() -> bargauge.Panel:
    """What the fingerprint model learnt."""
    return ranking_panel(
        "Behavioural clusters", "Sessions the fingerprint model learnt from, by behavioural cluster.", "short"
    ).with_target(ask_prometheus_now(queries.CLUSTERS, "{{cluster}}"))


def sessions_by_state() -> timeseries.Panel:
    """Levels, and why sessions have none."""
    panel = bars_panel(
        "Sessions by level",
        "Sessions within the lookback by level of risk; initializing waits for a model, insufficient is too short.",
        "short",
    )
    return coloured_by_name(panel, SESSION_STATES).with_target(ask_prometheus(queries.SESSIONS, "{{level}}"))


def announcements() -> timeseries.Panel:
    """Lines written back into Loki."""
    return bars_panel("Announcements", "Lines written back into Loki by kind and outcome.", "short").with_target(
        ask_prometheus(queries.ANNOUNCEMENTS, "{{kind}} {{outcome}}")
    )


def novelties() -> timeseries.Panel:
    """What no session has shown before."""
    panel = bars_panel(
        "What is new",
        "Users, agents, versions and tools that no session has shown before, by kind; not kept are those beyond what "
        "is remembered.",
        "short",
    )
    return panel.with_target(ask_prometheus(queries.NOVELTIES, "{{kind}}")).with_target(
        ask_prometheus(queries.UNREMEMBERED, "{{kind}}, not kept", "B")
    )


def false_alarms() -> timeseries.Panel:
    """What the alert budget allows and what is expected."""
    panel = series_panel(
        "False alarms a week",
        "Healthy sessions a week expected to reach high by their anomaly alone, and the budget for them.",
        "short",
    )
    return panel.with_target(ask_prometheus(queries.EXPECTED_FALSE_ALARMS, "expected")).with_target(
        ask_prometheus(queries.FALSE_ALARM_BUDGET, "budget", "B")
    )
