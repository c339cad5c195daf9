"""The variables above a dashboard: data sources, the exporters' job and instance, and who and how risky."""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models.dashboard import VariableOption, VariableRefresh, VariableSort

from analytics.verdicts import LEVELS
from grafana.dashboards.panels import PROMETHEUS
from grafana.metric_names import metric

NO_SESSION: Final = "paste-a-session-id"
"""Value of the session variable before anyone has chosen one."""

_EVERYTHING: Final = VariableOption(selected=True, text=["All"], value=["$__all"])
_WHO_METRICS: Final = ("sigyn_session_risk_score", "sigyn_cost_usd_total", "sigyn_tokens_total")


def data_source(kind: str, label: str) -> dashboard.DatasourceVariable:
    """Which data source of a kind to ask."""
    return dashboard.DatasourceVariable(f"{kind}_datasource").label(label).type(kind)


def data_sources() -> list[dashboard.DatasourceVariable]:
    """Prometheus and Loki."""
    return [data_source("prometheus", "Prometheus data source"), data_source("loki", "Loki data source")]


def _choice(name: str, label: str, query: str, all_value: str) -> dashboard.QueryVariable:
    return (
        dashboard.QueryVariable(name)
        .label(label)
        .datasource(PROMETHEUS)
        .query({"qryType": 1, "query": query, "refId": f"variable-{name}"})
        .definition(query)
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
        .multi(multi=True)
        .include_all(include_all=True)
        .all_value(all_value)
        .current(_EVERYTHING)
    )


def job() -> dashboard.QueryVariable:
    """Prometheus' name for the exporters."""
    return _choice("job", "Job", f"label_values({metric('sigyn_build_info', 'job')}, job)", ".+")


def instance() -> dashboard.QueryVariable:
    """One exporter of the job."""
    selector = f'{metric("sigyn_build_info", "instance")}{{job=~"$job"}}'
    return _choice("instance", "Instance", f"label_values({selector}, instance)", ".+")


def who(name: str, label: str, series_label: str) -> dashboard.QueryVariable:
    """Agent, user or project, as far as any series of the time range names it.

    "All" also takes in sessions of which it is not known.
    """
    names = "|".join(metric(one) for one in _WHO_METRICS)
    query = f'label_values({{__name__=~"{names}", job=~"$job", {series_label}!=""}}, {series_label})'
    return _choice(name, label, query, ".*")


def level() -> dashboard.CustomVariable:
    """Level of risk, or severity of a finding."""
    return (
        dashboard.CustomVariable("level")
        .label("Level")
        .values(",".join(name for name, _ in reversed(LEVELS)))
        .multi(multi=True)
        .include_all(include_all=True)
        .all_value(".*")
        .current(_EVERYTHING)
    )


def session() -> dashboard.TextBoxVariable:
    """The id of the session to look at."""
    return dashboard.TextBoxVariable("session").label("Session").default_value(NO_SESSION)
