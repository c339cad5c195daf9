from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.intake import MAX_TEXT, build_event_table
from analytics.lost_values import LOST_VALUES
from tests.builders import record, table_of, use

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
FIELDS = [
    "timestamp", "session_id", "event", "agent", "user_id", "tool_name", "tool_use_id", "tool_input", "success",
    "error", "duration_ms", "sequence", "prompt", "event_id", "workflow", "persona", "cost_usd", "unknown", "text_chars",
]  # fmt: skip
good_line = st.fixed_dictionaries(
    {
        "timestamp": st.just("2026-03-01T10:00:00Z"),
        "session_id": st.text(min_size=1).filter(str.strip),
        "event": st.just("tool_result"),
    }
)
any_line = st.dictionaries(st.sampled_from(FIELDS), json_values, max_size=8)
records = st.lists(
    any_line | st.tuples(any_line, good_line).map(lambda pair: pair[0] | pair[1]) | json_values, max_size=12
)


def dropped_records(intake):
    """Reasons and numbers of the records that were dropped, without values lost from others."""
    return {reason: count for reason, count in intake.dropped.items() if reason not in LOST_VALUES}


@given(records)
@settings(deadline=None, max_examples=300)
def test_whatever_arrives_is_either_a_row_or_counted(lines):
    intake = build_event_table(lines, "native")
    assert len(intake.table) + sum(dropped_records(intake).values()) == len(lines)


@given(st.lists(st.tuples(any_line, good_line).map(lambda pair: pair[0] | pair[1]), max_size=8))
@settings(deadline=None, max_examples=200)
def test_a_good_identity_is_never_dropped_whatever_else_the_line_holds(lines):
    intake = build_event_table(lines, "native")
    assert len(intake.table) == len(lines)
    assert not dropped_records(intake)


@pytest.mark.parametrize(
    ("stamp", "expected"),
    [
        ("2026-03-01T10:00:00Z", "2026-03-01T10:00:00"),
        ("2026-03-01T12:00:00.250+02:00", "2026-03-01T10:00:00.250"),
        ("2026-03-01T10:00:00.123456789Z", "2026-03-01T10:00:00.123456789"),
        (1772359200, "2026-03-01T10:00:00"),
        (1772359200.25, "2026-03-01T10:00:00.250"),
    ],
)
def test_timestamps_are_read_to_the_nanosecond(stamp, expected):
    table = table_of({"timestamp": stamp, "session_id": "s", "event": "user_prompt"})
    assert table.values("time_ns")[0] == pd.Timestamp(expected).value


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("not an object", "not_an_object"),
        ({"session_id": "s", "event": "e"}, "missing_timestamp"),
        ({"timestamp": "yesterday", "session_id": "s", "event": "e"}, "bad_timestamp"),
        ({"timestamp": 1e30, "session_id": "s", "event": "e"}, "bad_timestamp"),
        ({"timestamp": True, "session_id": "s", "event": "e"}, "bad_timestamp"),
        ({"timestamp": "2026-03-01T10:00:00Z", "event": "e"}, "missing_session_id"),
        ({"timestamp": "2026-03-01T10:00:00Z", "session_id": " ", "event": "e"}, "missing_session_id"),
        ({"timestamp": "2026-03-01T10:00:00Z", "session_id": "s"}, "missing_event"),
    ],
)
def test_an_unusable_record_is_counted_by_reason(line, reason):
    good = record("user_prompt")
    intake = build_event_table([good, line, good], "native")
    assert len(intake.table) == 2
    assert dict(intake.dropped) == {reason: 1}


def test_unknown_events_are_kept():
    assert list(table_of(record("brand_new_event")).frame["event"]) == ["brand_new_event"]


def test_booleans_and_numbers_arrive_as_text_too():
    table = table_of(use(0, success="false", duration_ms="12.5"), use(1, success="true"), use(2, success=None))
    assert list(table.values("success")) == [0, 1, -1]
    assert table.values("duration_ms")[0] == 12.5


def test_equal_arguments_have_equal_hashes_whatever_their_order():
    table = table_of(
        use(0, tool_input={"a": 1, "b": 2}), use(1, tool_input={"b": 2, "a": 1}), use(2, tool_input='{"a":1,"b":2}'),
        use(3, tool_input={"a": 1, "b": 3}), use(4),
    )  # fmt: skip
    hashes = table.values("args_hash")
    assert hashes[0] == hashes[1] == hashes[2] != hashes[3]
    assert hashes[4] == 0


def test_a_given_args_hash_decides_over_the_visible_arguments():
    first, second = (use(k, tool_input={"command": "git status", "args_hash": f"h{k}"}) for k in range(2))
    hashes = table_of(first, second).values("args_hash")
    assert hashes[0] != hashes[1]


def test_hashes_are_the_same_in_every_process():
    # A literal keeps the promise across processes and versions: stored hashes must go on matching.
    assert table_of(use(0, tool_input={"command": "ls"})).values("args_hash")[0] == np.uint64(
        table_of(use(9, tool_input='{"command": "ls"}')).values("args_hash")[0]
    )


