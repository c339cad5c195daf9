import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.events import EventTable
from analytics.intake import build_event_table
from analytics.rule_counts import Count, Total
from analytics.rule_matching import Match, TextPattern
from analytics.rule_occurrences import Hit
from analytics.rule_runs import Run
from analytics.rule_sequences import Sequence
from analytics.rules import Rule, RuleSet

MINUTE = 60_000_000_000
SECOND = 1_000_000_000
BEGIN = 1_700_000_000


def rule(id_, condition, **fields):
    return Rule(id_, fields.pop("severity", "high"), id_, id_, "ATT&CK T1485 Data Destruction", condition, **fields)


def command(pattern, *words, **fields):
    return (Match(details={"command": TextPattern(re.compile(pattern, re.MULTILINE), words)}, **fields),)


DELETE = rule("delete", command("^rm ", "rm "))
SEND = rule("send", command("^curl ", "curl"))
READ = rule("read", (Match(details={"path": TextPattern(re.compile("secret"))}),))
RULES = RuleSet(
    (
        DELETE,
        SEND,
        READ,
        rule("bypass", (Match(one_of={"permission_mode": frozenset(["bypassPermissions"])}),)),
        rule("leak", Sequence((("read",), ("send",)), 10 * MINUTE)),
        rule("many-deletes", Count(DELETE.matches, 3, MINUTE)),
        rule("loop", Run(4)),
        rule("retries", Run(3, "failed")),
        rule("nagging", Run(2, "rejected", gaps=True)),
        rule("burn", Total(("output_tokens",), 1000)),
    )
)


def event(second=0, sequence=0, name="tool_call", session="s", **fields):
    record = {"timestamp": BEGIN + second, "sequence": sequence, "event": name, "session_id": session}
    details = {key: fields.pop(key) for key in ("command", "path", "url") if key in fields}
    return {**record, **({"tool_name": "Bash", "tool_input": details} if details else {}), **fields}


def table_of(*records):
    return build_event_table(list(records), "native").table


def find(*records, rules=RULES):
    table = table_of(*records)
    return rules.findings(table.sorted().without_details(), rules.hits(table))


def counts(*records, rules=RULES):
    return {finding.rule: finding.count for finding in find(*records, rules=rules)}


def test_an_empty_table_has_no_hits_and_no_findings():
    assert RULES.hits(EventTable.empty()) == []
    assert RULES.findings(EventTable.empty(), []) == []


def test_a_hit_says_where_and_when():
    (hit,) = RULES.hits(table_of(event(5, 7, command="rm x")))[:1]
    assert (hit.session_id, hit.rule, hit.time_ns, hit.sequence) == ("s", "delete", (BEGIN + 5) * SECOND, 7)


def test_a_finding_holds_count_severity_and_first_and_last_time():
    (finding,) = find(event(1, 1, command="rm x"), event(90, 2, command="rm y"))
    assert (finding.session_id, finding.rule, finding.severity, finding.count) == ("s", "delete", "high", 2)
    assert (finding.first_ns, finding.last_ns) == ((BEGIN + 1) * SECOND, (BEGIN + 90) * SECOND)


def test_call_decision_and_result_of_one_use_count_once():
    names = ("tool_call", "tool_decision", "tool_result")
    uses = [event(n, n, name, command="rm x", tool_use_id="u") for n, name in enumerate(names)]
    assert len([hit for hit in RULES.hits(table_of(*uses)) if hit.rule == "delete"]) == 1
    assert counts(*uses) == {"delete": 1}


def test_equal_tool_use_ids_in_two_sessions_are_two_uses():
    found = find(event(command="rm x", tool_use_id="u"), event(command="rm x", tool_use_id="u", session="t"))
    assert [(finding.session_id, finding.rule) for finding in found] == [("s", "delete"), ("t", "delete")]


def test_without_ids_a_call_and_its_result_count_once():
    pair = [event(0, 0, command="rm x"), event(1, 1, "tool_result", command="rm x")]
    assert counts(*pair) == {"delete": 1}


def test_without_ids_two_calls_count_twice():
    assert counts(event(0, 0, command="rm x"), event(1, 1, command="rm x")) == {"delete": 2}


def test_call_and_result_in_different_batches_count_once():
    call = event(0, 0, command="rm x", tool_use_id="u")
    result = event(1, 1, "tool_result", command="rm x", tool_use_id="u")
    hits = RULES.hits(table_of(call)) + RULES.hits(table_of(result))
    (finding,) = RULES.findings(table_of(call, result).sorted(), hits)
    assert finding.count == 1


