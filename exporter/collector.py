"""The exposition of the last finished cycle: a collector that reads a prepared summary and computes nothing.

Families are built anew on every scrape, so sessions that drop out vanish and concurrent scrapes do not meet. The
summary is prepared when a snapshot is published, in the thread that publishes. Values are as old as the last cycle
(``sigyn_last_success_timestamp_seconds`` says when that was), which every HELP text repeats.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from analytics.events import EVENT_NAMES
from analytics.rules import Rule
from exporter.exposition_summary import Bounds, ExpositionSummary, Summariser
from exporter.label_values import AdmittedNames
from exporter.novelties.telling import COUNTED, CROWDED_OUT
from exporter.publisher import Publication, Publisher

ANOMALOUS_FROM: Final = 0.95
MAX_UNKNOWN_EVENT_NAMES: Final = 50
"""Event names without a meaning here that are counted under their own name."""

MAX_NAMES: Final = 50
"""Users, projects, agents, workflows and personas that are counted under their own name, each."""

_CACHED: Final = " Cached: as of the last finished cycle."
_NO_GAUGES: Final[Mapping[str, tuple[str, Sequence[str]]]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Family:
    """One metric family: name as in the exposition, kind, help without the remark on caching, label names."""

    name: str
    kind: type[GaugeMetricFamily | CounterMetricFamily]
    help: str
    labels: tuple[str, ...] = ()

    def new(self) -> GaugeMetricFamily | CounterMetricFamily:
        """An empty family for one scrape."""
        return self.kind(self.name, self.help + _CACHED, labels=self.labels)


FAMILIES: Final = (
    Family(
        "sigyn_session_risk_score",
        GaugeMetricFamily,
        "Risk of a session, 0 to 1, higher is riskier; only the riskiest sessions have series.",
        ("session_id", "agent", "user_id", "project"),
    ),
    Family(
        "sigyn_session_anomaly_score",
        GaugeMetricFamily,
        "Calibrated anomaly of a session by detector, 0 to 1, higher is stranger; detector joint is their verdict.",
        ("session_id", "detector"),
    ),
    Family(
        "sigyn_session_reason_info",
        GaugeMetricFamily,
        "Always 1; the main reasons, in words, of tracked sessions at high risk or above; rank 1 is the weightiest.",
        ("session_id", "rank", "reason"),
    ),
    Family(
        "sigyn_session_last_event_timestamp_seconds",
        GaugeMetricFamily,
        "When a session that has a risk score here had its last event, in Unix time.",
        ("session_id",),
    ),
    Family(
        "sigyn_session_finding_timestamp_seconds",
        GaugeMetricFamily,
        "When a rule last matched in a tracked session at high risk or above, in Unix time; its weightiest rules only.",
        ("session_id", "rule"),
    ),
    Family(
        "sigyn_sessions",
        GaugeMetricFamily,
        "Sessions within the lookback by level of risk; initializing and insufficient have no score.",
        ("level",),
    ),
    Family(
        "sigyn_sessions_benign",
        GaugeMetricFamily,
        "Scored sessions without series of their own because a person called them benign, by level of risk.",
        ("level",),
    ),
    Family(
        "sigyn_sessions_untracked",
        GaugeMetricFamily,
        "Scored sessions without series of their own because others are riskier.",
    ),
    Family("sigyn_risk_score_mean", GaugeMetricFamily, "Mean risk of all scored sessions within the lookback."),
    Family(
        "sigyn_detector_anomalous_ratio",
        GaugeMetricFamily,
        "Share of scored sessions whose calibrated score by this detector is at least {line:g}.",
        ("detector",),
    ),
    Family(
        "sigyn_tool_calls_total",
        CounterMetricFamily,
        "Uses of tools by outcome; rare tools are counted together as other.",
        ("tool_name", "outcome"),
    ),
    Family("sigyn_findings_total", CounterMetricFamily, "Findings of rules.", ("rule", "severity")),
    Family(
        COUNTED,
        CounterMetricFamily,
        "Users, agents, agent versions and tools that nobody had seen before, once each.",
        ("kind",),
    ),
    Family(
        CROWDED_OUT,
        CounterMetricFamily,
        "Sightings by sessions of names that are not remembered, because as many of their kind are as may be.",
        ("kind",),
    ),
    Family(
        "sigyn_model_trained_timestamp_seconds",
        GaugeMetricFamily,
        "When the model in use was trained, in Unix time.",
        ("analysis",),
    ),
    Family(
        "sigyn_events_read_total",
        CounterMetricFamily,
        "Telemetry events read by decoder and event; rare unknown events are counted together as other.",
        ("source", "event"),
    ),
    Family("sigyn_events_dropped_total", CounterMetricFamily, "Telemetry records that could not be used.", ("reason",)),
    Family(
        "sigyn_values_lost_total",
        CounterMetricFamily,
        "Values of events that were implausible and left out, or too long and cut; the events count all the same.",
        ("reason",),
    ),
    Family(
        "sigyn_cost_usd_total",
        CounterMetricFamily,
        "US dollars spent, as estimated by the agents; the cheapest users and projects are counted together as other.",
        ("user_id", "project"),
    ),
    Family("sigyn_tokens_total", CounterMetricFamily, "Tokens by agent and kind.", ("agent", "kind")),
    Family(
        "sigyn_tool_transitions_total",
        CounterMetricFamily,
        "Pairs of neighbouring tool uses in a session, by category of tool.",
        ("from_category", "to_category"),
    ),
    Family("sigyn_workflow_uses_total", CounterMetricFamily, "Uses of slash commands and skills.", ("workflow",)),
    Family(
        "sigyn_persona_tool_calls_total",
        CounterMetricFamily,
        "Tool uses in sessions that were asked to take a persona, by outcome.",
        ("persona", "outcome"),
    ),
)
"""What the contract fixes, in the order of the exposition."""


class SnapshotCollector(Collector):
    """Exposes what a publisher publishes.

    Args:
        publisher: where the snapshots come from.
        gauges: further gauges that analyses publish as readings: help (a full sentence) and label names, by name.
        tracked_sessions: how many sessions, riskiest first, have series of their own.
        max_tool_names: tools counted under their own name; the others count as ``other``.
        rules: those in force: their findings are counted from 0, so that a rate sees the first, and told by title.
        anomalous_from: the score from which a detector calls a session anomalous, in
            ``sigyn_detector_anomalous_ratio``.
    """

    def __init__(  # noqa: PLR0913 - settings, by keyword
        self,
        publisher: Publisher,
        gauges: Mapping[str, tuple[str, Sequence[str]]] = _NO_GAUGES,
        *,
        tracked_sessions: int = 50,
        max_tool_names: int = 200,
        rules: Iterable[Rule] = (),
        anomalous_from: float = ANOMALOUS_FROM,
    ) -> None:
        further = (Family(name, GaugeMetricFamily, text, tuple(labels)) for name, (text, labels) in gauges.items())
        self._families = (*_with_line(FAMILIES, anomalous_from), *further)
        self._summariser = Summariser(
            tracked_sessions,
            anomalous_from,
            _bounds(max_tool_names),
            frozenset(gauges),
            {rule.id: rule for rule in rules if rule.is_reported},
        )
        self._summary = ExpositionSummary()
        publisher.watch(self._prepare)

    def collect(self) -> Iterator[Metric]:
        """Families of the summary at hand; one without samples is left out."""
        summary = self._summary
        for family in self._families:
            samples = summary.samples.get(family.name)
            if samples:
                metric = family.new()
                for labels, value in samples.items():
                    metric.add_metric(labels, value)
                yield metric

    def describe(self) -> Iterator[Metric]:
        """Empty families, so that a registry knows all names before the first snapshot."""
        return (family.new() for family in self._families)

    def _prepare(self, publication: Publication) -> None:
        self._summary = self._summariser.summarise(publication)


def _bounds(max_tool_names: int) -> Bounds:
    """Every counter, and for its label values that telemetry names freely how many have series of their own."""
    return {
        "sigyn_tool_calls_total": {0: AdmittedNames(max_tool_names)},
        "sigyn_findings_total": {},
        COUNTED: {},
        CROWDED_OUT: {},
        "sigyn_events_read_total": {1: AdmittedNames(MAX_UNKNOWN_EVENT_NAMES, EVENT_NAMES)},
        "sigyn_events_dropped_total": {},
        "sigyn_values_lost_total": {},
        "sigyn_cost_usd_total": {0: AdmittedNames(MAX_NAMES), 1: AdmittedNames(MAX_NAMES)},
        "sigyn_tokens_total": {0: AdmittedNames(MAX_NAMES)},
        "sigyn_tool_transitions_total": {},
        "sigyn_workflow_uses_total": {0: AdmittedNames(MAX_NAMES)},
        "sigyn_persona_tool_calls_total": {0: AdmittedNames(MAX_NAMES)},
    }


def _with_line(families: Sequence[Family], line: float) -> Iterator[Family]:
    """The families with the line that is drawn written into their help."""
    return (Family(one.name, one.kind, one.help.format(line=line), one.labels) for one in families)
