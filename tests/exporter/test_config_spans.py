from __future__ import annotations

from datetime import UTC, datetime

import pytest

from exporter.config import ConfigError, load_config
from exporter.config_models import Config
from exporter.config_spans import MAX_REASON, TimeSpan, parse_span


def test_a_span_is_read_with_its_reason():
    span = parse_span({"from": "2026-11-01", "to": "2026-11-02T12:00:00+02:00", "reason": "incident 7"})
    assert span.begin == datetime(2026, 11, 1, tzinfo=UTC)
    assert span.end == datetime(2026, 11, 2, 10, tzinfo=UTC)
    assert span.reason == "incident 7"


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ("2026-11-01", "must be a span of time"),
        ({"from": "2026-11-01"}, "must be a span of time"),
        ({"from": "2026-11-01", "to": "2026-11-02", "why": "x"}, "must be a span of time"),
        ({"from": "yesterday", "to": "2026-11-02"}, "must be a span of time"),
        ({"from": 1, "to": 2}, "must be a span of time"),
        ({"from": "2026-11-02", "to": "2026-11-02"}, "must end after it begins"),
        ({"from": "2026-11-01", "to": "2026-11-02", "reason": "x" * (MAX_REASON + 1)}, "has a reason"),
    ],
)
def test_what_is_no_span_is_refused_with_what_to_write(written, complaint):
    with pytest.raises(ValueError, match=complaint) as caught:
        parse_span(written)
    assert "\n" not in str(caught.value)


def test_a_wrong_span_is_reported_with_its_place_in_the_file(tmp_path):
    file = tmp_path / "sigyn.yml"
    file.write_text("training:\n  exclude:\n  - {from: 2026-11-01, to: 2026-11-02}\n  - {from: 2026-11-01}\n")
    with pytest.raises(ConfigError) as caught:
        load_config(file, {})
    assert [error.partition(" (")[0] for error in caught.value.errors] == [
        f"{file}: training.exclude[1]: must be a span of time"
    ]


def test_the_tree_shows_a_span_as_it_is_written():
    written = {"from": "2026-11-01T00:00:00+00:00", "to": "2026-11-02T00:00:00+00:00", "reason": "load test"}
    config = Config.model_validate({"training": {"exclude": [written]}})
    assert config.redacted()["training"]["exclude"] == [written]
    assert config.training.exclude == (
        TimeSpan(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 2, tzinfo=UTC), "load test"),
    )
