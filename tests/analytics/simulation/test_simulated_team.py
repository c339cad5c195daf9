"""A simulated team: as many sessions as asked for, reproducible, plausible, and not an easy world."""

import hashlib
import itertools
import json
import os
import re
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest

from analytics.intake import build_event_table
from analytics.simulation import MISBEHAVIOURS, SettingsError, SimulationSettings, simulate_team
from analytics.simulation.prices import Tokens, cost_usd
from analytics.simulation.stamps import DAY, milliseconds_of

END_NS = 1_772_500_000_000_000_000


def team(seed=1, **settings):
    return list(simulate_team(SimulationSettings(end_ns=END_NS, **settings), np.random.default_rng(seed)))


@pytest.fixture(scope="module")
def month():
    return team(anomalous_ratio=0.1)


@pytest.fixture(scope="module")
def healthy(month):
    return [session for session in month if session.label is None]


def events(session, name):
    return [record for record in session.records if record["event"] == name]


def test_there_are_exactly_as_many_sessions_as_asked_for():
    for sessions in (0, 1, 7, 50):
        made = team(sessions=sessions)
        assert len({session.session_id for session in made}) == len(made) == sessions


def test_records_are_usable_ordered_and_of_their_session(month):
    for session in month:
        numbers = [record["sequence"] for record in session.records]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        stamps = [record["timestamp"] for record in session.records]
        assert stamps == sorted(stamps)
        assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", stamp) for stamp in stamps)
        assert {record["session_id"] for record in session.records} == {session.session_id}
        assert {record["user_id"] for record in session.records} == {session.user_id}
    intake = build_event_table([record for session in month for record in session.records], "test")
    assert not intake.dropped
    assert len(intake.table.deduplicated()) == sum(len(session.records) for session in month)


def test_tool_use_ids_are_unique_over_all_sessions(month):
    ids = [record["tool_use_id"] for session in month for record in events(session, "tool_call")]
    assert len(set(ids)) == len(ids)


def test_nothing_happens_after_the_end_or_long_before_the_first_day(month):
    times = [milliseconds_of(record["timestamp"]) for session in month for record in session.records]
    assert max(times) <= END_NS // 1_000_000
    assert min(times) >= END_NS // 1_000_000 - 36 * DAY


def test_the_same_seed_gives_the_same_records_and_another_seed_others():
    assert team(seed=4, sessions=20) == team(seed=4, sessions=20)
    assert team(seed=4, sessions=20) != team(seed=5, sessions=20)


