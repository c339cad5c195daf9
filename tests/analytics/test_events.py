from __future__ import annotations

import numpy as np
import pytest

from analytics.events import COLUMN_KINDS, DETAILS, EventTable
from tests.builders import record, table_of, use


def test_an_empty_table_has_every_column():
    assert list(EventTable.empty().frame.columns) == list(COLUMN_KINDS)
    assert len(EventTable.empty()) == 0


def test_unknown_columns_are_refused():
    with pytest.raises(ValueError, match="unknown event columns: \\['colour'\\]"):
        EventTable.from_columns({"time_ns": np.array([1]), "colour": np.array([2.0])})


def test_what_was_joined_can_be_joined_again():
    joined = EventTable.concat([table_of(record("x", session_id="a")), table_of(record("x", session_id="b"))])
    again = EventTable.concat([table_of(record("x", session_id="c")), joined])
    assert list(again.frame["session_id"]) == ["c", "a", "b"]


def test_tables_with_different_vocabularies_join_by_value():
    joined = EventTable.concat([table_of(use(0, "Read")), EventTable.empty(), table_of(use(1, "Bash"), use(2, "Read"))])
    assert list(joined.frame["tool_name"]) == ["Read", "Bash", "Read"]
    assert joined.frame.dtypes["tool_name"] == "category"


def test_a_table_of_some_columns_has_the_others_missing():
    table = table_of(use(0, "Read"), use(1, "Bash")).only(("tool_name",))
    assert table.frame["tool_name"].tolist() == ["Read", "Bash"]
    assert table.frame["event"].isna().all()
    assert table.categories("event") == []
    assert list(table.values("sequence")) == [-1, -1]


def test_texts_are_not_to_be_had_of_a_column_of_numbers():
    with pytest.raises(ValueError, match="the column cost_usd holds no texts"):
        table_of(use(0)).codes("cost_usd")


def test_rows_sort_by_session_then_time_then_sequence():
    table = table_of(
        record("b", 5, session_id="x", sequence=1),
        record("a", 5, session_id="x", sequence=0),
        record("d", 1, session_id="y"),
        record("c", 1, session_id="x"),
    ).sorted()
    assert list(table.frame["event"]) == ["c", "a", "b", "d"]


def test_equal_event_ids_in_one_session_are_one_event():
    table = table_of(
        record("user_prompt", 1, event_id="e1"),
        record("user_prompt", 1, event_id="e1"),
        record("user_prompt", 1, event_id="e1", session_id="other"),
        record("user_prompt", 1),
        record("user_prompt", 1),
    )
    assert list(table.deduplicated().frame["session_id"]) == ["s1", "other", "s1", "s1"]


def test_a_line_repeated_with_its_sequence_is_one_event():
    line = record("tool_result", 3, sequence=7, tool_name="Read")
    assert len(table_of(line, dict(line)).deduplicated()) == 1
    assert len(table_of(line, {**line, "sequence": 8}).deduplicated()) == 2


def test_details_are_gone_after_they_are_dropped():
    table = table_of(use(0, "Bash", tool_input={"command": "cat /etc/passwd", "file_path": "/a", "url": "u"}, extra=1))
    assert table.frame.loc[0, list(DETAILS)].notna().all()
    stripped = table.without_details()
    assert stripped.frame.loc[0, list(DETAILS)].isna().all()
    assert stripped.values("args_hash")[0] == table.values("args_hash")[0] != 0
    assert stripped.frame.loc[0, "program"] == "cat"
