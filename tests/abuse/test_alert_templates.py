"""Hostile names in notifications, rendered by Alertmanager's own renderer: no mark-up, no address, no other line."""

import re

import pytest

from tests.abuse.hostile import HOSTILE, steering
from tests.alertmanager.amtool import needs_amtool, rendered
from tests.alertmanager.notifications import notification, session_alert

pytestmark = [pytest.mark.live, needs_amtool]

LINKS = ("https://sigyn.example/", "https://grafana.example/", "docs/runbooks/")
MARK_UP = {
    "slack": re.compile(r"<|>|&(?!amp;|lt;|gt;)"),
    "teams": re.compile(r"\*|_|`|~|<|>|\\|!?\[(?!Session and verdict\]|Dashboard\]|What to do\]|:\]//)"),
    "text": re.compile(r"(?!)"),
}
TEMPLATES = {
    "slack": '{{ template "sigyn.slack.title" . }}\n{{ template "sigyn.slack.text" . }}',
    "teams": '{{ template "sigyn.teams.title" . }}\n{{ template "sigyn.teams.text" . }}',
    "text": '{{ template "sigyn.text.title" . }}\n{{ template "sigyn.text.alerts" .Alerts }}',
}
SENDABLE = [name for name in HOSTILE if name not in ("surrogate", "long")]
"""What a label can hold: Prometheus refuses invalid UTF-8, and label values are cut."""


def alert(text):
    return session_alert(
        user_id=text, project=text, agent=text, summary=f"A session of {text}", reasons=f"{text}\nsecond\n",
        description=f"Session {text} of {text} in {text}, run by {text}, has a risk of 83%.",
    )  # fmt: skip


def without_our_links(shown):
    """The text without the addresses that the rules make, and the words before them."""
    for link in LINKS:
        shown = re.sub(rf"\[[A-Za-z ]+\]\({re.escape(link)}[^\s)]*\)|{re.escape(link)}\S*", "", shown)
    return shown


@pytest.mark.parametrize("receiver", TEMPLATES)
def test_a_name_is_plain_text_in_every_message(receiver, tmp_path):
    calm = rendered(TEMPLATES[receiver], notification(alert("ada")), tmp_path)
    for name in SENDABLE:
        shown = rendered(TEMPLATES[receiver], notification(alert(HOSTILE[name])), tmp_path)
        told = without_our_links(shown)
        assert steering(told) == set(), name
        assert not MARK_UP[receiver].search(told), (name, told)
        assert "://" not in told.replace("[:]//", ""), name
        extra = HOSTILE[name].count("\n")  # reasons are lines; each of them is marked
        assert shown.count("\n") <= calm.count("\n") + extra, name


def test_a_name_is_escaped_in_a_page_of_mail(tmp_path):
    page = '{{ template "sigyn.email.html" . }}'
    tags = re.compile(r"<(/?[a-z0-9!]+)", re.IGNORECASE)
    ours = set(tags.findall(rendered(page, notification(alert("ada")), tmp_path, "html")))
    for name in SENDABLE:
        shown = rendered(page, notification(alert(HOSTILE[name])), tmp_path, "html")
        assert set(tags.findall(shown)) == ours, name
        assert all(link.startswith(LINKS) for link in re.findall('href="([^"]*)"', shown)), name
        assert steering(shown, "\n\t") == set(), name
