from __future__ import annotations

import pytest

from analytics.analyses.risk import RiskSettings, fit
from analytics.feature_matrix import measure_features
from analytics.sessions import SessionEvents, describe_sessions
from analytics.tool_roles import find_roles, in_roles, strangeness
from analytics.traces import trace_sessions
from tests.analytics.histories import history_of, ordinary_records, rows_of
from tests.builders import table_of, use


def renamed(records, names):
    return [{**one, "tool_name": names[one["tool_name"]]} if one.get("tool_name") in names else one for one in records]


def test_in_its_role_a_tool_leaves_what_the_known_one_would_have_left():
    records = [
        *ordinary_records(3),
        use(9e5, "Read", session="outside", tool_input={"file_path": "/etc/hosts"}, agent="claude-code"),
    ]
    new = renamed(records, {"Read": "mcp__files__open", "Bash": "Terminal"})
    roles = {"mcp__files__open": "Read", "Terminal": "Bash"}
    as_known = SessionEvents.from_table(in_roles(table_of(*new), roles))
    known = SessionEvents.from_table(table_of(*records))
    assert describe_sessions(as_known) == describe_sessions(known)
    assert measure_features(as_known).values == pytest.approx(measure_features(known).values, nan_ok=True)
    for ours, theirs in zip(trace_sessions(as_known), trace_sessions(known), strict=True):
        assert (ours.symbols, ours.words) == (theirs.symbols, theirs.words)


def test_tools_without_a_role_stay_as_they_are():
    table = table_of(*ordinary_records(1))
    assert in_roles(table, {"Fetch": "Read"}) is table


def test_without_known_tools_there_are_no_roles():
    assert find_roles(["new"], [], lambda _: 0.0) == {}


def test_roles_that_depend_on_each_other_are_found():
    right = {"open": "Read", "patch": "Edit", "look": "Grep"}
    wrong = lambda roles: float(sum(roles.get(tool) != role for tool, role in right.items()))  # noqa: E731 - one use
    assert find_roles(list(right), ["Bash", "Grep", "Edit", "Read"], wrong) == right


def test_the_role_is_found_in_which_sessions_look_least_strange():
    model = fit(history_of(ordinary_records(60)), RiskSettings(trees=30), None)
    taken_over = {"Read": "mcp__files__open", "Bash": "Terminal"}
    table = table_of(*renamed(ordinary_records(6, seed=1), taken_over))

    def strange(roles):
        sessions = SessionEvents.from_table(in_roles(table, roles))
        rows = rows_of(ordinary_records(6, seed=1))
        values, traces = measure_features(sessions).values, tuple(trace_sessions(sessions))
        return strangeness(type(rows)(rows.infos, values, rows.findings, traces), model)

    roles = find_roles(["mcp__files__open", "Terminal"], ["Edit", "Grep", "Bash", "Read"], strange)
    assert roles == {"mcp__files__open": "Read", "Terminal": "Bash"}
    assert strange(roles) < strange({}) / 2
