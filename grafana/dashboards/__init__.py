"""The dashboards: one line each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from grafana_foundation_sdk.models.dashboard import Dashboard

from grafana.dashboards.behaviour import behaviour
from grafana.dashboards.exporter import exporter
from grafana.dashboards.session import session
from grafana.dashboards.usage import usage

DASHBOARDS: Final[tuple[Callable[[], Dashboard], ...]] = (
    behaviour,
    session,
    usage,
    exporter,
)
