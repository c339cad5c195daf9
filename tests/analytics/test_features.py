from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.activity import WorkingHours
from analytics.feature_matrix import measure_checkpoints, measure_features
from analytics.features import FEATURE_BY_NAME, FEATURE_NAMES, FEATURES, SCHEMA
from tests.builders import record, sessions_of, use


def feature(name, *records, hours=None):
    """The value of one feature for the one session of the records."""
    matrix = measure_features(sessions_of(*records), hours)
    assert len(matrix) == 1
    return matrix.values[0, FEATURE_NAMES.index(name)]


def command(seconds, text, **fields):
    return use(seconds, "Bash", tool_input={"command": text}, **fields)


PLANTED = [
    # Silences count for five minutes: 60 s, then an hour cut to 300 s.
    ("session_duration_seconds", [use(0), use(60), use(3660)], 360),
    ("operations_total", [use(0), use(1), record("user_prompt", 2)], 2),
    ("operations_per_prompt", [record("user_prompt", 0), *(use(k) for k in range(6)), record("user_prompt", 9)], 3),
    ("operations_per_minute", [use(0), use(60), use(120), use(180)], 4 / 3),
    ("messages_per_operation", [use(0), use(1), record("assistant_message", 2)], 0.5),
    ("subagents_started", [use(0, "Task"), use(1, "Task"), record("subagent_start", 2)], 2),
    ("compactions_total", [record("compaction", 0)], 1),
    ("tool_diversity", [use(0, "Read"), use(1, "Bash"), use(2, "Edit"), use(3, "Grep")], 4),
    ("distinct_tools", [use(0, "Read"), use(1, "Read"), use(2, "Edit")], 2),
    ("read_tools_ratio", [use(0, "Read"), use(1, "Grep"), use(2, "Edit"), use(3, "Bash")], 0.5),
    ("write_tools_ratio", [use(0, "Read"), use(1, "apply_patch")], 0.5),
    ("mcp_tools_ratio", [use(0, "mcp__github__list"), use(1, "Read")], 0.5),
    ("read_write_cycles_ratio", [use(0, "Read"), use(1, "Edit"), use(2, "Read"), use(3, "Edit")], 0.5),
    ("shell_run_longest", [use(0, "Bash"), use(1, "Bash"), use(2, "Read"), use(3, "Bash")], 2),
    # After Read always comes Bash and after Bash always Read: the next tool is no surprise.
    ("transition_entropy_bits", [use(k, "Read" if k % 2 else "Bash") for k in range(10)], 0),
    ("repetition_ratio", [command(0, "ls"), command(1, "pwd"), command(2, "ls"), command(3, "ls")], 0.5),
    ("identical_run_longest", [command(k, "make") for k in range(5)] + [command(9, "ls"), command(10, "make")], 5),
    ("same_tool_ratio", [use(0, "Read"), use(1, "Read"), use(2, "Bash"), use(3, "Bash")], 2 / 3),
    ("same_size_run_longest", [use(k, "Read", tool_input_chars=40) for k in range(4)] + [use(9, "Read")], 4),
    (
        "scope_violations_ratio",
        [use(k, tool_input={"file_path": path}, project="/p") for k, path in enumerate(["/p/a", "/etc/x", "/p/b", "/q"])],
        0.5,
    ),
    (
        "scope_violation_writes",
        [use(0, "Write", tool_input={"file_path": "/etc/x"}, project="/p"), use(1, tool_input={"file_path": "/etc/x"}, project="/p")],
        1,
    ),
    ("error_ratio", [use(0), use(1, success=False), use(2, success=False, error="sibling_cancelled"), use(3)], 0.25),
    ("error_run_longest", [use(0, success=False), use(1, success=False), use(2), use(3, success=False)], 2),
    ("invalid_input_ratio", [use(0, success=False, error="tool_use_error:x"), use(1)], 0.5),
    ("retry_ratio", [use(0, "Bash", success=False), use(1, "Bash"), use(2, "Bash"), use(3, "Read")], 0.25),
    ("rejection_ratio", [use(0), record("tool_decision", 1, decision="reject", tool_name="Bash")], 0.5),
    ("unanswered_ratio", [use(0), record("tool_call", 1, tool_name="Bash")], 0.5),
    ("api_error_ratio", [record("api_request", 0), record("api_error", 1)], 0.5),
    ("notifications_total", [record("notification", 0), record("notification", 1)], 2),
    ("personas_total", [record("user_prompt", 0, persona="qa"), record("user_prompt", 1, persona="security")], 2),
    ("workflows_total", [record("user_prompt", 0, workflow="/review"), record("user_prompt", 1, workflow="review")], 1),
    ("reasoning_level", [record("user_prompt", 0, prompt="--think-hard go")], 2),
    ("permission_bypass_ratio", [use(0, permission_mode="bypassPermissions"), use(1, permission_mode="default"), use(2)], 0.5),
    ("models_total", [record("api_request", 0, model="a"), record("api_request", 1, model="b")], 2),
    ("active_hours", [use(0), use(1800), use(3 * 3600)], 2),
    ("peak_activity_per_minute", [use(0), use(1), use(2), use(70)], 3),
    ("gap_median_seconds", [use(0), use(2), use(4), use(100)], 2),
    ("tool_duration_median_seconds", [use(k, duration_ms=ms) for k, ms in enumerate([1000, 2000, 9000])], 2),
    ("request_duration_median_seconds", [record("api_request", 0, duration_ms=4000)], 4),
    ("tokens_total", [record("api_request", 0, input_tokens=10, cache_read_tokens=90), record("api_request", 1, output_tokens=5)], 105),
    ("tokens_per_operation", [use(0), use(1), record("api_request", 2, input_tokens=10)], 5),
    ("output_tokens_mean", [record("api_request", 0, output_tokens=10), record("api_request", 1, output_tokens=30)], 20),
    ("context_tokens_max", [record("api_request", 0, input_tokens=10, cache_read_tokens=90), record("api_request", 1, input_tokens=50)], 100),
    ("cache_read_ratio", [record("api_request", 0, input_tokens=10, cache_read_tokens=30)], 0.75),
    ("cost_usd_total", [record("api_request", 0, cost_usd=0.5), record("api_request", 1, cost_usd=0.25)], 0.75),
    ("cost_usd_per_operation", [use(0), use(1), record("api_request", 2, cost_usd=0.5)], 0.25),
    ("tool_output_median_chars", [use(k, tool_output_chars=n) for k, n in enumerate([1, 50, 9000])], 50),
    ("prompt_median_chars", [record("user_prompt", 0, prompt_length=80)], 80),
    ("message_median_chars", [record("assistant_message", 0, message_chars=70)], 70),
]  # fmt: skip


