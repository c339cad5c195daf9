"""The names that a query may use: what the exporter exposes, asked of the exporter itself.

``METRICS`` is read off the objects that make the exposition, so a metric that is renamed or dropped breaks the build
of the dashboards and not, unnoticed, a panel.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from prometheus_client import CollectorRegistry

from analytics.registry import load_analyses
from exporter.collector import FAMILIES
from exporter.instrumentation import Instrumentation
from exporter.metric_reference import process_metrics
from exporter.recent_sessions import gauge_specs

SCRAPE_LABELS: Final = ("job", "instance")
"""Labels that Prometheus adds to every series it scrapes."""


class UnknownMetricError(ValueError):
    """A query names a metric or label that the exporter does not expose."""


def _exposed() -> Mapping[str, tuple[str, ...]]:
    """Label names by sample name of everything on ``/metrics``."""
    registry = CollectorRegistry()
    Instrumentation(registry, version="")
    own = {sample.name: tuple(sample.labels) for family in registry.collect() for sample in family.samples}
    # Some have no series before the first cycle; a histogram's samples have other names than the histogram.
    registered = {entry.name: entry.labels for entry in process_metrics() if entry.type != "histogram"}
    cached = {family.name: family.labels for family in FAMILIES}
    specs = gauge_specs(load_analyses())
    readings = {spec.name: tuple(spec.labels) for spec in specs}
    return MappingProxyType({**registered, **own, **cached, **readings})


METRICS: Final = _exposed()
"""Label names by sample name."""


def metric(name: str, *labels: str) -> str:
    """The name, once it is known that the exporter exposes it with these labels.

    Raises:
        UnknownMetricError: the name or a label is not in the exposition.
    """
    if name not in METRICS:
        raise UnknownMetricError(f"{name}: the exporter exposes no such metric")
    if unknown := set(labels) - {*METRICS[name], *SCRAPE_LABELS}:
        raise UnknownMetricError(f"{name}: no label {', '.join(sorted(unknown))}")
    return name
