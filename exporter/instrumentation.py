"""What the exporter says about itself: names and objects, nothing else.

Everything whose label values are known beforehand exists at 0 from the start, so that a rate over a first failure
is not lost.
"""

from __future__ import annotations

import platform
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from exporter import announcements
from exporter.loki.client import OPERATIONS, OUTCOMES

CYCLE_OUTCOMES: Final = ("success", "failed")
TRAINING_OUTCOMES: Final = ("success", "not_enough_data", "failed")
CYCLE_BUCKETS: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)
"""Seconds: from an idle cycle on local files to the first one over weeks of a large Loki."""


class Instrumentation:
    """The exporter's own metrics on one registry.

    Attributes:
        cycles: finished cycles by outcome, one of CYCLE_OUTCOMES.
        cycle_duration: seconds a cycle took.
        cycle_interval: seconds from the start of one cycle to the start of the next, as configured.
        training_interval: seconds after which the models are fitted anew, as configured.
        last_success: Unix time of the last successful cycle, 0 before the first.
        loki_requests: requests to Loki by operation and outcome.
        trainings: finished trainings by outcome, one of TRAINING_OUTCOMES.
        config_last_reload_successful: 1 or 0; 1 after the start, because a wrong configuration does not start.
        config_last_reload_success: Unix time of the last successful load.
        shard: always 1; which part of all sessions this exporter judges, and of how many.
        source_up: 1 while a source can be read, else 0.
        source_problems: what could not be read of a source that can be read as a whole; the pages say what.
        announcements: lines for Loki by kind and outcome, each one of those in ``exporter.announcements``.
    """

    def __init__(self, registry: CollectorRegistry, version: str) -> None:
        """Register everything on ``registry``; ``version`` is that of this distribution."""
        self.cycles = Counter("sigyn_cycles", "Finished cycles by outcome.", ["outcome"], registry=registry)
        self.cycle_duration = Histogram(
            "sigyn_cycle_duration_seconds", "How long a cycle took.", buckets=CYCLE_BUCKETS, registry=registry
        )
        self.cycle_interval = _gauge(registry, "sigyn_cycle_interval_seconds", "Configured time between cycles.")
        self.training_interval = _gauge(
            registry, "sigyn_training_interval_seconds", "Configured age at which the models are fitted anew."
        )
        self.last_success = _gauge(
            registry,
            "sigyn_last_success_timestamp_seconds",
            "Unix time of the last successful cycle, 0 before the first; cached values are as old as this.",
        )
        self.loki_requests = Counter(
            "sigyn_loki_requests",
            "Requests sent to Loki by operation and outcome.",
            ["operation", "outcome"],
            registry=registry,
        )
        self.announcements = Counter(
            "sigyn_announcements",
            "Lines written back into Loki by kind and outcome: written, failed (waits for the next try), dropped.",
            ["kind", "outcome"],
            registry=registry,
        )
        self.trainings = Counter("sigyn_trainings", "Finished trainings by outcome.", ["outcome"], registry=registry)
        self.config_last_reload_successful = _gauge(
            registry, "sigyn_config_last_reload_successful", "Whether the last load of the configuration succeeded."
        )
        self.config_last_reload_success = _gauge(
            registry,
            "sigyn_config_last_reload_success_timestamp_seconds",
            "Unix time of the last successful load of the configuration.",
        )
        self.shard = _gauge(
            registry,
            "sigyn_shard_info",
            "Always 1; which part of all sessions this exporter judges, counted from 1, and how many parts there are.",
            "shard",
            "shards",
        )
        self.source_up = _gauge(
            registry, "sigyn_source_up", "Whether a source could be read in the last cycle.", "source"
        )
        self.source_problems = _gauge(
            registry,
            "sigyn_source_problems",
            "Things wrong with a source in the last cycle although it could be read; the pages and the log name them.",
            "source",
        )
        build_info = _gauge(registry, "sigyn_build_info", "Always 1; what is running.", "version", "python_version")
        build_info.labels(version, platform.python_version()).set(1)
        self._initialise()

    def _initialise(self) -> None:
        """Make the series whose label values are known."""
        for outcome in CYCLE_OUTCOMES:
            self.cycles.labels(outcome)
        for outcome in TRAINING_OUTCOMES:
            self.trainings.labels(outcome)
        for kind in announcements.KINDS:
            for outcome in announcements.OUTCOMES:
                self.announcements.labels(kind, outcome)
        for operation in OPERATIONS:
            for outcome in OUTCOMES:
                self.loki_requests.labels(operation, outcome)
        self.config_last_reload_successful.set(1)


def _gauge(registry: CollectorRegistry, name: str, text: str, *labels: str) -> Gauge:
    return Gauge(name, text, labels, registry=registry)