@pytest.mark.parametrize(("name", "records", "expected"), PLANTED, ids=[row[0] for row in PLANTED])
def test_a_feature_measures_what_was_planted(name, records, expected):
    assert feature(name, *records) == pytest.approx(expected)


def test_off_hours_follow_the_working_hours_and_their_zone():
    # 09:00, 18:59 and 19:01 on a Monday, UTC.
    events = [use(0), use(9 * 3600 + 3540), use(10 * 3600 + 60)]
    assert feature("off_hours_ratio", *events) == pytest.approx(1 / 3)
    assert feature("off_hours_ratio", *events, hours=WorkingHours(offset_minutes=-120)) == pytest.approx(1 / 3)
    assert feature("off_hours_ratio", *events, hours=WorkingHours(days=())) == 1


def test_a_repetitive_session_is_less_complex_than_a_varied_one():
    tools = ["Read", "Bash", "Edit", "Grep", "Write", "Glob"]
    rng = np.random.default_rng(1)
    varied = feature("sequence_complexity", *(use(k, tools[rng.integers(6)]) for k in range(60)))
    looping = feature("sequence_complexity", *(use(k, tools[k % 2]) for k in range(60)))
    assert looping < varied / 1.5


def test_polling_is_no_loop():
    polls = [use(k, "write_stdin", tool_input={"session": 1}) for k in range(30)]
    assert np.isnan(feature("identical_run_longest", *polls))


NEEDS_MORE = {"tokens": "tokens_total", "cost": "cost_usd_total", "details": "identical_run_longest"}


@pytest.mark.parametrize(("need", "name"), NEEDS_MORE.items())
def test_what_is_not_logged_is_absent_not_zero(need, name):
    assert need in FEATURE_BY_NAME[name].needs
    assert np.isnan(feature(name, use(0), use(1)))


def test_every_feature_is_documented():
    assert len(set(FEATURE_NAMES)) == len(FEATURES) >= 16
    for one in FEATURES:
        assert one.help.endswith("."), one.name
        assert one.unit, one.name
        assert one.risky in ("high", "low", "both"), one.name
        assert one.least > 0, one.name
        assert one.measure.__doc__ or "measure" in one.measure.__qualname__, one.name


def test_the_schema_changes_with_the_features():
    assert len(SCHEMA) == 12


any_use = st.builds(
    lambda second, tool, success, chars, event: record(
        event, second, tool_name=tool, success=success, tool_input_chars=chars, duration_ms=chars
    ),
    st.floats(0, 1e6), st.sampled_from(["Read", "Bash", None]), st.sampled_from([True, False, None]),
    st.one_of(st.none(), st.floats(0, 1e12)),
    st.sampled_from(["tool_result", "tool_call", "user_prompt", "api_request", "tool_decision", "odd"]),
)  # fmt: skip


@given(st.lists(any_use, min_size=1, max_size=25))
@settings(deadline=None, max_examples=100)
def test_no_session_breaks_a_feature(records):
    values = measure_features(sessions_of(*records)).values
    assert values.shape == (1, len(FEATURES))
    assert not np.isinf(values).any()
    for column, one in enumerate(FEATURES):
        if one.unit == "ratio" and not np.isnan(values[0, column]):
            assert 0 <= values[0, column] <= 1, one.name


@given(st.lists(any_use, min_size=1, max_size=12), st.lists(any_use, min_size=1, max_size=12))
@settings(deadline=None, max_examples=60)
def test_a_session_is_measured_alike_alone_and_in_company(mine, others):
    others = [{**one, "session_id": "other"} for one in others]
    alone = measure_features(sessions_of(*mine)).values[0]
    together = measure_features(sessions_of(*others, *mine))
    assert np.allclose(together.values[together.session_ids.index("s1")], alone, equal_nan=True)


def test_a_checkpoint_row_is_the_session_as_it_was_at_that_age():
    records = [use(k, "Read" if k < 8 else "Bash") for k in range(20)]
    checkpoints = measure_checkpoints(sessions_of(*records))
    assert sorted(checkpoints) == [8, 16]
    young = measure_features(sessions_of(*records[:8])).values
    assert np.allclose(checkpoints[8].values, young, equal_nan=True)


def test_no_sessions_make_an_empty_matrix():
    assert measure_features(sessions_of()).values.shape == (0, len(FEATURES))
