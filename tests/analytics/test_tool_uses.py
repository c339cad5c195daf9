from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.tool_uses import pair_tool_uses
from tests.builders import record, sessions_of, use


def call(seconds, tool="Read", **fields):
    return record("tool_call", seconds, tool_name=tool, **fields)


def test_a_call_and_its_result_are_one_use_even_when_calls_run_in_parallel():
    uses = pair_tool_uses(
        sessions_of(
            call(0, "Bash", tool_use_id="a", tool_input={"command": "ls"}),
            call(0, "Read", tool_use_id="b"),
            record("tool_result", 2, tool_use_id="b", success=True, duration_ms=2000),
            record("tool_result", 3, tool_use_id="a", success=False, error="Exit code 1"),
        )
    )
    assert len(uses) == 2
    assert list(uses.success) == [0, 1]
    assert uses.args_hash[0] != 0
    assert uses.duration_ms[1] == 2000


def test_a_result_alone_is_a_use():
    assert len(pair_tool_uses(sessions_of(use(0), use(1)))) == 2


def test_a_call_without_result_is_a_use_without_outcome():
    uses = pair_tool_uses(sessions_of(call(0, tool_use_id="a")))
    assert list(uses.has_result) == [False]
    assert list(uses.success) == [-1]


def test_without_ids_the_nth_call_of_a_tool_belongs_to_its_nth_result():
    uses = pair_tool_uses(
        sessions_of(call(0, "A"), use(1, "A"), call(2, "A"), call(3, "B"), use(4, "B", success=False), use(5, "A"))
    )
    assert len(uses) == 3
    assert list(uses.success) == [1, 1, 0]


def test_two_results_for_one_id_are_one_use():
    assert len(pair_tool_uses(sessions_of(use(0, tool_use_id="a"), use(1, tool_use_id="a")))) == 1


def test_equal_ids_in_different_sessions_stay_apart():
    uses = pair_tool_uses(sessions_of(use(0, tool_use_id="a"), use(0, tool_use_id="a", session="s2")))
    assert sorted(uses.session) == [0, 1]


@given(
    st.lists(st.tuples(st.sampled_from(["tool_call", "tool_result"]), st.sampled_from(["a", "b", None])), max_size=20)
)
@settings(deadline=None, max_examples=150)
def test_there_are_as_many_uses_as_ids_and_unnamed_pairs(rows):
    records = [record(event, second, tool_name="Read", tool_use_id=name) for second, (event, name) in enumerate(rows)]
    unnamed = [event for event, name in rows if name is None]
    expected = len({name for _, name in rows if name}) + max(unnamed.count("tool_call"), unnamed.count("tool_result"))
    assert len(pair_tool_uses(sessions_of(*records))) == expected
