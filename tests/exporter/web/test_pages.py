import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from analytics.findings import Finding
from analytics.rules import Rule
from analytics.verdicts import FingerprintView, Reason
from exporter.snapshot import Snapshot
from exporter.web.form_token import form_token
from exporter.web.overview_view import PAGE_SIZE
from exporter.web.services import WebSettings
from exporter.web.session_detail import FeatureRow, HumanVerdict, HumanVerdictInput, SessionDetail, TimelineEvent
from exporter.web.session_view import reference_url, session_view
from tests.exporter.web.deployment import NOW, SESSIONS, SNAPSHOT, START_NS, House, full_detail, scored, unscored

HOSTILE = [
    "<script>document.title='owned'</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "a\u202egnp.exe\u2066",
    "line\nbreak\r\x00\x1b[31m",
    "{{ 7 * 7 }}",
    "javascript:alert(1)",
    "\ud800lone",
    "../../-/reload",
    "x" * 10_000,
]
NORMAL_TAGS = {
    "html", "head", "meta", "title", "link", "body", "a", "header", "div", "img", "nav", "span", "main", "section",
    "h1", "h2", "h3", "small", "p", "b", "br", "ul", "ol", "li", "form", "label", "select", "option", "button",
    "table", "thead", "tbody", "tr", "th", "td", "svg", "rect", "time", "bdi", "dl", "dt", "dd", "footer", "code",
    "input", "textarea", "fieldset", "legend",
}  # fmt: skip