def test_the_same_hit_delivered_twice_counts_once():
    record = event(command="rm x")
    hits = RULES.hits(table_of(record)) * 2
    (finding,) = RULES.findings(table_of(record), hits)
    assert finding.count == 1


def test_hits_of_rules_no_longer_in_force_are_ignored():
    assert RULES.findings(table_of(event()), [Hit("s", "retired", BEGIN, 0)]) == []


def test_hits_of_a_session_outside_the_table_are_not_lost():
    (finding,) = RULES.findings(EventTable.empty(), [Hit("gone", "delete", BEGIN * SECOND, 0)])
    assert finding.session_id == "gone"


def test_details_free_rules_need_no_hits():
    table = table_of(event(name="user_prompt", permission_mode="bypassPermissions"))
    assert RULES.hits(table) == []
    assert [finding.rule for finding in RULES.findings(table, [])] == ["bypass"]


def test_a_sequence_needs_its_order_and_its_time():
    read, send = {"path": "/x/secret"}, {"command": "curl x"}
    assert "leak" in counts(event(0, 0, **read), event(600, 1, **send))
    assert "leak" not in counts(event(0, 0, **read), event(601, 1, **send))
    assert "leak" not in counts(event(0, 0, **send), event(60, 1, **read))
    assert "leak" not in counts(event(0, 0, **read), event(60, 1, **send, session="t"))


def test_a_sequence_spans_from_its_latest_first_step_to_its_last():
    reads = [event(second, second, path="/x/secret") for second in (0, 100)]
    leak = next(f for f in find(*reads, event(160, 160, command="curl x")) if f.rule == "leak")
    assert (leak.count, leak.first_ns, leak.last_ns) == (1, (BEGIN + 100) * SECOND, (BEGIN + 160) * SECOND)


def test_three_steps_must_fit_into_the_time_together():
    rules = RuleSet((DELETE, SEND, READ, rule("chain", Sequence((("read",), ("delete",), ("send",)), MINUTE))))
    steps = [{"path": "/x/secret"}, {"command": "rm x"}, {"command": "curl x"}]
    quick = [event(second, second, **step) for second, step in zip((0, 30, 60), steps, strict=True)]
    slow = [event(second, second, **step) for second, step in zip((0, 40, 80), steps, strict=True)]
    assert counts(*quick, rules=rules)["chain"] == 1
    assert "chain" not in counts(*slow, rules=rules)


def test_a_mere_step_makes_no_finding_but_serves_its_sequence():
    hidden = rule("read", READ.condition, is_reported=False)
    rules = RuleSet((hidden, SEND, rule("leak", Sequence((("read",), ("send",)), MINUTE))))
    assert counts(event(0, 0, path="/x/secret"), event(1, 1, command="curl x"), rules=rules) == {
        "send": 1,
        "leak": 1,
    }


def test_a_count_within_a_time_wants_its_crowd_together():
    near = [event(second, second, command="rm x") for second in (0, 30, 60)]
    far = [event(second, second, command="rm x") for second in (0, 30, 61)]
    assert counts(*near) == {"delete": 3, "many-deletes": 3}
    assert counts(*far) == {"delete": 3}


def test_only_the_events_of_a_crowd_count():
    lonely_and_crowd = [event(second, second, command="rm x") for second in (0, 500, 510, 520)]
    assert counts(*lonely_and_crowd)["many-deletes"] == 3


def test_a_run_breaks_where_another_call_comes_between():
    calls = [event(n, n, command="ls") for n in range(4)]
    assert counts(*calls) == {"loop": 1}
    assert counts(*calls[:2], event(1.5, 1, command="pwd"), *calls[2:]) == {}


def test_a_run_does_not_reach_into_the_next_session():
    assert counts(*(event(n, n, command="ls", session="s" if n < 2 else "t") for n in range(4))) == {}


def test_calls_with_other_arguments_or_none_known_are_no_run():
    assert counts(*(event(n, n, command=f"ls {n}") for n in range(9))) == {}
    assert counts(*(event(n, n, tool_name="Bash") for n in range(9))) == {}


def test_a_polling_tool_may_repeat_itself():
    rules = RuleSet((rule("loop", Run(4, except_tools=re.compile("^write_stdin$"))),))
    polls = [event(n, n, tool_name="write_stdin", tool_input={"id": 1}) for n in range(9)]
    assert counts(*polls, rules=rules) == {}
    assert counts(*polls) == {"loop": 1}


