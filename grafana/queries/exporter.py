"""What the dashboard *Exporter* asks: is the pipeline healthy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from grafana.queries.promql import growth, rate, series, summed


def _own(name: str, matchers: Mapping[str, str] | None = None) -> str:
    """A selector of the chosen exporters' series."""
    return series(name, matchers, by_instance=True)


_LAST_SUCCESS: Final = _own("sigyn_last_success_timestamp_seconds")
_INTERVAL: Final = _own("sigyn_cycle_interval_seconds")
_CYCLE_BUCKETS: Final = rate(_own("sigyn_cycle_duration_seconds_bucket"), "le")

LAG: Final = f"max by (instance) (time() - ({_LAST_SUCCESS} > 0))"
INTERVAL: Final = f"max by (instance) ({_INTERVAL})"
LAG_IN_INTERVALS: Final = f"{LAG} / {INTERVAL}"

SOURCES_UP: Final = f"min by (instance, source) ({_own('sigyn_source_up')})"
RELOAD_SUCCESSFUL: Final = f"min by (instance) ({_own('sigyn_config_last_reload_successful')})"
VERSIONS: Final = f"count by (version, python_version) ({_own('sigyn_build_info')})"

CYCLES: Final = growth(_own("sigyn_cycles_total"), "outcome")
CYCLE_MEDIAN: Final = f"histogram_quantile(0.5, {_CYCLE_BUCKETS})"
CYCLE_P95: Final = f"histogram_quantile(0.95, {_CYCLE_BUCKETS})"

LOKI_REQUESTS: Final = rate(_own("sigyn_loki_requests_total"), "operation", "outcome")
EVENTS_READ: Final = rate(_own("sigyn_events_read_total"), "source")
EVENTS_DROPPED: Final = rate(_own("sigyn_events_dropped_total"), "reason")
VALUES_LOST: Final = rate(_own("sigyn_values_lost_total"), "reason")

MODEL_AGE: Final = f"time() - max by (analysis) ({_own('sigyn_model_trained_timestamp_seconds')})"
TRAININGS: Final = growth(_own("sigyn_trainings_total"), "outcome")
DRIFT: Final = f"max by (instance) ({_own('sigyn_drift_ratio')})"
CLUSTERS: Final = f"max by (cluster) ({_own('sigyn_fingerprint_cluster_sessions')})"

SESSIONS: Final = summed(_own("sigyn_sessions"), "level")
UNTRACKED: Final = f"sum({_own('sigyn_sessions_untracked')})"
CALLED_BENIGN: Final = f"sum({_own('sigyn_sessions_benign')})"
ANNOUNCEMENTS: Final = growth(_own("sigyn_announcements_total"), "kind", "outcome")

NOVELTIES: Final = growth(_own("sigyn_novelties_total"), "kind")
UNREMEMBERED: Final = growth(_own("sigyn_unremembered_names_total"), "kind")
EXPECTED_FALSE_ALARMS: Final = f"sum({_own('sigyn_expected_false_alarms_per_week')})"
FALSE_ALARM_BUDGET: Final = f"sum({_own('sigyn_false_alarm_budget_per_week')})"
