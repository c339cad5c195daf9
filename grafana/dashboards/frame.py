"""What all dashboards have in common: identity, links to each other, time, annotations, numbered panels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models.dashboard import Dashboard as DashboardModel
from grafana_foundation_sdk.models.dashboard import DashboardCursorSync, DashboardLinkType

from grafana.dashboards.panels import LOKI, PanelBuilder, ask_loki_for_lines
from grafana.queries.logql import EVENTS

TAG: Final = "sigyn"
MOST_ANNOTATIONS: Final = 100

_ANNOTATIONS: Final = (
    ("Retraining", "trained", "purple"),
    ("Configuration reload", "config_reloaded", "blue"),
)
"""Name, event and colour."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What a dashboard is.

    Attributes:
        uid: its stable id in addresses, at most 40 characters.
        title: its name in Grafana.
        description: one sentence.
        since: begin of the default time range.
    """

    uid: str
    title: str
    description: str
    since: str


def _annotation(name: str, event: str, colour: str) -> dashboard.AnnotationQuery:
    """Marks where the exporter wrote an event line."""
    expression = f'{EVENTS} | event="{event}" | json detail="detail" | line_format `{{{{ .detail }}}}`'
    return (
        dashboard.AnnotationQuery()
        .name(name)
        .datasource(LOKI)
        .enable(enable=True)
        .icon_color(colour)
        .expr(expression)
        .title_format(name)
        .target(ask_loki_for_lines(expression, MOST_ANNOTATIONS, ref="Anno"))
    )


def frame(identity: Identity) -> dashboard.Dashboard:
    """A dashboard without variables and panels.

    It cannot be edited in Grafana: the next provisioning would undo what was edited.
    """
    siblings = (
        dashboard.DashboardLink("Sigyn")
        .type(DashboardLinkType.DASHBOARDS)
        .tags([TAG])
        .as_dropdown(as_dropdown=False)
        .keep_time(keep_time=True)
        .include_vars(include_vars=False)
    )
    return (
        dashboard.Dashboard(identity.title)
        .uid(identity.uid)
        .description(identity.description)
        .tags([TAG])
        .timezone("browser")
        .readonly()
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .time(identity.since, "now")
        .refresh("1m")
        .link(siblings)
        .annotations([_annotation(*one) for one in _ANNOTATIONS])
    )


def with_panels(builder: dashboard.Dashboard, panels: Iterable[PanelBuilder]) -> DashboardModel:
    """The finished dashboard; panels are numbered from 1 in reading order."""
    for number, panel in enumerate(panels, start=1):
        builder.with_panel(panel.id(number))
    finished = builder.build()
    # The SDK puts links and annotations into a menu that is closed at first; above the panels they are seen.
    for shown in (*(finished.links or ()), *(finished.annotations.list_val or ())):
        shown.placement = None
    return finished
