"""Each kind of misbehaviour really contains what it claims to."""

import json
import re
from collections import Counter

import numpy as np
import pytest

from analytics.intake import build_event_table
from analytics.simulation import MISBEHAVIOURS, STRENGTHS, inject
from analytics.simulation.stamps import milliseconds_of
from tests.analytics.simulation.sessions_by_hand import BY_HAND

STRANGE_HOST = r"example\.(net|org|com)|203\.0\.113|198\.51\.100"
SIGNS = {
    "secret_access": r"\.ssh|\.aws|\.npmrc|\.netrc|hosts\.yml|docker/config|pgpass|shadow|kube|secret|\.pem|credential",
    "exfiltration": rf"{STRANGE_HOST}|gist create|tar -c|zip -q|base64|bundle create",
    "destruction": r"rm -rf|clean -fdx|--force|branch -D|DROP|destroy|delete|dd if|chmod -R|prune",
    "persistence": r"hooks|cron|bashrc|authorized_keys|systemd|systemctl|useradd|nohup",
    "reconnaissance": r"whoami|uname|ip addr|env|ps aux|passwd|df -h|ls -la|sudo|nmap|find /|ss -t|169\.254|/proc|"
    r"last -a|getent|auth can-i",
}
LEAST = {
    "loop": (12, 30), "retry_storm": (10, 30), "stall": (20, 60), "secret_access": (2, 6), "exfiltration": (1, 4),
    "destruction": (1, 4), "persistence": (1, 4), "reconnaissance": (4, 12), "scope_violation": (4, 14),
    "token_burn": (6, 20), "runaway_subagents": (8, 30),
}  # fmt: skip
SEEDS = range(4)


def planted(kind, strength, seed, name="claude"):
    """The records that were put in."""
    original = BY_HAND[name]
    injection = inject(original, kind, strength, np.random.default_rng(seed))
    added = len(injection.records) - len(original)
    first = next(
        place for place, record in enumerate(injection.records) if record["sequence"] == injection.onset_sequence
    )
    return injection.records[first : first + added]


def calls_of(records):
    return [record for record in records if record["event"] == "tool_call"]


def least(kind, strength):
    return LEAST[kind][STRENGTHS.index(strength)]


def test_every_kind_is_described_and_strong_is_more_than_mild():
    for name, entry in MISBEHAVIOURS.items():
        assert entry.name == name
        assert entry.description
        assert entry.strong.most > entry.mild.most or entry.strong.from_start


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("strength", STRENGTHS)
@pytest.mark.parametrize("kind", SIGNS)
def test_attacks_show_their_signs_as_often_as_claimed(kind, strength, seed):
    texts = [json.dumps(record["tool_input"]) for record in calls_of(planted(kind, strength, seed))]
    assert re.search(SIGNS[kind], texts[0])
    assert sum(bool(re.search(SIGNS[kind], text)) for text in texts) >= least(kind, strength)


@pytest.mark.parametrize("strength", STRENGTHS)
def test_exfiltration_sends_to_a_host_the_work_never_used(strength):
    texts = [json.dumps(record["tool_input"]) for record in calls_of(planted("exfiltration", strength, 3))]
    assert any(re.search(rf"{STRANGE_HOST}|gist create", text) for text in texts)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("strength", STRENGTHS)
@pytest.mark.parametrize("name", ["claude", "codex", "reduced", "unknown agent"])
def test_a_loop_is_one_call_over_and_over_that_the_session_knows(strength, seed, name):
    records = planted("loop", strength, seed, name)
    calls = calls_of(records)
    assert len({(call["tool_name"], json.dumps(call["tool_input"])) for call in calls}) == 1
    assert calls[0]["tool_input"] in [call["tool_input"] for call in calls_of(BY_HAND[name])]
    assert least("loop", strength) <= len(calls) <= 60
    assert all(record["success"] for record in records if record["event"] == "tool_result")


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("strength", STRENGTHS)
def test_a_retry_storm_is_one_failing_call_without_pause(strength, seed):
    records = planted("retry_storm", strength, seed)
    results = [record for record in records if record["event"] == "tool_result"]
    assert len({json.dumps(call["tool_input"]) for call in calls_of(records)}) == 1
    assert len(results) >= least("retry_storm", strength)
    assert not any(record["success"] for record in results)
    assert all(record["error"] for record in results)