@pytest.mark.parametrize(
    ("path", "project", "expected"),
    [
        ("/home/ana/shop/src/a.py", "/home/ana/shop", 0),
        ("/home/ana/shop-old/a.py", "/home/ana/shop", 1),
        ("/home/ana/shop/../.ssh/id", "/home/ana/shop", 1),
        ("./src/a.py", "/home/ana/shop", 0),
        ("../other/a.py", "shop", 1),
        ("~/.ssh/id_rsa", "shop", 1),
        ("/etc/passwd", "shop", 1),
        ("/srv/code/a.py", "shop", -1),
        ("C:\\Users\\Ana\\shop\\a.py", "c:\\users\\ana\\shop", 0),
    ],
)
def test_paths_are_told_inside_from_outside(path, project, expected):
    table = table_of(use(0, tool_input={"file_path": path}, project=project))
    assert table.values("outside")[0] == expected


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("Exit code 1", "failed"),
        ("exit_code:127", "failed"),
        (None, "failed"),
        ("The user doesn't want to proceed with this tool use.", "user_rejected"),
        ("sibling_cancelled", "sibling_cancelled"),
        ("Sibling tool call errored", "sibling_cancelled"),
        ("<tool_use_error>File has not been read yet</tool_use_error>", "invalid_input"),
        ("interrupted", "interrupted"),
    ],
)
def test_five_kinds_of_failure_are_told_apart(error, kind):
    assert table_of(use(0, success=False, error=error)).frame.loc[0, "failure_kind"] == kind


def test_a_successful_result_has_no_failure_kind():
    assert table_of(use(0)).frame["failure_kind"].isna().all()


def test_prompts_leave_only_their_intent():
    table = table_of(
        record("user_prompt", prompt="/sc:build --persona-security --think-hard the login page SECRET"),
        record("user_prompt", prompt="please @agent-security-engineer look, ultrathink"),
        record("user_prompt", prompt="see path/sc:not a command"),
    )
    assert table.frame.loc[0, "workflow"] == "sc:build"
    assert list(table.frame["persona"].astype(object))[:2] == ["security", "security"]
    assert list(table.frame["reasoning"].astype(object))[:2] == ["think-hard", "ultrathink"]
    assert table.frame["workflow"].isna().tolist() == [False, True, True]
    assert "SECRET" not in table.frame.to_string()


def test_names_are_bounded_and_free_of_control_characters():
    table = table_of(record("user_prompt", session_id="a\nb\x1b[31m" + "x" * 1000, user_id="ann\u2028"))
    session = table.categories("session_id")[0]
    assert len(session) == MAX_TEXT
    assert session.isprintable()
    assert table.categories("user_id")[0].isprintable()


def test_a_list_where_a_name_belongs_becomes_text():
    assert table_of(record("user_prompt", user_id=["a", "b"])).frame.loc[0, "user_id"] == '["a","b"]'


def test_a_nameless_result_takes_the_name_of_its_call():
    table = table_of(
        record("tool_call", 0, tool_name="Bash", tool_use_id="a"),
        record("tool_result", 1, tool_use_id="a"),
        record("tool_result", 1, tool_use_id="a", session_id="other"),
    )
    assert table.frame["tool_name"].astype(object).tolist()[:2] == ["Bash", "Bash"]
    assert table.frame["tool_category"].isna().tolist() == [False, False, True]


@pytest.mark.parametrize("stamp", [9.3e9, -9.3e9, 1e11, 10**300, float("nan"), float("inf")])
def test_a_time_no_calendar_holds_is_counted_not_raised(stamp):
    assert dict(build_event_table([{**record("user_prompt"), "timestamp": stamp}], "native").dropped) == {
        "bad_timestamp": 1
    }


def test_deep_nesting_is_no_error():
    deep: list = []
    for _ in range(5_000):
        deep = [deep]
    table = table_of(record("user_prompt", user_id=deep, tool_input={"x": deep}, other=deep))
    assert len(table) == 1


def test_unknown_fields_are_kept_as_attributes():
    table = table_of(record("user_prompt", colour="red", nothing=None), record("user_prompt"))
    assert list(table.values("attributes")) == ['{"colour":"red"}', None]


@pytest.mark.parametrize("stamp", [
    "0216-09-01T10:00:00Z", "0001-01-01T00:00:00+14:00", "1677-09-21T00:00:00Z", "2262-04-12T00:00:00Z",
    "9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59-14:00", "10000-01-01T00:00:00Z", "now", "today",
])  # fmt: skip
def test_a_stamp_of_any_year_or_of_none_is_counted_and_leaves_its_neighbours_alone(stamp):
    good = [use(1), {**use(2), "timestamp": "2026-03-01T10:00:00.123456789Z"}]
    alone = build_event_table(good, "native").table.values("time_ns")
    for place in range(3):
        intake = build_event_table([*good[:place], {**use(0), "timestamp": stamp}, *good[place:]], "native")
        assert intake.table.values("time_ns").tolist() == alone.tolist()
        assert intake.dropped == {"bad_timestamp": 1}


YEARS = st.datetimes().map(lambda moment: moment.isoformat() + "Z")


@given(st.lists(YEARS, max_size=6))
@settings(deadline=None, max_examples=100)
def test_a_time_of_any_year_is_either_kept_to_the_microsecond_or_counted(stamps):
    intake = build_event_table([{**use(0), "timestamp": stamp} for stamp in stamps], "native")
    known = [stamp for stamp in stamps if stamp.startswith("20")]
    assert intake.table.values("time_ns").tolist() == [pd.Timestamp(stamp).value for stamp in known]
    assert intake.dropped.total() == len(stamps) - len(known)


def test_blanks_around_a_users_id_are_none_of_it():
    spellings = ["ana", " ana", "ana\n", "\u2003ana\t", "  ", "ana maria"]
    users = table_of(*[use(number, user_id=user) for number, user in enumerate(spellings)]).frame["user_id"]
    assert users.astype(object).where(users.notna(), None).tolist() == ["ana", "ana", "ana", "ana", None, "ana maria"]