class Reader(HTMLParser):
    """Collects tags, attributes and text of a page."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.attributes, self.texts = set(), [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_data(self, data):
        self.texts.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())

    def links(self):
        return [value for tag, name, value in self.attributes if (tag, name) == ("a", "href")]


def page(client, path, status=200, **options):
    answer = client.get(path, **options)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    return Reader(answer.text)


def test_sessions_are_listed_most_risky_first_with_what_matters(client):
    found = page(client, "/")
    for said in ("0.83", "high", "mara", "claude-code", "shop", "2026-09-21 11:26", "2 h ago", "1 min 30 s", "41"):
        assert said in found.text
    assert "Share of tool uses that failed: 0.5" in found.text
    assert "secret file read \u00d72" in found.text
    assert found.text.index("mara claude-code") < found.text.index("omar codex")
    assert "/sessions/team%2Fa%20b" in found.links()


def test_the_state_of_the_exporter_is_shown(client):
    found = page(client, "/")
    assert "loki: http://loki.example does not answer" in found.text
    assert "2026-09-21 14:12:20 1 min ago" in found.text
    assert "1,234 native" in found.text
    assert "risk trained 1 d ago on 77 sessions" in found.text


def test_missing_sessions_are_named_while_learning(client):
    assert "18 more sessions are needed" in page(client, "/").text


def test_an_empty_deployment_is_told_what_to_do(house, client):
    house.publisher.publish(Snapshot(NOW))
    found = page(client, "/")
    assert "No sessions yet" in found.text
    assert "sigyn simulate" in found.text


def test_before_the_first_cycle_the_page_says_why():
    house = House(not_ready="reading the last 30 days")
    found = page(house.client(), "/")
    assert "No cycle has finished yet" in found.text
    assert "reading the last 30 days" in found.text


def test_withdrawn_scores_are_explained(house, client):
    house.publisher.withdraw("the last cycle is 20 min old")
    found = page(client, "/")
    assert "No scores are published" in found.text
    assert "the last cycle is 20 min old" in found.text
    assert "No sessions yet" not in found.text


@pytest.mark.parametrize(
    ("query", "shown", "hidden"),
    [
        ("?level=high", "mara", "omar"),
        ("?level=initializing", "young", "team%2Fa%20b"),
        ("?user=omar", "omar codex", "mara claude-code"),
        ("?agent=codex", "omar codex", "mara claude-code"),
    ],
)
def test_filters_narrow_the_list(client, query, shown, hidden):
    html = client.get("/" + query).text
    rows = Reader(html[html.index("<tbody>") :])
    seen = rows.text + " ".join(rows.links())
    assert shown in seen
    assert hidden not in seen


@pytest.mark.parametrize("query", ["?level=nonsense", "?user=nobody", "?page=99", "?page=x", "?page=-1", "?page=²"])
def test_odd_queries_are_answered(client, query):
    page(client, "/" + query)


def test_thousands_of_sessions_are_paged(house, client):
    many = tuple(scored(f"s{number:04}", risk=0.8 - number / 10_000) for number in range(3000))
    house.publisher.publish(replace(SNAPSHOT, sessions=many))
    second = page(client, "/?level=high&page=2")
    rows = [link for link in second.links() if link.startswith("/sessions/")]
    assert rows == [f"/sessions/s{number:04}" for number in range(PAGE_SIZE, 2 * PAGE_SIZE)]
    assert "?level=high&page=3" in second.links()
    assert "?level=high" in second.links()
    assert "51\u2013100 of 3,000" in second.text


def test_a_session_page_shows_all_of_it(client):
    found = page(client, "/sessions/team%2Fa%20b")
    for said in ("team/a b", "0.83", "final score, frozen", "error ratio", "0.5 · expected 0 to 0.25", "f-1", "c-2"):
        assert said in found.text
    for said in ("Isolation Forest", "Local Outlier Factor", "DBSCAN", "0.71", "denied", "7 more events", "0.91"):
        assert said in found.text
    assert "1 of 2 deserve attention" in found.text


@pytest.mark.parametrize(
    ("session", "said"), [("young", "18 more sessions needed"), ("short", "too few events to judge")]
)
def test_a_session_without_a_score_says_why(client, session, said):
    assert said in page(client, f"/sessions/{session}").text


def test_relatives_and_the_human_verdict_are_shown(house, client):
    judged = HumanVerdict("benign", "first line\nsecond <b>line</b>", NOW - 60, "tess")
    detail = SessionDetail(SESSIONS[0], human_verdict=judged, siblings=("child/1",), parent="mother")
    house.extra["young"] = detail
    found = page(client, "/sessions/young")
    assert {"/sessions/child%2F1", "/sessions/mother"} <= set(found.links())
    assert "Judged benign on 2026-09-21 14:12:20 by tess" in found.text
    assert "first line second <b>line</b>" in found.text


def test_findings_explain_themselves_and_link_to_the_technique():
    title, reference = "Secret read", "ATT&CK T1552.001 Credentials In Files"
    rule = Rule("secret-file-read", "high", title, "Rotate it.", reference, condition=None)  # type: ignore[arg-type]
    lines = session_view(full_detail(SESSIONS[0]), {rule.id: rule}.get).findings
    assert [(line.rule.title, line.link) for line in lines] == [
        (title, "https://attack.mitre.org/techniques/T1552/001"),
    ]


@pytest.mark.parametrize(
    ("reference", "address"),
    [
        ("ATT&CK T1485 Data Destruction", "https://attack.mitre.org/techniques/T1485"),
        ("ATLAS AML.T0051.001 Indirect", "https://atlas.mitre.org/techniques/AML.T0051.001"),
        ("javascript:alert(1)", None),
        ("our wiki", None),
    ],
)
def test_only_techniques_become_links(reference, address):
    assert reference_url(reference) == address


def test_the_gravest_findings_are_shown_first(house, client):
    found = [
        Finding("s", rule, severity, 1, START_NS, START_NS)
        for rule, severity in (("a-low", "low"), ("b-info", "info"), ("c-critical", "critical"))
    ]
    house.publisher.publish(replace(SNAPSHOT, sessions=(scored("s", findings=tuple(found)),)))
    text = page(client, "/").text
    assert text.index("c critical") < text.index("a low")
    assert "b info" not in text
    assert "and 1 more" in text


def hostile_house(text):
    house = House(settings=WebSettings(grafana_url="https://grafana.example", form_secret=b"k"))
    verdict = scored(text, user_id=text, agent=text, project=text, team=text, model=text, parent_session_id=text)
    verdict = replace(verdict, reasons=(Reason("error_ratio", 1.0, 0.0, 0.5, 0.2, text),), model_version=text)
    snapshot = replace(SNAPSHOT, sessions=(verdict, replace(unscored("calm", "insufficient"), user_id=text)))
    house.publisher.publish(replace(snapshot, problems=(text,)))
    house.extra[text] = SessionDetail(
        verdict,
        (FeatureRow("error_ratio", "Help.", "ratio", 1.0, 0.0, 0.5, "errors"),),
        (TimelineEvent(START_NS, text, text, success=False, failure_kind=text, tokens=1, rules=(text,)),),
        0,
        HumanVerdict("benign", text, NOW, text),
        (text,),
        text,
    )
    return house


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:16]))
def test_hostile_texts_are_inert_on_every_page(text):
    client = hostile_house(text).client()
    list_page = page(client, "/", params={"user": text.encode("utf-8", "replace").decode(), "level": "<b>"})
    for found in (page(client, "/"), list_page):
        assert_inert(found)
    own = [link for link in page(client, "/").links() if link.startswith("/sessions/")]
    if "\ud800" not in text:
        assert_inert(page(client, own[0]))


def assert_inert(found):
    assert found.tags <= NORMAL_TAGS
    assert not [name for _, name, _ in found.attributes if name.startswith("on") or name == "style"]
    addresses = [value for _, name, value in found.attributes if name in ("href", "src", "action")]
    assert all(re.match(r"/|\?|#content|https://grafana\.example$", address) for address in addresses)
    assert not re.search("[\u202a-\u202e\u2066-\u2069\x00\x1b]", found.text)


def test_a_verdict_form_is_kept_and_leads_back(house, client):
    found = page(client, "/sessions/team%2Fa%20b")
    token = next(
        value for tag, name, value in found.attributes if tag == "input" and name == "value" and len(value) == 64
    )
    action = next(value for tag, name, value in found.attributes if (tag, name) == ("form", "action"))
    form = {"token": token, "verdict": "broken", "note": " two\r\nlines ", "by": "tess"}
    answer = client.post(action, data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, "/sessions/team%2Fa%20b#verdict")
    assert house.verdicts == [("team/a b", HumanVerdictInput("broken", "two\nlines", "tess"))]


@pytest.mark.parametrize(
    ("session", "form", "status"),
    [
        ("young", {"verdict": "benign"}, 403),
        ("young", {"verdict": "benign", "token": "0" * 64}, 403),
        ("young", {"verdict": "benign", "token": form_token(b"k", "short")}, 403),
        ("young", {"verdict": "great", "token": form_token(b"k", "young")}, 422),
        ("young", {"verdict": "benign", "note": "x" * 2001, "token": form_token(b"k", "young")}, 422),
        ("young", {"token": form_token(b"k", "young")}, 422),
        ("nobody", {"verdict": "benign", "token": form_token(b"k", "nobody")}, 404),
    ],
)
def test_forms_that_cannot_be_trusted_or_read_change_nothing(house, client, session, form, status):
    assert client.post(f"/sessions/{session}/verdict", data=form).status_code == status
    assert house.verdicts == []


@pytest.mark.parametrize("body", [b"\xff\xfe", b"a" * 5000, b"&".join([b"a=1"] * 50), b'{"verdict": "benign"}'])
def test_a_body_that_is_no_form_is_refused(house, client, body):
    assert client.post("/sessions/young/verdict", content=body).status_code == 403
    assert house.verdicts == []


@pytest.mark.parametrize("path", ["/sessions/nobody", "/nowhere", "/sessions/"])
def test_what_is_not_there_is_a_page(client, path):
    page(client, path, 404)


def test_links_lie_below_the_path_of_the_external_url():
    house = House(settings=WebSettings(external_url="https://risk.example/sigyn/"))
    house.publisher.publish(SNAPSHOT)
    found = page(house.client(), "/")
    assert "/sigyn/sessions/young" in found.links()
    assert "/sigyn/" in found.links()


def test_static_files_are_those_of_the_package_only(client):
    assert client.get("/static/sigyn.css").headers["content-type"].startswith("text/css")
    assert client.get("/static/icon.svg").headers["content-type"] == "image/svg+xml"
    assert client.get("/static/..%2Fapp.py").status_code == 404


def test_a_session_says_whose_habits_it_shows_and_what_its_like_do(client, house):
    view = FingerprintView("f-1", "c-2", 1.7, "more: `Bash` 60%", "k-3", "less: `Read` 2%", "omar", 0.875, 0.97)
    house.extra["like"] = full_detail(scored(session_id="like", fingerprint=view))
    text = page(client, "/sessions/like").text
    for told in ("more: `Bash` 60%", "k-3", "less: `Read` 2%", "omar", "probability 0.88", "0.97"):
        assert told in text


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_names_in_a_fingerprint_are_inert(client, house, hostile):
    view = FingerprintView(hostile, hostile, None, hostile, hostile, hostile, hostile, 0.5, 0.5)
    house.extra["like"] = full_detail(scored(session_id="like", fingerprint=view))
    assert set(page(client, "/sessions/like").tags) <= NORMAL_TAGS