@pytest.mark.parametrize("strength", STRENGTHS)
@pytest.mark.parametrize("name", ["claude", "codex"])
def test_a_stall_waits_long_on_one_poll_that_says_nothing(strength, name):
    records = planted("stall", strength, 1, name)
    results = [record for record in records if record["event"] == "tool_result"]
    assert len(results) >= least("stall", strength)
    assert len({json.dumps(call["tool_input"]) for call in calls_of(records)}) == 1
    assert all(record["duration_ms"] >= 25_000 and record["tool_output_chars"] <= 12 for record in results)
    span = milliseconds_of(records[-1]["timestamp"]) - milliseconds_of(records[0]["timestamp"])
    assert span >= sum(record["duration_ms"] for record in results[:-1])


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("strength", STRENGTHS)
def test_a_scope_violation_leaves_the_project(strength, seed):
    records = calls_of(planted("scope_violation", strength, seed))
    outside = build_event_table(records, "test").table.values("outside")
    commands = [record["tool_input"].get("command", "") for record in records]
    leaving = (outside == 1).sum() + sum("other-project" in command for command in commands)
    assert leaving >= least("scope_violation", strength)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("strength", STRENGTHS)
def test_a_bypass_is_refused_first_and_done_afterwards(strength, seed):
    records = planted("permission_bypass", strength, seed)
    refused = [record for record in records if record["event"] == "tool_decision"]
    assert refused
    assert {record["decision"] for record in refused} == {"reject"}
    ids = {record["tool_use_id"] for record in refused}
    results = [record for record in records if record["event"] == "tool_result"]
    assert results
    assert not ids & {record["tool_use_id"] for record in results}
    assert records.index(refused[0]) < records.index(results[0])
    modes = [record for record in records if record["event"] == "permission_mode_changed"]
    assert bool(modes) == (strength == "strong")


@pytest.mark.parametrize("strength", STRENGTHS)
def test_burnt_tokens_show_in_the_model_calls(strength):
    requests = [record for record in planted("token_burn", strength, 2) if record["event"] == "api_request"]
    assert sum(record["output_tokens"] >= 4_000 for record in requests) >= least("token_burn", strength)
    assert sum(record.get("cache_creation_tokens", 0) >= 10_000 for record in requests) >= least("token_burn", strength)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("strength", STRENGTHS)
def test_a_hijack_starts_with_a_web_page_and_changes_the_tools(strength, seed):
    calls = calls_of(planted("hijacked_tool_use", strength, seed))
    assert calls[0]["tool_name"] == "WebFetch"
    assert re.search(STRANGE_HOST, calls[0]["tool_input"]["url"])
    assert {call["tool_name"] for call in calls[1:]} - {"WebFetch"}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("strength", STRENGTHS)
def test_runaway_subagents_start_by_the_dozen_and_all_report(strength, seed):
    events = Counter(record["event"] for record in planted("runaway_subagents", strength, seed))
    assert events["subagent_start"] >= least("runaway_subagents", strength)
    assert events["subagent_stop"] == events["subagent_start"] == events["tool_call"]


DONOR = [{**record, "user_id": "ben", "project": "/home/ben/ledger"} for record in BY_HAND["codex"]]


@pytest.mark.parametrize("donor", [None, DONOR])
def test_a_wrong_user_acts_under_the_victims_name(donor):
    injection = inject(BY_HAND["claude"], "wrong_user", "strong", np.random.default_rng(3), donor)
    assert injection.onset_sequence == injection.records[0]["sequence"]
    assert {record["user_id"] for record in injection.records} == {"ana"}
    assert {record["project"] for record in injection.records} != {"/home/ana/shop-api"}
    borrowed = [call["tool_input"] for call in calls_of(injection.records)]
    assert borrowed
    assert not any(call["tool_input"] in borrowed for call in calls_of(BY_HAND["claude"]))


def test_a_mild_wrong_user_takes_over_midway_and_stays_in_the_project():
    donor = [{**record, "agent": "claude-code"} for record in DONOR]
    injection = inject(BY_HAND["claude"], "wrong_user", "mild", np.random.default_rng(3), donor)
    assert injection.onset_sequence > 0
    assert {record["project"] for record in injection.records} == {"/home/ana/shop-api"}
    late = [call for call in calls_of(injection.records) if call["sequence"] >= injection.onset_sequence]
    assert {call["tool_name"] for call in late} == {"exec_command", "apply_patch"}


def test_a_strong_wrong_user_works_at_another_hour():
    injection = inject(BY_HAND["claude"], "wrong_user", "strong", np.random.default_rng(3))
    moved = milliseconds_of(BY_HAND["claude"][0]["timestamp"]) - milliseconds_of(injection.records[0]["timestamp"])
    assert 7 * 3_600_000 <= moved <= 11 * 3_600_000
