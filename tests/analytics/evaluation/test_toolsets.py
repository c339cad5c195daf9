from analytics.evaluation.toolsets import toolsets_of
from tests.builders import record, sessions_of, use


def test_tasks_with_tools_in_common_are_one_domain_and_a_strangers_tool_joins_nothing():
    uses = {
        "a1": ["pay", "balance"], "a2": ["pay"], "a3": ["pay"], "a4": ["balance", "post"],  # one of four posts: not typical
        "b1": ["pay", "limits"],
        "c1": ["post", "read"], "c2": ["post"],
        "d1": [],
    }  # fmt: skip
    records = [use(k, tool, session=name) for name, tools in uses.items() for k, tool in enumerate(tools)]
    records.append(record("user_prompt", session_id="d1"))
    groups = {name: name[0] for name in uses}
    domain = toolsets_of(sessions_of(*records), groups)
    assert domain == {"a": "pay", "b": "pay", "c": "post", "d": "none"}


def test_sessions_without_a_group_tell_nothing():
    assert toolsets_of(sessions_of(use(0, "pay")), {}) == {}
