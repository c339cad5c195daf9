"""What people read, rendered by Alertmanager's own renderer: it says what matters, and telemetry cannot forge it."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.alertmanager.amtool import needs_amtool, rendered
from tests.alertmanager.notifications import HOSTILE, hostile_alert, notification, session_alert

pytestmark = [pytest.mark.live, needs_amtool]

SLACK = '{{ template "sigyn.slack.text" . }}'
TEAMS = '{{ template "sigyn.teams.text" . }}'
TEXT = '{{ template "sigyn.text.alerts" .Alerts }}'
EMAIL = '{{ template "sigyn.email.html" . }}'
KINDS = {SLACK: "text", TEAMS: "text", TEXT: "text", EMAIL: "html"}
TITLES = ("slack", "teams", "text")
each_receiver = pytest.mark.parametrize("template", KINDS, ids=["slack", "teams", "text", "email"])
OUR_LINKS = {
    "https://sigyn.example/sessions/s-1",
    "https://grafana.example/d/sigyn-session?var-session=s-1",
}


class Page(HTMLParser):
    """What a mail program would make of a page: the tags in it, where they lead, and the text."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: set[str] = set()
        self.text = ""
        self.feed(source)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.links |= {value for name, value in attrs if name == "href"}

    def handle_data(self, data):
        self.text += data


@each_receiver
def test_a_message_says_who_where_how_risky_and_why_and_links_to_session_and_dashboard(template: str, tmp_path: Path):
    shown = rendered(template, notification(session_alert()), tmp_path, KINDS[template])
    assert "Session s-1 of ada in shop, run by claude-code, has a risk of 83%." in shown
    for reason in ("Different tools: 31 (expected at most 12)", "Errors: 40 (expected at most 9)", "Night: 90%"):
        assert len([line for line in shown.splitlines() if line.endswith((reason, f"{reason}</p>"))]) == 1
    assert all(link in shown for link in OUR_LINKS)
    assert "docs/runbooks/SigynSessionRiskHigh.md" in shown


def test_slack_reads_well(tmp_path: Path):
    assert rendered(SLACK, notification(session_alert()), tmp_path) == (
        "Session s-1 of ada in shop, run by claude-code, has a risk of 83%.\n"
        "Why:\n"
        "• Different tools: 31 (expected at most 12)\n"
        "• Errors: 40 (expected at most 9)\n"
        "• Night: 90%\n"
        "Session and verdict: https://sigyn.example/sessions/s-1\n"
        "Dashboard: https://grafana.example/d/sigyn-session?var-session=s-1\n"
        "What to do: docs/runbooks/SigynSessionRiskHigh.md"
    )


def test_teams_links_to_a_runbook_that_has_an_address(tmp_path: Path):
    address = "https://docs.example/SigynSessionRiskHigh.md"
    shown = rendered(TEAMS, notification(session_alert(runbook_url=address)), tmp_path)
    assert shown.endswith(f" · [What to do]({address})")


def test_teams_reads_well(tmp_path: Path):
    assert rendered(TEAMS, notification(session_alert()), tmp_path) == (
        "Session s-1 of ada in shop, run by claude-code, has a risk of 83%.\n\n"
        "Why:\n\n"
        "- Different tools: 31 (expected at most 12)\n"
        "- Errors: 40 (expected at most 9)\n"
        "- Night: 90%\n\n"
        "[Session and verdict](https://sigyn.example/sessions/s-1) · "
        "[Dashboard](https://grafana.example/d/sigyn-session?var-session=s-1) · "
        "What to do: docs/runbooks/SigynSessionRiskHigh.md"
    )


@pytest.mark.parametrize("receiver", TITLES)
def test_a_title_says_how_bad_what_how_many_and_whose(receiver: str, tmp_path: Path):
    title = f'{{{{ template "sigyn.{receiver}.title" . }}}}'
    two = notification(session_alert("s-1"), session_alert("s-2"))
    over = notification(session_alert(status="resolved"), status="resolved")
    assert rendered(title, two, tmp_path) == "Warning: An agent's session is risky (2): ada, shop"
    assert rendered(title, over, tmp_path) == "Resolved: An agent's session is risky: ada, shop"


@pytest.mark.parametrize("receiver", TITLES)
def test_a_title_names_only_what_all_its_alerts_share(receiver: str, tmp_path: Path):
    title = f'{{{{ template "sigyn.{receiver}.title" . }}}}'
    two_people = notification(session_alert("s-1"), session_alert("s-2", user_id="ben"))
    neither = notification(session_alert("s-1"), session_alert("s-2", user_id="ben", project="till"))
    assert rendered(title, two_people, tmp_path) == "Warning: An agent's session is risky (2): shop"
    assert rendered(title, neither, tmp_path) == "Warning: An agent's session is risky (2)"


