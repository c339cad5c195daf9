import platform

import pytest
from prometheus_client import CollectorRegistry

from exporter.instrumentation import Instrumentation
from exporter.loki.client import OPERATIONS, OUTCOMES


@pytest.fixture
def registry():
    return CollectorRegistry()


def test_series_with_known_labels_exist_at_zero_from_the_start(registry):
    Instrumentation(registry, "1.2.3")
    known = [("sigyn_cycles_total", {"outcome": outcome}) for outcome in ("success", "failed")]
    known += [("sigyn_trainings_total", {"outcome": outcome}) for outcome in ("success", "not_enough_data", "failed")]
    known += [
        ("sigyn_loki_requests_total", {"operation": operation, "outcome": outcome})
        for operation in OPERATIONS
        for outcome in OUTCOMES
    ]
    known += [(name, {}) for name in ("sigyn_cycle_interval_seconds", "sigyn_last_success_timestamp_seconds")]
    known += [("sigyn_cycle_duration_seconds_count", {})]
    assert [registry.get_sample_value(name, labels) for name, labels in known] == [0.0] * len(known)


def test_build_info_names_version_and_python(registry):
    Instrumentation(registry, "1.2.3")
    labels = {"version": "1.2.3", "python_version": platform.python_version()}
    assert registry.get_sample_value("sigyn_build_info", labels) == 1.0


def test_duration_buckets_tell_an_idle_cycle_from_a_first_one(registry):
    own = Instrumentation(registry, "1")
    own.cycle_duration.observe(0.04)
    own.cycle_duration.observe(400.0)
    bucket = "sigyn_cycle_duration_seconds_bucket"
    assert registry.get_sample_value(bucket, {"le": "0.05"}) == 1.0
    assert registry.get_sample_value(bucket, {"le": "300.0"}) == 1.0
    assert registry.get_sample_value(bucket, {"le": "600.0"}) == 2.0


def test_two_exporters_in_one_process_do_not_share_counts(registry):
    other = CollectorRegistry()
    Instrumentation(registry, "1").cycles.labels("failed").inc()
    Instrumentation(other, "1")
    assert registry.get_sample_value("sigyn_cycles_total", {"outcome": "failed"}) == 1.0
    assert other.get_sample_value("sigyn_cycles_total", {"outcome": "failed"}) == 0.0


def test_source_up_is_set_by_source(registry):
    own = Instrumentation(registry, "1")
    own.source_up.labels("loki").set(1)
    own.source_up.labels("local").set(0)
    assert registry.get_sample_value("sigyn_source_up", {"source": "loki"}) == 1.0
    assert registry.get_sample_value("sigyn_source_up", {"source": "local"}) == 0.0
