"""What real sessions do, on recorded ones where they are present and on small composed ones everywhere.

The recordings are 535 sessions of ordinary work; their README lists the peculiarities that have a test each here.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import itertools
import json
import re
from collections import Counter, defaultdict

import numpy as np
import pytest

from analytics.activity import WorkingHours
from analytics.analyses.risk import RiskSettings
from analytics.events import EventTable
from analytics.feature_matrix import measure_features
from analytics.features import FEATURE_NAMES
from analytics.sessions import SessionEvents, describe_sessions
from analytics.tool_uses import pair_tool_uses
from exporter.rule_file import load_rule_set
from exporter.sources.local import LocalSource
from tests.builders import record, sessions_of, table_of, use
from tests.conftest import SHARED
from tests.exporter.running import run_command, write_lines

FOLDER = SHARED / "data" / "real-sessions"
HOUR_NS = 3_600_000_000_000


@pytest.fixture(scope="module")
def real():
    """The folder of the recordings."""
    if not FOLDER.is_dir():
        pytest.skip("needs the recorded sessions in ../shared/data, which are not part of the project")
    return FOLDER


@pytest.fixture(scope="module")
def raw(real):
    """The recorded events as they stand in the files, by session."""
    sessions = defaultdict(list)
    for path in sorted(real.glob("*.jsonl.gz")):
        with gzip.open(path) as lines:
            for line in lines:
                event = json.loads(line)
                sessions[event["session_id"]].append(event)
    return dict(sessions)


@pytest.fixture(scope="module")
def recorded(real):
    """The recorded sessions as they are read."""
    batches = list(LocalSource([real]).read({}, 0))
    assert not sum((batch.dropped for batch in batches), Counter())
    return SessionEvents.from_table(EventTable.concat(batch.table for batch in batches))


@pytest.fixture(scope="module")
def scored(real, tmp_path_factory):
    """What ``sigyn train`` and then ``sigyn score`` say: messages and verdicts."""
    state = ("--state", tmp_path_factory.mktemp("real") / "state")
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as trained:
        assert run_command("train", "--input", real, *state) == 0
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as told:
        assert run_command("score", "--input", real, *state, "--format", "jsonl") == 0
    return trained.getvalue(), told.getvalue(), [json.loads(line) for line in out.getvalue().splitlines()]


def measured(sessions, name):
    """One feature of each session."""
    return measure_features(sessions, WorkingHours()).values[:, FEATURE_NAMES.index(name)]


# As a whole


def test_nothing_is_lost_in_decoding(scored, raw):
    trained, told, _ = scored
    for messages in (trained, told):
        assert f"read {sum(map(len, raw.values())):,} events of {len(raw):,} sessions" in messages
        assert "left out" not in messages
        assert "no model" not in messages


def test_every_session_is_scored_or_says_why_not(scored, raw):
    verdicts = scored[2]
    assert {one["session_id"] for one in verdicts} == raw.keys()
    for one in verdicts:
        assert one["status"] in ("scored", "insufficient")
        assert (one["risk"] is None) == (one["status"] != "scored")
        if one["status"] == "insufficient":
            settings = RiskSettings()
            assert one["events"] < settings.minimum_events or one["tool_uses"] < settings.minimum_tool_uses
    assert sum(one["status"] == "scored" for one in verdicts) > 0.95 * len(verdicts)


@pytest.mark.parametrize("level", [0.5, 0.9, 0.95])
def test_anomaly_keeps_its_promise_about_false_alarms_on_ordinary_work(scored, level):
    anomalies = np.array([one["anomaly"] for one in scored[2] if one["anomaly"] is not None])
    # Three standard errors of a share, at this many sessions, above the promised 1 - level.
    allowed = (1 - level) + 3 * np.sqrt(level * (1 - level) / len(anomalies))
    assert np.mean(anomalies > level) <= allowed


def test_ordinary_work_rarely_alerts(scored):
    verdicts = scored[2]
    assert sum(one["level"] in ("high", "critical") for one in verdicts) <= 0.03 * len(verdicts)


# Shared timestamps


def test_events_that_share_a_timestamp_are_in_the_emitters_order(recorded):
    times, sequences = recorded.table.values("time_ns"), recorded.table.values("sequence")
    same = (np.diff(times) == 0) & (np.diff(recorded.index) == 0)
    assert same.mean() > 0.2
    assert np.all(np.diff(sequences)[same] > 0)


def test_composed_events_of_one_instant_are_ordered_by_sequence_whatever_the_order_of_arrival():
    events = [use(0, tool, sequence=number) for number, tool in enumerate(["Read", "Edit", "Bash", "Grep"])]
    for order in ([0, 1, 2, 3], [3, 1, 0, 2], [2, 3, 1, 0]):
        table = sessions_of(*(events[number] for number in order)).table
        assert table.frame["tool_name"].tolist() == ["Read", "Edit", "Bash", "Grep"]


# Parallel calls, calls without outcome


def test_parallel_calls_find_their_results_and_calls_without_one_stay_without(recorded, raw):
    uses = pair_tool_uses(recorded)
    calls = {(key, one["tool_use_id"]) for key, part in raw.items() for one in part if one["event"] == "tool_call"}
    results = {(key, one["tool_use_id"]) for key, part in raw.items() for one in part if one["event"] == "tool_result"}
    assert len(uses) == len(calls | results)
    assert uses.has_result.sum() == len(results)
    unanswered = calls - results
    assert unanswered
    assert np.sum(~uses.has_result) == len(unanswered)
    assert np.all(uses.success[~uses.has_result] == -1)
    apart = [
        key
        for key, part in raw.items()
        if any(a["event"] == b["event"] == "tool_call" for a, b in itertools.pairwise(part))
    ]
    assert len(apart) > 100, "the recordings show parallel calls"


def test_composed_parallel_calls_one_of_them_unanswered():
    calls = [record("tool_call", 0, tool_name="Read", tool_use_id=key, sequence=k) for k, key in enumerate("abc")]
    results = [use(2, tool_use_id="c", sequence=3), use(3, tool_use_id="a", success=False, sequence=4)]
    uses = pair_tool_uses(sessions_of(*calls, *results))
    assert list(uses.success) == [0, -1, 1]
    assert list(uses.has_result) == [True, False, True]


# Durations that hold a person's waiting, silences of hours


def test_waiting_of_hours_in_a_duration_is_kept_and_alarms_nobody(recorded, scored):
    uses = pair_tool_uses(recorded)
    longest = np.nanmax(uses.duration_ms)
    assert longest > 20 * 3_600_000
    waiting = {recorded.session_ids[one] for one in uses.session[uses.duration_ms > 3_600_000]}
    assert len(waiting) >= 10
    critical = {one["session_id"] for one in scored[2] if one["level"] == "critical" and not one["findings"]}
    assert len(waiting & critical) <= 1


def test_composed_a_night_of_waiting_moves_no_median_and_ends_no_session():
    plain = [use(k * 10, duration_ms=300.0) for k in range(20)]
    night = 14 * 3600
    waited = [*plain[:10], use(100 + night, duration_ms=night * 1000.0), *(use(k * 10 + night) for k in range(12, 20))]
    both = [measured(sessions_of(*one), "tool_duration_median_seconds")[0] for one in (plain, waited)]
    assert both == [0.3, 0.3]
    assert len(sessions_of(*waited)) == 1


def test_silences_of_hours_do_not_part_a_session(recorded, raw):
    times, index = recorded.table.values("time_ns"), recorded.index
    silences = (np.diff(times) > HOUR_NS) & (np.diff(index) == 0)
    assert len(np.unique(index[1:][silences])) >= 50
    assert len(recorded) == len(raw)
    spans = measured(recorded, "session_duration_seconds")
    assert np.all(np.isfinite(spans))


def test_composed_a_silence_of_a_day_inside_one_session():
    events = [use(0), use(1), use(86_400), use(86_401)]
    sessions = sessions_of(*events)
    (info,) = describe_sessions(sessions)
    assert info.events == 4
    assert measured(sessions, "gap_median_seconds")[0] == pytest.approx(1.0)


# Copied history


def test_the_same_recordings_twice_are_read_once(real, tmp_path):
    for copy in ("a", "b"):
        (tmp_path / copy).mkdir()
        (tmp_path / copy / "team.jsonl.gz").write_bytes((real / "team-d.jsonl.gz").read_bytes())
    outputs = []
    for paths in ([tmp_path / "a"], [tmp_path / "a", tmp_path / "b"]):
        with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as told:
            inputs = [part for path in paths for part in ("--input", path)]
            assert run_command("score", *inputs, "--state", tmp_path / "state", "--format", "jsonl") == 0
        outputs.append((out.getvalue(), told.getvalue()))
    assert outputs[0][0] == outputs[1][0]
    assert "left out" not in outputs[0][1]
    assert re.search(r"left out: 314 duplicate", outputs[1][1])


def test_composed_history_copied_into_a_second_file_counts_once(tmp_path):
    events = [use(k, sequence=k, tool_use_id=f"t{k}") for k in range(6)]
    write_lines(tmp_path / "first.jsonl", events[:4])
    write_lines(tmp_path / "second.jsonl", events)
    batches = LocalSource([tmp_path]).read({}, 0)
    sessions = SessionEvents.from_table(EventTable.concat(batch.table for batch in batches))
    assert len(sessions.table) == 6


# Names of tools


def test_names_of_tools_stay_bounded_and_the_same(recorded, raw):
    named = {one["tool_name"] for part in raw.values() for one in part if one.get("tool_name")}
    assert set(recorded.table.categories("tool_name")) == named


@pytest.mark.parametrize(
    "name",
    ["", " ", "Read\nBash", "x" * 10_000, "mcp__a__b__c d", "<tool_use>Read", "Read\x00", "\ud800", 17, None, {}],
)
def test_composed_malformed_names_of_tools_neither_stop_nor_grow_anything(name):
    table = table_of(use(0, name), use(1))
    assert len(table) == 2
    for known in table.categories("tool_name"):
        assert 0 < len(known) <= 300
        assert known.isprintable()
    assert len(pair_tool_uses(SessionEvents.from_table(table))) == 2


# Identical calls


def loops(sessions):
    rules = load_rule_set([], ())
    return {one.session_id for one in rules.findings(sessions.table, []) if one.rule == "runaway-loop"}


def test_honest_polling_is_no_loop(recorded):
    assert loops(recorded) == set()


def test_composed_polling_is_no_loop_and_a_loop_is():
    def poll(tool):
        return sessions_of(*(use(k, tool, tool_input={"session": 1}, tool_use_id=f"t{k}") for k in range(30)))

    assert loops(poll("write_stdin")) == set()
    assert loops(poll("Read")) == {"s1"}


# Version and model change on the way


def test_a_change_of_version_or_model_on_the_way_parts_no_session(recorded, raw):
    models = {key: {one["model"] for one in part if one.get("model")} for key, part in raw.items()}
    changed = {key for key, found in models.items() if len(found) > 1}
    assert changed
    counted = dict(zip(recorded.session_ids, measured(recorded, "models_total"), strict=True))
    assert all(counted[key] == len(models[key]) for key in changed)
    versions = {
        key for key, part in raw.items() if len({e["agent_version"] for e in part if e.get("agent_version")}) > 1
    }
    assert versions <= set(recorded.session_ids)


def test_composed_a_change_of_version_and_model():
    old, new = {"agent_version": "2.1.1", "model": "m-1"}, {"agent_version": "2.1.2", "model": "m-2"}
    sessions = sessions_of(use(0, **old), use(1, **old), use(2, **new))
    assert len(sessions) == 1
    assert measured(sessions, "models_total")[0] == 2
    assert describe_sessions(sessions)[0].model == "m-1"


# Parents: resumed sessions and sub-agents


def test_resumed_sessions_and_sub_agents_keep_their_parent(scored, raw):
    parents = {
        key: next((e["parent_session_id"] for e in part if e.get("parent_session_id")), None)
        for key, part in raw.items()
    }
    assert {one["session_id"]: one["parent_session_id"] for one in scored[2]} == parents
    absent = {parent for parent in parents.values() if parent} - raw.keys()
    assert absent, "the recordings lack two parents"


def test_composed_a_resumed_session_points_to_one_that_is_not_there():
    resumed = record("session_start", 0, source="resume", parent_session_id="gone")
    (info,) = describe_sessions(sessions_of(resumed, use(1), use(2)))
    assert info.parent_session_id == "gone"


# Sessions that overlap, order of files


def test_sessions_of_one_user_that_overlap_stay_apart(scored, raw):
    spans = defaultdict(list)
    for one in scored[2]:
        if one["parent_session_id"] is None:
            spans[one["user_id"]].append((one["started_at"], one["ended_at"]))
    overlapping = sum(
        any(begin < other_end and other_begin < begin for other_begin, other_end in mine)
        for mine in spans.values()
        for begin, _ in mine
    )
    assert overlapping >= 50
    assert {one["session_id"]: one["events"] for one in scored[2]} == {key: len(part) for key, part in raw.items()}


def test_composed_interleaved_sessions_of_one_user():
    events = [use(k, session=f"s{k % 3}", user_id="ana") for k in range(30)]
    assert [(one.session_id, one.events) for one in describe_sessions(sessions_of(*events))] == [
        ("s0", 10), ("s1", 10), ("s2", 10),
    ]  # fmt: skip


def test_the_order_of_files_changes_nothing(real):
    tables = [EventTable.concat(b.table for b in LocalSource([real / f"team-{x}.jsonl.gz"]).read({}, 0)) for x in "df"]
    one, other = (SessionEvents.from_table(EventTable.concat(order)) for order in (tables, tables[::-1]))
    assert sorted(one.session_ids) == sorted(other.session_ids)
    for name in ("transition_entropy_bits", "identical_run_longest", "gap_p95_seconds", "tokens_total"):
        ours, theirs = (_by_id(sessions, measured(sessions, name)) for sessions in (one, other))
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def _by_id(sessions, values):
    return values[np.argsort(sessions.session_ids)]


def test_composed_a_file_written_backwards_gives_the_same_session(tmp_path):
    events = [use(k, tool, sequence=k) for k, tool in enumerate(["Read", "Edit", "Bash", "Read", "Edit"] * 3)]
    found = []
    for name, order in (("forwards", events), ("backwards", events[::-1])):
        path = write_lines(tmp_path / f"{name}.jsonl", order)
        table = EventTable.concat(batch.table for batch in LocalSource([path]).read({}, 0))
        found.append(measure_features(SessionEvents.from_table(table), WorkingHours()).values)
    np.testing.assert_array_equal(*found)