def test_a_title_leads_to_the_session_when_there_is_one_else_to_what_all_share(tmp_path: Path):
    link = '{{ template "sigyn.link" . }}'
    shared = "https://grafana.example/d/sigyn-behaviour"
    two = notification(session_alert("s-1", dashboard_url=shared), session_alert("s-2", dashboard_url=shared))
    assert rendered(link, notification(session_alert()), tmp_path) == "https://sigyn.example/sessions/s-1"
    assert rendered(link, two, tmp_path) == shared


@each_receiver
def test_an_alert_that_knows_little_is_shown_without_empty_headings(template: str, tmp_path: Path):
    bare = session_alert(reasons="", session_url="", dashboard_url="")
    shown = rendered(template, notification(bare), tmp_path, KINDS[template])
    assert "has a risk of 83%." in shown
    assert "Why" not in shown
    assert "Session and verdict" not in shown
    assert "Dashboard" not in shown


@each_receiver
def test_many_alerts_are_cut_at_ten_and_counted(template: str, tmp_path: Path):
    many = [session_alert(f"s-{number}") for number in range(100, 112)]
    shown = rendered(template, notification(*many), tmp_path, KINDS[template])
    assert "Session s-109 " in shown
    assert "Session s-110 " not in shown
    assert "There are 12 in all" in shown


@each_receiver
def test_what_is_over_is_said_to_be_over(template: str, tmp_path: Path):
    mixed = notification(session_alert("s-1", status="resolved"), session_alert("s-2"))
    shown = rendered(template, mixed, tmp_path, KINDS[template])
    assert "Over: Session s-1 " in shown
    assert "Over: Session s-2 " not in shown


# Hostile telemetry


@each_receiver
def test_hostile_names_add_no_lines_and_no_invisible_characters(template: str, tmp_path: Path):
    shown = rendered(template, notification(hostile_alert()), tmp_path, KINDS[template])
    harmless = rendered(template, notification(session_alert(reasons="first\nsecond\n")), tmp_path, KINDS[template])
    # HOSTILE among the reasons holds one line end, which makes one more reason.
    assert len(shown.splitlines()) == len(harmless.splitlines()) + 1
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e]", shown)


@each_receiver
def test_hostile_names_bring_no_address_that_could_be_clicked(template: str, tmp_path: Path):
    shown = rendered(template, notification(hostile_alert()), tmp_path, KINDS[template])
    assert set(re.findall(r"https?://[^\s)\"<>]+", shown)) == OUR_LINKS
    assert "evil.example" in shown


def test_slack_shows_mark_up_as_text(tmp_path: Path):
    shown = rendered(SLACK, notification(hostile_alert()), tmp_path)
    assert "<" not in shown
    assert ">" not in shown
    assert re.sub(r"&(?:amp|lt|gt);", "", shown).count("&") == 0
    assert "&lt;!channel&gt;" in shown
    assert "&amp;lt;b&amp;gt;" in shown


def test_teams_shows_mark_up_as_text(tmp_path: Path):
    shown = rendered(TEAMS, notification(hostile_alert()), tmp_path)
    for _ in range(2):  # our own links, which end the message
        shown = re.sub(r"\[(?:Session and verdict|Dashboard|What to do)\]\([^)\s]+\)", "", shown)
    assert not set("*[]<>`~\\{}") & set(shown)
    assert not re.search(r"_", shown)
    assert "!channel" in shown


def test_email_has_only_our_tags_and_links_and_shows_the_rest_as_text(tmp_path: Path):
    page = Page(rendered(EMAIL, notification(hostile_alert()), tmp_path, "html"))
    assert page.tags == {"html", "body", "h2", "p", "a"}
    assert page.links == OUR_LINKS
    assert "<script>alert(1)</script>" in page.text


@pytest.mark.parametrize("receiver", TITLES)
def test_a_hostile_headline_is_one_line(receiver: str, tmp_path: Path):
    title = rendered(
        f'{{{{ template "sigyn.{receiver}.title" . }}}}',
        notification(session_alert(summary=HOSTILE, user_id=HOSTILE, project=HOSTILE)),
        tmp_path,
    )
    assert len(title.splitlines()) == 1
    assert "://" not in title
