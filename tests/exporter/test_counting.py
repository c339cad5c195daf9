from __future__ import annotations

from collections import Counter
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.events import EventTable
from exporter.counting import count_batch
from tests.builders import record, table_of, use

NAMES = st.sampled_from([None, "Read", "Bash", "Edit"])
KINDS = st.sampled_from([None, "failed", "timeout", "denied"])
RESULTS = st.tuples(st.sampled_from(["s1", "s2"]), NAMES, st.sampled_from([None, True, False]), KINDS)


def events_of(results):
    """Tool results in the order given, one a second."""
    return table_of(
        *(
            record("tool_result", second, session_id=session, tool_name=tool, success=success, failure_kind=kind)
            for second, (session, tool, success, kind) in enumerate(results)
        )
    )


def counted(table):
    return count_batch(table, EventTable.empty(), table)


@settings(max_examples=60, deadline=None)
@given(results=st.lists(RESULTS, min_size=1, max_size=20))
def test_tool_calls_are_counted_by_tool_and_outcome(results):
    table = events_of(results)
    # A failure that nobody explained has been given a kind when it was taken in.
    kinds = [kind if isinstance(kind, str) else "failed" for kind in table.frame["failure_kind"].astype(object)]
    wanted = Counter(
        (tool or "", "success" if success else "unknown" if success is None else kind)
        for (_, tool, success, _), kind in zip(results, kinds, strict=True)
    )
    assert counted(table)["sigyn_tool_calls_total"] == wanted


@settings(max_examples=60, deadline=None)
@given(results=st.lists(RESULTS, min_size=1, max_size=20))
def test_transitions_are_pairs_of_neighbours_within_a_session(results):
    table = events_of(results)
    categories = table.frame["tool_category"].astype(object)
    by_session: dict[str, list[str]] = {}
    for (session, *_), category in zip(results, categories, strict=True):
        by_session.setdefault(session, []).append(category if isinstance(category, str) else "other")
    wanted = Counter(pair for steps in by_session.values() for pair in pairwise(steps))
    assert counted(table)["sigyn_tool_transitions_total"] == wanted


def test_a_column_of_many_texts_counts_as_one_of_few():
    many = [("s1", f"tool-{number}", True, None) for number in range(300)]
    assert counted(events_of(many * 2))["sigyn_tool_calls_total"] == {
        (f"tool-{number}", "success"): 2 for number in range(300)
    }


def test_costs_add_up_by_user_and_project_and_negative_ones_count_as_nothing():
    table = table_of(
        record("api_request", 0, user_id="ann", cost_usd=1.5),
        record("api_request", 1, user_id="ann", cost_usd=-7.0),
        record("api_request", 2, user_id="ann", project="/p", cost_usd=0.25),
        record("api_request", 3, cost_usd=2.0),
        record("api_request", 4, user_id="bob"),
    )
    assert counted(table)["sigyn_cost_usd_total"] == {("ann", ""): 1.5, ("ann", "/p"): 0.25, ("", ""): 2.0}


def test_refused_decisions_count_beside_finished_calls():
    table = table_of(
        use(0, "Bash"),
        record("tool_decision", 5, tool_name="Bash", decision="reject"),
        record("tool_decision", 6, tool_name="Bash", decision="accept"),
    )
    assert counted(table)["sigyn_tool_calls_total"] == {("Bash", "success"): 1, ("Bash", "rejected"): 1}


def test_a_persona_counts_the_results_of_its_sessions_only():
    table = table_of(
        record("user_prompt", 0, session_id="s1", prompt="--persona-security look"),
        record("tool_result", 1, session_id="s1", tool_name="Read", success=True),
        record("tool_result", 2, session_id="s2", tool_name="Read", success=True),
    )
    assert counted(table)["sigyn_persona_tool_calls_total"] == {("security", "success"): 1}
