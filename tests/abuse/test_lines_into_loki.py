"""Hostile names in the lines written into Loki: strings in one JSON object a line, and no stream of their own."""

import json
from collections import Counter

import pytest

from exporter.announcements.delivery import Delivery
from exporter.announcements.lines import finding_line, page_url, session_line
from exporter.verdict_json import utf8
from tests.abuse.hostile import HOSTILE
from tests.exporter.announcements.tellings import NOW_NS, Loki, finding, verdict


@pytest.fixture(scope="module")
def written(exporter):
    """What Loki got: the stream's labels, the line and its metadata, for every hostile session."""
    lines = []
    for text in HOSTILE.values():  # as they are, not as reading telemetry leaves them
        who = verdict(text, user_id=text, project=text, agent=text, findings=(finding(session_id=text),))
        url = page_url("http://sigyn.example", text)
        lines.append(session_line(who, url, NOW_NS))
        lines.append(finding_line(who.findings[0], who, None, url, NOW_NS))
    with exporter.world.state.begin() as transaction:
        transaction.queue_announcements(lines)
    loki, told = Loki(), Counter()
    Delivery(exporter.world.state, loki, lambda _kind, outcome, count: told.update({outcome: count})).run()
    assert told == {"written": len(lines)}
    return loki.entries


def test_streams_are_ours_whatever_a_session_is_called(written):
    assert {tuple(sorted(labels)) for labels, *_ in written} == {("kind", "service_name")}
    assert {labels["kind"] for labels, *_ in written} == {"session", "finding"}


def test_every_line_is_one_json_object_that_holds_the_name_as_a_string(written):
    found = Counter()
    for _, _, line, metadata in written:
        assert "\n" not in line
        assert "\r" not in line
        content = json.loads(line)
        assert content["session_id"] == metadata["session_id"]
        assert set(metadata) <= {
            "session_id",
            "level",
            "status",
            "agent",
            "user_id",
            "project",
            "risk",
            "rule",
            "severity",
        }
        found["rule" in content, content["session_id"]] += 1
    for text in HOSTILE.values():
        assert found[False, utf8(text)] == 1
        assert found[True, utf8(text)] == 1


def test_links_lead_to_our_pages_whatever_the_name_is(written):
    for _, _, line, _ in written:
        url = json.loads(line)["url"]
        assert url.startswith("http://sigyn.example/sessions/")
        assert "/" not in url.removeprefix("http://sigyn.example/sessions/")
        assert url.isascii()
        assert url.isprintable()
        assert not set(url) & set("\"'<>()[]{}|\\ #?")
