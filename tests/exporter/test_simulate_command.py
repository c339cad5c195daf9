"""``sigyn simulate``: reproducible telemetry with its truth beside it."""

from __future__ import annotations

import csv
import json
from collections import Counter

import pytest

from tests.loki_standin import Fault, running_standin

END = "2026-11-01T00:00:00Z"
MADE = ("simulate", "--sessions", "30", "--anomalous", "0.2", "--days", "3", "--end", END)


def test_same_seed_same_telemetry_and_another_seed_another(sigyn, tmp_path):
    written = {}
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        assert sigyn(*MADE, "--seed", seed, "--out", tmp_path / f"{name}.jsonl").status == 0
        written[name] = [(tmp_path / f"{name}{end}").read_bytes() for end in (".jsonl", ".labels.csv")]
    assert written["a"] == written["b"]
    assert written["a"] != written["c"]


def test_the_labels_say_which_sessions_misbehave_and_from_where(sigyn, tmp_path):
    outcome = sigyn(*MADE, "--out", tmp_path / "team.jsonl")
    assert (outcome.status, outcome.out) == (0, "")
    with (tmp_path / "team.labels.csv").open(newline="") as file:
        labels = list(csv.DictReader(file))
    events = [json.loads(line) for line in (tmp_path / "team.jsonl").read_text().splitlines()]
    assert {row["session_id"] for row in labels} == {event["session_id"] for event in events}
    assert len(labels) == 30
    assert sum(row["label"] == "1" for row in labels) == 6
    for row in labels:
        assert (row["onset_sequence"] != "") == (row["label"] == "1")
    assert f"{len(events):,} events" in outcome.err


def test_standard_output_has_lines_only_and_in_order_of_time(sigyn):
    events = [json.loads(line) for line in sigyn(*MADE).out.splitlines()]
    times = [event["timestamp"] for event in events]
    assert times == sorted(times)
    assert max(times) <= END
    assert {"timestamp", "session_id", "event"} <= events[0].keys()


def test_without_details_no_arguments_are_logged(sigyn):
    with_details = [json.loads(line) for line in sigyn(*MADE).out.splitlines()]
    without = [json.loads(line) for line in sigyn(*MADE, "--no-details").out.splitlines()]
    assert any(event.get("tool_input") for event in with_details)
    assert not any(event.get("tool_input") or event.get("prompt") for event in without)
    assert Counter(event["event"] for event in without) == Counter(event["event"] for event in with_details)


def test_a_file_that_cannot_be_written_is_named(sigyn, tmp_path):
    (tmp_path / "file").write_text("")
    outcome = sigyn(*MADE, "--out", tmp_path / "file" / "x.jsonl")
    assert outcome.status == 1
    assert len(outcome.lines) == 1
    assert str(tmp_path / "file") in outcome.err


def test_pushed_lines_arrive_whole(sigyn):
    with running_standin(1_793_491_200_000_000_000) as loki:
        outcome = sigyn("simulate", "--sessions", "10", "--days", "1", "--end", END, "--push", loki.url)
        assert outcome.status == 0, outcome.err
        (stream,) = {tuple(entry.labels.items()) for entry in loki.store().entries}
        assert stream == (("service_name", "sigyn-events"),)
        assert len({json.loads(entry.line)["session_id"] for entry in loki.store().entries}) == 10
        assert f"pushed {len(loki.store().entries):,} events" in outcome.err


@pytest.mark.usefixtures("without_waiting")
def test_a_loki_that_does_not_take_them_is_named(sigyn):
    with running_standin(1_793_491_200_000_000_000) as loki:
        loki.faults.extend([Fault("status")] * 20)
        outcome = sigyn("simulate", "--sessions", "10", "--days", "1", "--end", END, "--push", loki.url)
    assert outcome.status == 1
    assert len(outcome.lines) == 1
    assert loki.url in outcome.err
