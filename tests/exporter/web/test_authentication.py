"""Who may do what, once users or tokens are configured."""

import base64
import itertools
import logging

import bcrypt
import pytest

from exporter.web.access import Access
from exporter.web.authentication import FAILURES
from exporter.web.basic_users import MOST_REMEMBERED, BasicUsers
from exporter.web.bearer_tokens import BearerTokens
from exporter.web.permissions import Permission
from tests.exporter.web.deployment import SNAPSHOT, House

PASSWORD = "rosebud:ümläut"
LONG = "p" * 80
READ, JUDGE = "r" * 16, "j" * 16
VERDICT = "/api/v1/sessions/young/verdict"
PLACES = [
    ("GET", "/"), ("GET", "/sessions/young"), ("GET", "/metrics"), ("GET", "/api/v1/sessions"),
    ("GET", "/api/v1/openapi.json"), ("GET", "/static/sigyn.css"), ("GET", "/nowhere"), ("GET", "/-/healthy/"),
    ("GET", "/-/healthy%2f..%2fmetrics"), ("GET", "//metrics"), ("HEAD", "/metrics"), ("OPTIONS", "/metrics"),
    ("POST", VERDICT), ("POST", "/-/reload"), ("POST", "/-/healthy"), ("PUT", "/metrics"), ("TRACE", "/metrics"),
]  # fmt: skip


def hashed(password, prefix=b"2b", rounds=4):
    return bcrypt.hashpw(password.encode()[:72], bcrypt.gensalt(rounds, prefix)).decode()


USERS = {"mara": hashed(PASSWORD), "omar": hashed(LONG, b"2a")}
TOKENS = ((READ, Permission.READ), (JUDGE, Permission.READ | Permission.JUDGE))


@pytest.fixture
def guarded():
    """A deployment with two users and two tokens."""
    house = House(access=Access(users=BasicUsers(USERS), tokens=BearerTokens(TOKENS)))
    house.publisher.publish(SNAPSHOT)
    return house


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def judge(client, **options):
    return client.post(VERDICT, json={"verdict": "benign"}, **options)


@pytest.mark.parametrize(("method", "path"), PLACES)
def test_without_credentials_every_place_is_closed(guarded, method, path):
    answer = guarded.client().request(method, path)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Basic ")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert guarded.verdicts == []
    assert guarded.reloads == 0


def test_health_and_readiness_are_open_and_tell_no_reason(guarded):
    client = guarded.client()
    assert client.get("/-/healthy").status_code == 200
    assert client.get("/-/ready").status_code == 200
    guarded.not_ready = "loki: http://loki.internal does not answer"
    assert client.get("/-/ready").status_code == 503
    assert "loki.internal" not in client.get("/-/ready").text
    assert "loki.internal" in client.get("/-/ready", headers=bearer(READ)).text


@pytest.mark.parametrize("pair", [("mara", PASSWORD), ("omar", LONG), ("omar", LONG[:72])], ids=["mara", "long", "cut"])
def test_a_user_may_do_everything(guarded, pair):
    client = guarded.client()
    encoded = base64.b64encode(":".join(pair).encode()).decode()
    headers = {"Authorization": f"basic {encoded}"}
    assert client.get("/", headers=headers).status_code == 200
    assert judge(client, headers=headers).status_code == 200
    assert client.post("/-/reload", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "given",
    [
        "", "Basic", "Basic ", "Basic !!!", "Basic bWFyYQ==", "Bearer", "Bearer ", f"Bearer {READ}x", f"Token {READ}",
        f"Bearer {READ.upper()}", f"Basic {READ}", READ, "Bearer " + "x" * 20_000,
        "Basic " + base64.b64encode(b"mara:wrong").decode(), "Basic " + base64.b64encode(b"nobody:" + PASSWORD.encode()).decode(),
        "Basic " + base64.b64encode(b"mara:").decode(), "Basic " + base64.b64encode(b"\xff\xfe:x").decode(),
        "Basic " + base64.b64encode(b"mara:" + PASSWORD.encode() + b"\0").decode(),
        "Basic " + base64.b64encode(b"omar:" + b"p" * 71).decode(),
        "Basic " + base64.b64encode(f"mara:{USERS['mara']}".encode()).decode(),
    ],
    ids=itertools.count(),
)  # fmt: skip
def test_anything_else_than_valid_credentials_is_refused(guarded, given):
    assert guarded.client().get("/metrics", headers={"Authorization": given}).status_code == 401


