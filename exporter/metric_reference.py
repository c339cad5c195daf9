"""The page of metrics, rendered from what is registered for the exposition."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.metrics_core import CounterMetricFamily

from analytics.registry import load_analyses
from exporter.collector import ANOMALOUS_FROM, FAMILIES
from exporter.instrumentation import Instrumentation
from exporter.recent_sessions import gauge_specs
from exporter.reference_pages import markdown_table

_TITLES: Final = ("metric", "type", "labels", "meaning")

_INTRODUCTION: Final = """\
# Metrics

<!-- Written by `python -m exporter.feature_reference --write`; edit the families in `exporter/` instead. -->

Everything on `/metrics`.
A scrape reads what the last finished cycle found and computes nothing.

- Only the riskiest sessions have series of their own (`metrics.tracked_sessions`);
  sessions that drop out vanish from the exposition.
- Label values that telemetry names freely (tools, users, projects, unknown events …) are bounded in number; what is
  beyond the bound is counted under `other`.
- Counters live in the state and go on after a restart.
- A family without samples is left out: before the first cycle, and scores once they are withdrawn for being stale.
"""


@dataclass(frozen=True, slots=True)
class MetricEntry:
    """One row of the page."""

    name: str
    type: str
    labels: tuple[str, ...]
    help: str


def result_metrics() -> list[MetricEntry]:
    """What the cycles find, in the order of the exposition."""
    entries = [
        MetricEntry(
            family.name,
            "counter" if family.kind is CounterMetricFamily else "gauge",
            family.labels,
            family.help.format(line=ANOMALOUS_FROM),
        )
        for family in FAMILIES
    ]
    specs = gauge_specs(load_analyses())
    return entries + [MetricEntry(spec.name, "gauge", tuple(spec.labels), spec.help) for spec in specs]


def process_metrics() -> list[MetricEntry]:
    """What the exporter says about itself, by name."""
    registry = CollectorRegistry()
    Instrumentation(registry, "")
    return sorted(_registered(registry), key=lambda entry: entry.name)


def _registered(registry: CollectorRegistry) -> Iterator[MetricEntry]:
    # prometheus-client tells which metrics are registered, and their label names, in no public place.
    for metric in registry._collector_to_names:  # noqa: SLF001 - see above
        assert isinstance(metric, MetricWrapperBase)
        (family,) = metric.describe()
        name = f"{family.name}_total" if family.type == "counter" else family.name
        yield MetricEntry(name, family.type, tuple(metric._labelnames), family.documentation)  # noqa: SLF001 - see above


def render_metrics() -> str:
    """The page, Markdown: what was found, then the exporter's own."""
    lines = [_INTRODUCTION]
    for title, entries in (("What was found", result_metrics()), ("The exporter itself", process_metrics())):
        lines += [f"## {title}", "", *markdown_table(_TITLES, map(_cells, entries)), ""]
    return "\n".join(lines)


def _cells(entry: MetricEntry) -> tuple[str, ...]:
    return f"`{entry.name}`", entry.type, ", ".join(f"`{label}`" for label in entry.labels), entry.help
