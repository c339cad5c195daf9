"""Hostile names, notes and tools on the pages in a real browser: shown as text, and nothing of them runs or leads away."""

from urllib.parse import quote

import pytest

from analytics.findings import Finding
from analytics.verdicts import FingerprintView, Reason
from exporter.page_services import page_services
from exporter.snapshot import Snapshot
from exporter.web.session_detail import HumanVerdict, SessionDetail, TimelineEvent
from exporter.web.wording import inert
from tests.abuse.hostile import HOSTILE, READ, steering
from tests.exporter.web.deployment import NOW, START_NS, House, scored
from tests.exporter.web.real_server import running
from tests.exporter.web.test_browser import CHROMIUM
from tests.exporter.web.test_verdict_in_browser import CHROMEDRIVER, browsing

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not on PATH (Debian package chromium)"),
    pytest.mark.skipif(CHROMEDRIVER is None, reason="chromedriver is not on PATH (Debian package chromium-driver)"),
]

FOREIGN = """
    const own = location.origin;
    const all = [...document.querySelectorAll('*')];
    return {
        title: document.title,
        tags: all.filter(e => ['SCRIPT', 'IFRAME', 'OBJECT', 'EMBED', 'STYLE', 'BASE', 'META'].includes(e.tagName))
            .filter(e => e.tagName !== 'META' || e.httpEquiv).map(e => e.outerHTML),
        handlers: all.flatMap(e => [...e.attributes]).filter(a => /^on|^style$|^srcdoc$/i.test(a.name)).map(a => a.name),
        away: all.flatMap(e => [e.href, e.src, e.action, e.formAction].filter(u => typeof u === 'string' && u))
            .filter(u => !u.startsWith(own + '/') && !u.startsWith('https://attack.mitre.org/')
                && !u.startsWith('https://atlas.mitre.org/')),
        loaded: performance.getEntriesByType('resource').map(r => r.name).filter(u => !u.startsWith(own + '/')),
        text: document.body.innerText,
    };
"""
"""What on a page is not ours: elements that run or restyle, attributes that do, addresses that lead away."""


@pytest.fixture(scope="module", params=["read from telemetry", "as they are"])
def pages(request):
    """The address of the pages, and the names on them."""
    if request.param == "as they are":
        services, names = raw_house().services(), {name: HOSTILE[name] for name in READ}
    else:
        services, names = page_services(request.getfixturevalue("exporter")), READ
    with running(services) as port:
        yield f"http://127.0.0.1:{port}", names


def raw_house():
    """Pages over names as they are, in case that something but telemetry brings them in one day."""
    house = House()
    verdicts = []
    for text in HOSTILE.values():
        findings = (Finding(text, "secret-file-read", "high", 1, START_NS, START_NS),)
        reason = Reason("error_ratio", 1.0, 0.0, 0.5, 0.5, text)
        fingerprint = FingerprintView(text, text, 1.0)
        changes = {"reasons": (reason,), "findings": findings, "fingerprint": fingerprint, "parts": {text: 0.83}}
        one = scored(text, user_id=text, project=text, agent=text, team=text, model=text, **changes)
        timeline = (TimelineEvent(START_NS, text, text, success=False, failure_kind=text, rules=(text,)),)
        note = HumanVerdict("malicious", text, NOW, text)
        house.extra[text] = SessionDetail(one, timeline=timeline, human_verdict=note, siblings=(text,), parent=text)
        verdicts.append(one)
    house.publisher.publish(Snapshot(NOW, tuple(verdicts), problems=tuple(HOSTILE.values())))
    return house


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with browsing(tmp_path_factory.mktemp("profile")) as found:
        yield found


def assert_harmless(browser, url):
    browser.go(url)
    found = browser.run(FOREIGN)
    assert found["title"].endswith("· Sigyn")
    assert "owned" not in found["title"].replace("document.title='owned'", "").replace("]0;owned", "")
    assert (found["tags"], found["handlers"], found["away"], found["loaded"]) == ([], [], [], [])
    assert browser.run("return location.href") == url
    assert steering(found["text"], "\n\t") == set()
    return found["text"]


def test_the_landing_page_shows_every_name_as_text(browser, pages):
    text = assert_harmless(browser, f"{pages[0]}/")
    assert "<script>" in text
    assert "__proto__" in text


def test_every_session_page_shows_its_names_and_the_note_as_text(browser, pages):
    address, names = pages
    for text in names.values():
        shown = assert_harmless(browser, f"{address}/sessions/{quote(text, safe='')}")
        assert "Judged malicious" in shown
        assert " ".join(inert(text, 20).split())[:8] in " ".join(shown.split())


def test_a_page_of_the_filters_shows_what_was_asked_for_as_text(browser, pages):
    address, _ = pages
    for text in (HOSTILE[name] for name in ("html", "attribute", "address", "bidi", "terminal", "prototype")):
        query = quote(text[:500], safe="", errors="replace")
        browser.go(f"{address}/?user={query}&level={query}&agent={query}&page={query}")
        found = browser.run(FOREIGN)
        assert (found["tags"], found["handlers"], found["away"], found["loaded"]) == ([], [], [], [])
        assert found["title"] == "Sessions · Sigyn"


def test_what_the_policy_forbids_does_not_run_even_where_it_got_in(browser, pages):
    browser.go(f"{pages[0]}/")
    inserted = """
        const script = document.createElement('script');
        script.textContent = "document.title = 'owned'";
        document.body.append(script);
        document.body.insertAdjacentHTML('beforeend', '<img src="data:," onerror="document.title = 1">');
        return document.title;
    """
    assert browser.run(inserted) == "Sessions · Sigyn"
