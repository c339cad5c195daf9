from __future__ import annotations

import json

import pytest

from analytics.rules import Rule
from exporter.announcements.lines import event_line, finding_line, page_url, session_line
from exporter.verdict_json import verdict_to_dict
from tests.exporter.announcements.tellings import HOUR_NS, NOW_NS, finding, verdict

RULE = Rule("reads-secrets", "high", "Read a secret", "Check it.", "ATT&CK T1552", ())
URL = "http://sigyn.example:9847/sessions/s1"


def test_a_session_line_is_what_score_prints_with_the_address_of_its_page():
    one = verdict(risk=0.83, findings=(finding(),))
    line = json.loads(session_line(one, URL, NOW_NS).line)
    assert {name: line[name] for name in verdict_to_dict(one)} == verdict_to_dict(one)
    assert line["url"] == URL
    assert set(line) == {*verdict_to_dict(one), "url", "human_verdict", "id"}
    assert line["human_verdict"] is None


def test_a_session_line_can_be_filtered_by_its_metadata():
    made = session_line(verdict(risk=0.83), URL, NOW_NS)
    assert made.kind == "session"
    assert made.metadata == {
        "session_id": "s1", "level": "high", "status": "scored", "agent": "claude-code", "user_id": "ana",
        "project": "/home/ana/shop", "risk": "0.8300",
    }  # fmt: skip


def test_a_session_line_repeats_what_a_person_said_in_the_line_and_its_metadata():
    made = session_line(verdict(risk=0.83), URL, NOW_NS, "benign")
    assert (json.loads(made.line)["human_verdict"], made.metadata["human_verdict"]) == ("benign", "benign")


def test_a_finding_line_says_which_rule_matched_where_and_when():
    made = finding_line(finding(count=3, last_ns=NOW_NS - HOUR_NS), verdict(), RULE, URL, NOW_NS)
    line = json.loads(made.line)
    line.pop("id")
    assert line == {
        "session_id": "s1", "rule": "reads-secrets", "severity": "high", "title": "Read a secret",
        "reference": "ATT&CK T1552", "count": 3, "time": "2026-09-21T13:13:20.000Z", "agent": "claude-code",
        "user_id": "ana", "project": "/home/ana/shop", "url": URL,
    }  # fmt: skip
    assert set(made.metadata) == {"session_id", "rule", "severity", "agent", "user_id", "project"}


def test_lines_carry_the_time_at_which_they_were_known_not_that_of_the_event():
    old = finding(last_ns=NOW_NS - 9 * HOUR_NS)
    assert finding_line(old, verdict(), RULE, URL, NOW_NS).time_ns == NOW_NS
    assert session_line(verdict(ended_ns=NOW_NS - 9 * HOUR_NS), URL, NOW_NS).time_ns == NOW_NS


def test_a_finding_of_a_rule_that_is_gone_is_named_by_its_id():
    line = json.loads(finding_line(finding(), verdict(), None, URL, NOW_NS).line)
    assert (line["title"], line["reference"]) == ("reads-secrets", None)


def test_the_id_is_the_same_for_the_same_content_and_another_for_any_other():
    ids = [
        json.loads(session_line(one, url, time_ns).line)["id"]
        for one, url, time_ns in [
            (verdict(), URL, NOW_NS), (verdict(), URL, NOW_NS + 5), (verdict(risk=0.51), URL, NOW_NS),
            (verdict("s2"), URL, NOW_NS), (verdict(), None, NOW_NS),
        ]
    ]  # fmt: skip
    assert ids[0] == ids[1]
    assert len(set(ids)) == 4


def test_missing_metadata_is_left_out():
    made = session_line(verdict(user_id=None, project="", agent=None), None, NOW_NS)
    assert set(made.metadata) == {"session_id", "level", "status", "risk"}


@pytest.mark.parametrize("hostile", ["a\ud800b", '\x00\n"', "\u202eé", "x" * 256])
def test_hostile_names_make_a_line_of_one_line_of_utf8(hostile):
    made = session_line(verdict(hostile, user_id=hostile, project=hostile), page_url("http://h", hostile), NOW_NS)
    assert "\n" not in made.line
    assert json.loads(made.line.encode())["session_id"] == made.metadata["session_id"]
    made.metadata["user_id"].encode()


@pytest.mark.parametrize(
    ("external_url", "session_id", "expected"),
    [
        ("https://sigyn.example", "s/1?&é", "https://sigyn.example/sessions/s%2F1%3F%26%C3%A9"),
        (None, "s1", None),
    ],
)
def test_the_address_of_a_page_holds_any_id(external_url, session_id, expected):
    assert page_url(external_url, session_id) == expected


def test_an_event_line_names_the_event():
    made = event_line("trained", "models trained on 45 sessions", NOW_NS)
    assert (made.kind, made.metadata, made.time_ns) == ("event", {"event": "trained"}, NOW_NS)
    line = json.loads(made.line)
    assert (line["event"], line["detail"]) == ("trained", "models trained on 45 sessions")