def test_hash_randomisation_changes_nothing():
    code = (
        "import hashlib, json, numpy as np;"
        "from analytics.simulation import SimulationSettings as S, simulate_team as t;"
        f"made = t(S(end_ns={END_NS}, sessions=30, anomalous_ratio=0.5), np.random.default_rng(2));"
        "print(hashlib.sha256(json.dumps([s.records for s in made]).encode()).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }  # fmt: skip
    made = team(seed=2, sessions=30, anomalous_ratio=0.5)
    here = hashlib.sha256(json.dumps([session.records for session in made]).encode()).hexdigest()
    assert digests == {here}


def test_misbehaviour_of_some_leaves_the_others_untouched():
    clean = {session.session_id: session for session in team(sessions=60, anomalous_ratio=0.0)}
    mixed = team(sessions=60, anomalous_ratio=0.2)
    assert not any(session.label for session in clean.values())
    families = {session.session_id for session in mixed if session.label}
    others = [
        session
        for session in mixed
        if not session.label and session.records[0].get("parent_session_id") not in families
    ]
    assert len(others) > 30
    assert all(session == clean[session.session_id] for session in others)


def test_the_share_kinds_and_strengths_asked_for_are_planted(month):
    labels = Counter(session.label for session in month if session.label)
    assert sum(labels.values()) == 30
    assert set(labels) == set(MISBEHAVIOURS)
    some = team(sessions=40, anomalous_ratio=0.25, kinds=("loop", "stall"), strength="strong")
    assert Counter(session.label for session in some if session.label) == {"loop": 5, "stall": 5}
    assert {session.strength for session in some if session.label} == {"strong"}


def test_labels_come_with_an_onset_in_the_session_and_only_labels_do(month):
    for session in month:
        numbers = {record["sequence"] for record in session.records}
        if session.label is None:
            assert session.onset_sequence is None
            assert session.strength is None
        else:
            assert session.onset_sequence in numbers


def test_recent_anomalies_lie_in_the_last_three_days():
    made = team(recent_anomalies=True)
    bad = [session for session in made if session.label]
    assert len(bad) == 15
    since = END_NS // 1_000_000 - 3 * DAY
    assert all(milliseconds_of(session.records[-1]["timestamp"]) >= since for session in bad)
    good = [session for session in made if not session.label]
    assert any(milliseconds_of(session.records[0]["timestamp"]) >= since for session in good)


def test_without_details_sizes_stay_and_content_goes():
    with_details, without = team(sessions=30), team(sessions=30, details=False)
    content = ("tool_input", "prompt")
    for full, bare in zip(with_details, without, strict=True):
        assert not any(name in record for record in bare.records for name in content)
        stripped = [{k: v for k, v in record.items() if k not in content} for record in full.records]
        if full.label is None:
            assert stripped == bare.records
    assert all("tool_input" in record for session in with_details for record in events(session, "tool_call"))


def test_subagents_run_while_the_call_that_started_them_runs(month):
    by_id = {session.session_id: session for session in month}
    children = [session for session in month if "parent_session_id" in session.records[0]]
    assert len(children) >= 10
    for child in children:
        parent = by_id[child.records[0]["parent_session_id"]]
        if parent.label == "wrong_user":
            continue
        span = [
            next(
                record["timestamp"] for record in events(parent, name) if record["child_session_id"] == child.session_id
            )
            for name in ("subagent_start", "subagent_stop")
        ]
        assert span[0] <= child.records[0]["timestamp"] <= child.records[-1]["timestamp"] <= span[1]
        assert child.label is None


def median(values):
    return float(np.median(list(values)))


def test_sizes_and_error_shares_are_those_of_recorded_work(healthy):
    """Bands round what was measured on recorded sessions: calls p50 30, p99 308; events p50 100; errors p50 2 %."""
    calls = [len(events(session, "tool_call")) for session in healthy]
    assert 15 <= median(calls) <= 60
    assert 150 <= np.percentile(calls, 99) <= 700
    assert 60 <= median(len(session.records) for session in healthy) <= 200
    shares = [
        np.mean([not record["success"] for record in results])
        for session in healthy
        if (results := events(session, "tool_result"))
    ]
    assert median(shares) < 0.05
    assert 0.04 <= np.percentile(shares, 90) <= 0.2


def test_times_are_those_of_recorded_work(healthy):
    """Measured: span p50 12 min, p90 3 h; tool duration p50 0.33 s; a silence above 30 min in 97 of 332 sessions."""
    stamps = [[milliseconds_of(record["timestamp"]) for record in session.records] for session in healthy]
    spans = [times[-1] - times[0] for times in stamps]
    assert 4 * 60_000 <= median(spans) <= 40 * 60_000
    durations = [record["duration_ms"] for session in healthy for record in events(session, "tool_result")]
    assert 100 <= median(durations) <= 1_000
    mains = [
        times for session, times in zip(healthy, stamps, strict=True) if "parent_session_id" not in session.records[0]
    ]
    silent = np.mean([max(b - a for a, b in itertools.pairwise(times)) > 1_800_000 for times in mains])
    assert 0.1 <= silent <= 0.45
    together = np.mean([a == b for times in stamps for a, b in itertools.pairwise(times)])
    assert 0.1 <= together <= 0.4


def test_all_that_happens_in_recorded_work_happens(healthy):
    seen = Counter(record["event"] for session in healthy for record in session.records)
    rare = ("compaction", "api_error", "notification", "subagent_start", "session_end", "permission_mode_changed")
    assert all(seen[name] for name in rare)
    decisions = Counter(record["decision"] for session in healthy for record in events(session, "tool_decision"))
    assert set(decisions) == {"accept", "reject"}
    prompts = [record for session in healthy for record in events(session, "user_prompt")]
    assert 0.01 <= np.mean(["workflow" in record for record in prompts]) <= 0.3
    assert any("persona" in record for record in prompts)
    assert {session.records[0]["agent"] for session in healthy} == {"claude-code", "codex", "gemini-cli"}


def test_ordinary_work_contains_what_looks_alarming(healthy):
    commands = " \n".join(
        str(record["tool_input"].get("command", record["tool_input"].get("cmd", "")))
        for session in healthy
        for record in events(session, "tool_call")
    )
    for sign in ("rm -rf", "--force-with-lease", r"\.env", "base64 -d", r"curl .*\| python3", "sleep", "nc -z", "sudo"):
        assert re.search(sign, commands), sign


def test_people_have_habits_of_their_own(healthy):
    hours = {}
    for session in healthy:
        hours.setdefault(session.user_id, []).append(int(session.records[0]["timestamp"][11:13]))
    busy = {user: of_day for user, of_day in hours.items() if len(of_day) >= 15}
    assert len(busy) >= 3
    means = [np.angle(np.mean(np.exp(2j * np.pi * np.array(of_day) / 24))) for of_day in busy.values()]
    assert np.ptp(means) > 0.5


def test_cost_follows_from_tokens_at_the_table_of_prices(healthy):
    opus = Tokens(input=1_000, output=2_000, cache_read=100_000, cache_creation=10_000)
    assert cost_usd("claude-opus-4-5", opus) == pytest.approx(0.005 + 0.05 + 0.05 + 0.06)
    assert cost_usd("nobody-knows", opus) is None
    for session in healthy:
        for record in events(session, "api_request"):
            tokens = Tokens(
                record["input_tokens"], record["output_tokens"], record["cache_read_tokens"],
                record.get("cache_creation_tokens"),
            )  # fmt: skip
            is_priced = record["agent"] == "claude-code"
            assert record.get("cost_usd") == (cost_usd(record["model"], tokens) if is_priced else None)


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"sessions": -1}, "sessions"), ({"days": 0}, "days"), ({"users": 0}, "users"),
        ({"anomalous_ratio": 1.5}, "anomalous_ratio"), ({"anomalous_ratio": float("nan")}, "anomalous_ratio"),
        ({"strength": "huge"}, "strength"), ({"kinds": ()}, "kinds"), ({"kinds": ("sabotage",)}, "kinds"),
        ({"agents": {"hal": 1.0}}, "hal"), ({"agents": {"codex": 0.0}}, "agents"), ({"end_ns": 5}, "end_ns"),
    ],
)  # fmt: skip
def test_settings_out_of_range_are_refused_by_name(settings, word):
    with pytest.raises(SettingsError, match=word):
        SimulationSettings(**{"end_ns": END_NS, **settings})


def test_one_agent_alone_uses_only_its_own_tools():
    made = team(sessions=20, agents={"codex": 1.0}, anomalous_ratio=0.0)
    names = {record["tool_name"] for session in made for record in events(session, "tool_call")}
    assert names <= {"exec_command", "write_stdin", "apply_patch", "update_plan", "web_search", "ask_question"}
    assert {"exec_command", "apply_patch"} <= names


def test_a_single_user_and_a_single_day_still_work():
    made = team(sessions=30, users=1, days=0.5, anomalous_ratio=1.0, recent_anomalies=True)
    assert len(made) == 30
    assert len({session.user_id for session in made}) == 1
