import math
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from analytics.evaluation.cause_row import count_named, is_unusual
from analytics.evaluation.planted_causes import CAUSES, Cause, fall_silent, planted
from analytics.features import FEATURE_NAMES
from analytics.simulation import SimulationSettings, simulate_team
from analytics.verdicts import Reason
from tests.analytics.histories import rows_of

BY_NAME = {cause.name: cause for cause in CAUSES}


@pytest.fixture(scope="module")
def sessions():
    settings = SimulationSettings(end_ns=1_780_000_000 * 10**9, sessions=25, anomalous_ratio=0.0, users=3)
    simulated = simulate_team(settings, np.random.default_rng(4))
    return {one.session_id: one.records for one in simulated if len(one.records) > 60}


def measured(records, feature):
    rows = rows_of(records)
    return {info.session_id: rows.values[k, FEATURE_NAMES.index(feature)] for k, info in enumerate(rows.infos)}


def before_and_after(sessions, cause, feature):
    after = measured(planted(sessions, BY_NAME[cause], 0), feature)
    before = measured([record for records in sessions.values() for record in records], feature)
    return [(before[name], after[name]) for name in after]


@pytest.mark.parametrize(
    ("cause", "feature", "least"),
    [
        ("the same call 31 times in a row", "identical_run_longest", 31),
        ("30 failing calls", "error_run_longest", 30),
        ("24 uses of tools that nobody has", "distinct_tools", 5),
    ],
)
def test_a_planted_cause_is_there(sessions, cause, feature, least):
    pairs = before_and_after(sessions, cause, feature)
    assert pairs
    assert min(after for _, after in pairs) >= least


def test_tokens_are_multiplied_and_outputs_of_one_tool_grow(sessions):
    for before, after in before_and_after(sessions, "tokens x 20", "tokens_total"):
        assert after == pytest.approx(20 * before)
    for before, after in before_and_after(sessions, "output of one tool x 50", "tool_output_p95_chars"):
        assert after > before


def test_work_elsewhere_is_elsewhere(sessions):
    pairs = before_and_after(sessions, "30 uses of files outside the project", "scope_violations_ratio")
    assert any(after > before + 0.2 for before, after in pairs)


def test_work_at_night_begins_at_one_o_clock(sessions):
    moved = rows_of(planted(sessions, BY_NAME["the whole session at night"], 0))
    assert len(moved) == len(sessions)
    assert {info.started_ns // 3_600_000_000_000 % 24 for info in moved.infos} == {1}


def test_what_a_session_gets_does_not_depend_on_the_others(sessions):
    name = min(sessions)
    for cause in CAUSES:
        alone = planted({name: sessions[name]}, cause, 3)
        assert alone == [one for one in planted(sessions, cause, 3) if one["session_id"] == name]


def test_sessions_that_cannot_have_a_cause_are_left_out(sessions):
    talk = {name: [one for one in records if one["event"] == "user_prompt"] for name, records in sessions.items()}
    for cause in ("the same call 31 times in a row", "50 sub-agents", "output of one tool x 50"):
        assert planted(talk, BY_NAME[cause], 0) == []


def test_silence_only_moves_what_comes_later(sessions):
    records = next(iter(sessions.values()))
    silent = fall_silent(records, 10)
    assert Counter(one["event"] for one in silent) == Counter(one["event"] for one in records)
    gaps = rows_of(silent).infos[0].ended_ns - rows_of(records).infos[0].ended_ns
    assert gaps == 10 * 3600 * 10**9


def reason(feature, text=""):
    return Reason(feature, 1.0, 0.0, 0.0, 0.5, text)


def test_shares_are_of_the_cases_and_of_the_strange_among_them():
    cause = Cause("x", lambda records, _: list(records), {"a": ("",), "b": ("named",)})
    told = [
        (0.95, [reason("a"), reason("c")]),
        (0.95, [reason("c"), reason("b", "is named")]),
        (0.5, [reason("b", "is not")]),
        (0.5, []),
    ]
    row = count_named(cause, told, 7)
    assert (row.cases, row.strange, row.habitual) == (4, 2, 7)
    assert (row.first, row.first_of_strange, row.listed) == (0.25, 0.5, 0.5)
    assert dict(row.instead) == {"c": 1, "b": 1, "no reason": 1}
    assert math.isnan(count_named(cause, [], 0).first)


def test_unusual_is_what_nineteen_in_twenty_of_the_own_sessions_do_not_reach():
    own = np.column_stack([np.arange(100.0), np.full(100, np.nan)])
    before = np.zeros(2)
    assert is_unusual(np.array([95.0, np.nan]), before, own)
    assert not is_unusual(np.array([90.0, 5.0]), before, own)
    assert is_unusual(np.array([0.1, 0.0]), before, own[:0])


def test_what_was_there_before_the_cause_is_not_its_doing():
    own = np.arange(100.0)[:, None]
    assert not is_unusual(np.array([99.0]), np.array([99.0]), own)
    assert not is_unusual(np.array([0.0]), np.array([0.0]), own[:0])
    assert is_unusual(np.array([99.0]), np.array([np.nan]), own)


def own_order(records):
    return [one["tool_name"] for one in records if one["event"] == "tool_result"]


def test_failing_calls_keep_the_order_of_the_session(sessions):
    """What follows what is the session's own: only that it fails was planted."""
    for name, records in sessions.items():
        after = planted({name: records}, BY_NAME["30 failing calls"], 0)
        if not after:
            continue
        worked = [one["tool_name"] for one in records if one["event"] == "tool_result" and one.get("success")]
        pairs = set(pairwise(worked))
        new = Counter(own_order(after)) - Counter(own_order(records))
        assert sum(new.values()) == 30
        failed = [one["tool_name"] for one in after if one["event"] == "tool_result" and not one.get("success")]
        strange = sum(pair not in pairs for pair in pairwise(failed))
        assert strange <= 3 + len([1 for one in records if one["event"] == "tool_result" and not one.get("success")])
