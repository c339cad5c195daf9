"""Telemetry that is too much, too deep, or written to break what shows it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from exporter.absorbing import absorb
from exporter.sources.source import Batch
from exporter.world import CycleSettings
from tests.builders import START, table_of, use
from tests.exporter.running import THEFT, Clock, exporter_of, sample, team, write_lines
from tests.exporter.test_service import client_of
from tests.exporter.worlds import Lines, contents, open_world

ROOT = Path(__file__).parents[2]
slow = [
    pytest.mark.slow,
    pytest.mark.skipif(not os.environ.get("SIGYN_SLOW"), reason="slow: SIGYN_SLOW=1 runs it"),
]
AMOUNTS = [
    # Peak memory of the process in MB: the libraries take some 210; the rest is what 10^6 may cost at most.
    ("one session", 20_000, 350),
    ("many sessions", 6_000, 350),
    ("many tools", 5_000, 350),
    pytest.param("one session", 1_000_000, 1_200, marks=slow),
    pytest.param("many sessions", 1_000_000, 1_600, marks=slow),
    pytest.param("many tools", 100_000, 500, marks=slow),
]


@pytest.mark.parametrize(("kind", "count", "most_mb"), AMOUNTS)
def test_an_amount_without_sense_is_counted_whole_in_bounded_memory(kind, count, most_mb):
    command = [sys.executable, "-m", "tests.faults.hostile_run", kind, str(count)]
    told = json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)
    assert told["problem"] is None
    assert told["events"] == told["calls"] == count
    assert told["sessions"] == {"one session": 1, "many sessions": count, "many tools": count // 100}[kind]
    assert told["series"] < 1_000
    assert told["peak_mb"] < most_mb


def test_a_session_beyond_its_room_is_cut_counted_and_still_watched_by_the_rules(tmp_path):
    now_ns = int(START.timestamp() * 1e9) + 10**12
    world = open_world(tmp_path, Lines([]), settings=CycleSettings(most_events=10))
    harmless = [use(number, sequence=number) for number in range(15)]
    theft = use(20, "Bash", sequence=20, tool_input={"command": THEFT})
    absorb(world, "lines", Batch(table_of(*harmless[:8]), {"row": 8}), now_ns)
    absorb(world, "lines", Batch(table_of(*harmless[8:], use(1, session="s2")), {"row": 15}), now_ns)
    absorb(world, "lines", Batch(table_of(theft), {"row": 16}), now_ns)
    known = contents(world)
    assert {session: one[0] for session, one in known["sessions"].items()} == {"s1": 10, "s2": 1}
    assert known["counters"]["sigyn_events_dropped_total"] == {("session_full",): 6}
    assert world.verdicts["s1"].findings
    world.state.close()


def test_sessions_beyond_those_that_are_kept_are_counted_and_leave_the_known_ones_alone(tmp_path):
    now_ns = int(START.timestamp() * 1e9) + 10**12
    world = open_world(tmp_path, Lines([]), settings=CycleSettings(most_sessions=3))
    first = [use(number, session=name) for number, name in enumerate(("s3", "s1"))]
    more = [use(10 + number, session=name) for number, name in enumerate(("s9", "s1", "s2", "s9", "s0", "s3"))]
    absorb(world, "lines", Batch(table_of(*first), {"row": 2}), now_ns)
    absorb(world, "lines", Batch(table_of(*more), {"row": 8}), now_ns)
    known = contents(world)
    assert {session: one[0] for session, one in known["sessions"].items()} == {"s1": 2, "s3": 2, "s9": 2}
    assert known["counters"]["sigyn_events_dropped_total"] == {("too_many_sessions",): 2}
    world.state.close()


def test_a_line_of_ten_megabytes_is_skipped_counted_and_leaves_the_others_alone(tmp_path):
    clock = Clock()
    path = write_lines(tmp_path / "telemetry" / "a.jsonl", team(1, clock.now))
    with path.open("a", encoding="ascii") as file:
        file.write(json.dumps({**use(0), "note": "x" * 10_000_000}) + "\n")
    write_lines(path, team(1, clock.now, prefix="after-"))
    with exporter_of(tmp_path, clock) as exporter:
        exporter.cycle()
        assert set(exporter.world.verdicts) == {"s0000", "after-s0000"}
        assert sum(exporter.world.state.counters()["sigyn_events_dropped_total"].values()) == 1
        assert sample(exporter, "sigyn_cycles_total", outcome="success") == 1


HOSTILE = [
    'quote" and \\ backslash',
    "new\nline",
    'x"} 1\nsigyn_forged_total 1',
    "__proto__",
    "constructor",
    "{{ 7 * 7 }}${7*7}",
    "<script>alert(1)</script>",
    "\x1b[31mred\x07",
    "../../etc/passwd",
    "a" * 300,
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_names_are_shown_and_break_nothing(tmp_path, text):
    clock = Clock()
    records = [
        {**one, "session_id": text, "user_id": text, "project": text, "agent": text, "tool_name": text, "team": text}
        for one in team(1, clock.now)
    ]
    write_lines(tmp_path / "telemetry" / "a.jsonl", [*records, *team(1, clock.now, prefix="plain-")])
    with exporter_of(tmp_path, clock) as exporter, client_of(exporter) as client:
        exporter.cycle()
        assert len(exporter.world.verdicts) == 2
        families = list(text_string_to_metric_families(generate_latest(exporter.registry).decode()))
        assert not any("forged" in family.name for family in families)
        calls = next(one for one in families if one.name == "sigyn_tool_calls")
        assert sum(one.value for one in calls.samples) == 2 * sum("tool_name" in one for one in team(1, clock.now))
        page = client.get("/")
        assert page.status_code == 200
        assert "<script>alert" not in page.text
        shown = client.get("/api/v1/sessions").json()
        assert len(shown["sessions"]) == 2
    with exporter_of(tmp_path, clock) as again:
        assert len(again.world.verdicts) == 2
