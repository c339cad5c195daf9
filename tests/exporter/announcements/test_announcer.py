from __future__ import annotations

import json

from exporter.announcements.announcer import RECENT_NS, Announcer
from exporter.state import Announced
from tests.exporter.announcements.tellings import HOUR_NS, NOW_NS, finding, unscored, verdict


def announcer(told=None):
    return Announcer(told or {}, {}, "http://sigyn.example")


def kinds(news):
    return [line.kind for line in news.lines]


def test_findings_are_told_before_the_score_they_led_to():
    news = announcer().news_of([verdict(risk=0.8, findings=(finding(), finding("reverse-shell")))], NOW_NS)
    assert kinds(news) == ["finding", "finding", "session"]
    assert news.told == {
        "s1": Announced(0.8, "high", is_final=False, findings={"reads-secrets": 1, "reverse-shell": 1})
    }


def test_a_finding_does_not_wait_for_the_first_score():
    speaker = announcer()
    news = speaker.news_of([unscored(findings=(finding(),))], NOW_NS)
    assert kinds(news) == ["finding"]
    speaker.remember(news)
    assert kinds(speaker.news_of([verdict(findings=(finding(),))], NOW_NS)) == ["session"]


def test_news_are_told_again_until_they_are_remembered():
    speaker = announcer()
    one = verdict(findings=(finding(),))
    first = speaker.news_of([one], NOW_NS)
    assert speaker.news_of([one], NOW_NS) == first
    speaker.remember(first)
    assert speaker.news_of([one], NOW_NS).lines == []


def test_a_matching_rule_is_told_each_time_it_matches_again():
    speaker = announcer()
    counts = []
    for count in (1, 1, 2, 5):
        news = speaker.news_of([verdict(findings=(finding(count=count),))], NOW_NS)
        counts += [json.loads(line.line)["count"] for line in news.lines if line.kind == "finding"]
        speaker.remember(news)
    assert counts == [1, 2, 5]


def test_a_session_that_ended_long_ago_waits_in_the_backlog_without_lines_for_its_findings():
    old_ns = NOW_NS - RECENT_NS - 1
    old = verdict(ended_ns=old_ns, findings=(finding(last_ns=old_ns),))
    speaker = announcer()
    assert speaker.news_of([old], NOW_NS).lines == []
    news = speaker.backlog([old], 10, NOW_NS)
    assert kinds(news) == ["session"]
    speaker.remember(news)
    assert speaker.backlog([old], 10, NOW_NS).lines == []


def test_an_old_finding_of_a_session_that_still_runs_is_not_told_as_new():
    lasting = verdict(findings=(finding(last_ns=NOW_NS - RECENT_NS - 1), finding("reverse-shell", last_ns=NOW_NS)))
    rules = [json.loads(line.line)["rule"] for line in announcer().news_of([lasting], NOW_NS).lines[:-1]]
    assert rules == ["reverse-shell"]


def test_the_backlog_is_told_a_few_at_a_time_the_riskiest_first():
    ended = NOW_NS - 48 * HOUR_NS
    waiting = [verdict(f"s{number}", number / 10, ended_ns=ended) for number in (1, 9, 3, 7)]
    speaker, told = announcer(), []
    for _ in range(3):
        news = speaker.backlog([*waiting, unscored("never")], 2, NOW_NS)
        told.append([json.loads(line.line)["session_id"] for line in news.lines])
        speaker.remember(news)
    assert told == [["s9", "s7"], ["s3", "s1"], []]


def test_what_an_earlier_process_told_is_not_told_again():
    told = {"s1": Announced(0.5, "medium", is_final=True, findings={})}
    assert announcer(told).backlog([verdict(is_final=True)], 9, NOW_NS).lines == []


def test_forgotten_sessions_take_no_memory():
    speaker = announcer({f"s{number}": Announced() for number in range(9)})
    speaker.forget_all_but({"s1", "s2", "unknown"})
    assert sorted(speaker._told) == ["s1", "s2"]


def test_what_a_person_says_is_told_once_and_stays_in_the_sessions_later_lines():
    speaker = announcer()
    one = verdict(risk=0.8)
    speaker.remember(speaker.news_of([one], NOW_NS))

    words = [speaker.news_of_word(one, said, NOW_NS) for said in ("benign", "benign", "malicious")]

    assert [[json.loads(line.line)["human_verdict"] for line in news.lines] for news in words] == [
        ["benign"], [], ["malicious"],
    ]  # fmt: skip
    for news in words:
        speaker.remember(news)
    assert speaker.news_of([one], NOW_NS).lines == []
    later = speaker.news_of([verdict(risk=0.95)], NOW_NS)
    assert [json.loads(line.line)["human_verdict"] for line in later.lines] == ["malicious"]


def test_what_a_person_says_of_a_session_without_a_score_waits_for_the_score():
    speaker = announcer()
    assert speaker.news_of_word(unscored(), "broken", NOW_NS).lines == []
    (line,) = speaker.news_of([verdict()], NOW_NS).lines
    assert json.loads(line.line)["human_verdict"] == "broken"


def test_words_of_before_a_restart_are_known():
    speaker = Announcer({}, {}, None, {"s1": "benign"})
    assert speaker.news_of_word(verdict(), "benign", NOW_NS).lines == []
    (line,) = speaker.news_of([verdict()], NOW_NS).lines
    assert json.loads(line.line)["human_verdict"] == "benign"