def test_retries_count_failures_of_the_agent_only():
    failing = [event(n, n, "tool_result", command="make", success=False, error="exit_code:2") for n in range(3)]
    stopped = [event(n, n, "tool_result", command="make", success=False, error="interrupted") for n in range(3)]
    assert counts(*failing) == {"retries": 1}
    assert counts(*stopped) == {}


def test_a_rejection_finds_its_arguments_by_the_id_of_the_use():
    records = []
    for n in range(2):
        records.append(event(3 * n, 3 * n, command="make deploy", tool_use_id=f"u{n}"))
        records.append(
            event(
                3 * n + 1,
                3 * n + 1,
                "tool_decision",
                tool_name="Bash",
                tool_use_id=f"u{n}",
                decision="reject",
            )
        )
        records.append(event(3 * n + 2, 3 * n + 2, command=f"ls {n}"))
    assert counts(*records) == {"nagging": 1}


def test_decision_and_result_of_one_refusal_are_one_refusal():
    refusal = [
        event(0, 0, "tool_decision", command="x", tool_use_id="u", decision="reject"),
        event(1, 1, "tool_result", command="x", tool_use_id="u", success=False, error="rejected by user"),
    ]
    assert counts(*refusal) == {}


def test_a_total_is_found_at_the_event_that_reaches_it():
    spent = [event(n, n, "api_request", output_tokens=300, session="b") for n in range(5)]
    other = [event(n, n, "api_request", output_tokens=300, session="a") for n in range(3)]
    (finding,) = find(*other, *spent)
    assert (finding.session_id, finding.rule, finding.first_ns) == ("b", "burn", (BEGIN + 3) * SECOND)


def test_the_project_folder_is_told_from_other_folders():
    rules = RuleSet((rule("away", command(r"^rm (?!\./)", "rm ")),))
    inside = event(command="rm /home/dev/shop/a", project="/home/dev/shop")
    sibling = event(command="rm /home/dev/shop2/a", project="/home/dev/shop")
    assert counts(inside, rules=rules) == {}
    assert counts(sibling, rules=rules) == {"away": 1}


@pytest.mark.parametrize("count", [126, 127, 128, 129])
def test_as_many_projects_as_a_small_code_holds_do_no_harm(count):
    records = [event(n, n, command="rm x", project=f"/srv/p{n}") for n in range(count)]
    assert len(RULES.hits(table_of(*records))) == 2 * count  # each is a deletion and one of many deletions


def test_needs_tell_which_rules_read_details():
    needs = {rule.id: rule.needs for rule in RULES.rules}
    assert needs["delete"] == needs["many-deletes"] == ("details",)
    assert needs["bypass"] == needs["loop"] == needs["burn"] == ()


def test_an_unknown_severity_is_refused():
    with pytest.raises(ValueError, match="severity 'grave'"):
        rule("x", DELETE.condition, severity="grave")


actions = st.sampled_from(
    [
        {"command": "rm x"},
        {"command": "curl x"},
        {"path": "/x/secret"},
        {"command": "ls"},
        {"name": "tool_result", "command": "make", "success": False, "error": "exit_code:1"},
        {"name": "tool_decision", "command": "make", "decision": "reject"},
        {"name": "api_request", "output_tokens": 400},
        {"name": "user_prompt", "permission_mode": "bypassPermissions"},
    ]
)
uses = st.sampled_from([{}, {"tool_use_id": "u1"}, {"tool_use_id": "u2"}])
sessions = st.sampled_from("st")
stories = st.lists(st.tuples(actions, uses, sessions), min_size=1, max_size=30)


def told(story):
    return [event(20 * n, n, session=session, **action, **use) for n, (action, use, session) in enumerate(story)]


@given(stories, st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_the_order_of_arrival_does_not_matter(story, random):
    records = told(story)
    shuffled = random.sample(records, len(records))
    assert find(*shuffled) == find(*records)


@given(stories, st.integers(1, 30))
@settings(max_examples=60, deadline=None)
def test_batches_give_the_findings_of_one_batch(story, size):
    records = told(story)
    batches = [table_of(*records[start : start + size]) for start in range(0, len(records), size)]
    hits = [hit for batch in batches for hit in RULES.hits(batch)]
    whole = EventTable.concat(batches).without_details().sorted()
    assert RULES.findings(whole, hits) == find(*records)