def test_a_reading_token_reads_and_does_no_more(guarded):
    client = guarded.client()
    for path in ("/", "/metrics", "/api/v1/sessions", "/sessions/young"):
        assert client.get(path, headers=bearer(READ)).status_code == 200
    assert judge(client, headers=bearer(READ)).status_code == 403
    assert client.post("/-/reload", headers=bearer(READ)).status_code == 403
    assert (guarded.verdicts, guarded.reloads) == ([], 0)


def test_a_verdict_token_judges_and_does_not_reload(guarded):
    client = guarded.client()
    assert client.get("/api/v1/sessions", headers=bearer(JUDGE)).status_code == 200
    assert judge(client, headers=bearer(JUDGE)).status_code == 200
    assert len(guarded.verdicts) == 1
    answer = client.post("/-/reload", headers=bearer(JUDGE))
    assert (answer.status_code, guarded.reloads) == (403, 0)
    assert "SIGHUP" in answer.text


def test_credentials_do_not_let_another_site_judge(guarded):
    headers = {**bearer(JUDGE), "Origin": "http://evil.example"}
    assert judge(guarded.client(), headers=headers).status_code == 403
    assert judge(guarded.client(), auth=("mara", PASSWORD), headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert guarded.verdicts == []


def test_with_tokens_alone_no_browser_asks_for_a_password():
    client = House(access=Access(tokens=BearerTokens(TOKENS))).client()
    answer = client.get("/metrics")
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer realm="Sigyn"')
    assert client.get("/metrics", auth=("mara", PASSWORD)).status_code == 401


def test_bcrypt_runs_once_for_a_password_that_is_right(guarded, monkeypatch):
    checks = []
    real = bcrypt.checkpw
    monkeypatch.setattr(bcrypt, "checkpw", lambda *given: checks.append(1) or real(*given))
    client = guarded.client()
    for _ in range(5):
        assert client.get("/metrics", auth=("mara", PASSWORD)).status_code == 200
    assert len(checks) == 1
    for _ in range(3):
        assert client.get("/metrics", auth=("mara", "wrong")).status_code == 401
    assert len(checks) == 4


def test_a_name_that_nobody_has_costs_as_much_as_one_that_somebody_has(monkeypatch):
    asked = []
    real = bcrypt.checkpw
    monkeypatch.setattr(bcrypt, "checkpw", lambda given, known: asked.append(known[:7]) or real(given, known))
    users = BasicUsers({"mara": hashed("x", rounds=5), "omar": hashed("y", rounds=4)})
    assert not users.check("nobody", b"x")
    assert not users.check("nobody", b"")
    assert asked == [b"$2b$05$"] * 2


def test_what_is_remembered_is_bounded_and_belongs_to_one_user():
    users = BasicUsers({f"u{number}": USERS["omar"] for number in range(2)})
    assert users.check("u0", LONG.encode())
    assert users.remembers("u0", LONG.encode())
    assert not users.remembers("u1", LONG.encode())
    assert not users.remembers("u0", LONG.encode()[:-1])
    assert not users.remembers("u", b"0" + LONG.encode())
    for number in range(MOST_REMEMBERED + 3):  # longer than bcrypt looks at: all of them right
        assert users.check("u1", f"{LONG}{number}".encode())
    assert len(users._right) == MOST_REMEMBERED


def test_failed_attempts_are_held_up_and_what_is_known_already_is_not(guarded, caplog):
    client = guarded.client()
    assert client.get("/metrics", auth=("mara", PASSWORD)).status_code == 200
    with caplog.at_level(logging.WARNING):
        statuses = [client.get("/metrics", auth=("mara", f"guess {n}")).status_code for n in range(FAILURES.burst + 5)]
    assert statuses == [401] * FAILURES.burst + [429] * 5
    held_up = client.get("/metrics", auth=("omar", LONG))
    assert held_up.status_code == 429
    assert int(held_up.headers["retry-after"]) == FAILURES.interval
    assert client.get("/metrics", auth=("mara", PASSWORD)).status_code == 200
    assert client.get("/metrics", headers=bearer(READ)).status_code == 200
    guarded.monotonic += FAILURES.interval
    assert client.get("/metrics", auth=("omar", LONG)).status_code == 200
    assert "guess" not in caplog.text
    assert "sign-in failed" in caplog.text


def test_secrets_are_in_no_representation(guarded):
    assert READ not in repr(guarded.access)
    assert READ not in repr(vars(guarded.access.tokens))
    assert USERS["mara"] not in repr(guarded.access)
