from __future__ import annotations

import pytest

from exporter.announcements.changes import NEVER, is_news, new_findings, told_of
from exporter.state import Announced
from tests.exporter.announcements.tellings import HOUR_NS, NOW_NS, finding, unscored, verdict

TOLD = Announced(0.5, "medium", is_final=False, findings={"reads-secrets": 2})


def test_a_first_score_is_news_and_no_score_is_not():
    assert is_news(NEVER, verdict(risk=0.0))
    assert is_news(Announced(findings={"reads-secrets": 2}), verdict())
    assert not is_news(NEVER, unscored())
    assert not is_news(TOLD, unscored())


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (verdict(risk=0.5), False),
        (verdict(risk=0.59), False),
        (verdict(risk=0.6), True),
        (verdict(risk=0.4), True),
        (verdict(risk=0.41), False),
        (verdict(risk=0.5, is_final=True), True),
        (verdict(risk=0.5, findings=(finding(count=9),)), False),
        (verdict(risk=0.5, findings=(finding(), finding("reverse-shell"))), True),
    ],
)
def test_a_score_is_told_again_when_it_has_changed_enough(changed, expected):
    assert is_news(TOLD, changed) is expected


@pytest.mark.parametrize(("before", "after"), [(0.69, 0.71), (0.71, 0.69), (0.89, 0.9)])
def test_a_change_of_level_is_news_however_small(before, after):
    assert is_news(told_of(NEVER, verdict(risk=before), with_score=True), verdict(risk=after))


def test_a_reopened_session_is_news_and_so_is_its_next_end():
    final = told_of(NEVER, verdict(is_final=True), with_score=True)
    assert is_news(final, verdict())
    assert is_news(told_of(final, verdict(), with_score=True), verdict(is_final=True))


@pytest.mark.parametrize("risk", [0.0, 0.3, 0.7, 0.9, 1.0])
def test_what_has_just_been_told_is_no_news(risk):
    one = verdict(risk=risk, findings=(finding(),), is_final=True)
    assert not is_news(told_of(NEVER, one, with_score=True), one)


def test_a_finding_is_new_when_its_rule_has_matched_again_lately():
    one = verdict(
        findings=(
            finding(count=2),
            finding("reverse-shell", 1),
            finding("old-news", 1, last_ns=NOW_NS - 2 * HOUR_NS),
        )
    )
    assert [new.rule for new in new_findings(TOLD, one, NOW_NS - HOUR_NS)] == ["reverse-shell"]
    assert [new.rule for new in new_findings(TOLD, verdict(findings=(finding(count=3),)), NOW_NS)] == ["reads-secrets"]


def test_findings_told_without_the_score_leave_the_score_to_be_told():
    told = told_of(NEVER, verdict(findings=(finding(),)), with_score=False)
    assert told == Announced(findings={"reads-secrets": 1})
