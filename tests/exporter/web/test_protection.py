import pytest

from exporter.web.body_limit import MAX_BODY
from exporter.web.form_token import form_token, is_form_token
from exporter.web.services import WebSettings
from tests.exporter.web.deployment import House

EVERY_KIND = [
    ("GET", "/"),
    ("GET", "/sessions/young"),
    ("GET", "/sessions/nobody"),
    ("GET", "/metrics"),
    ("GET", "/-/healthy"),
    ("GET", "/-/ready"),
    ("GET", "/static/sigyn.css"),
    ("GET", "/static/nothing"),
    ("GET", "/api/v1/sessions"),
    ("GET", "/api/v1/sessions?limit=x"),
    ("GET", "/nowhere"),
    ("POST", "/-/reload"),
    ("POST", "/api/v1/sessions/young/verdict"),
]
CROSS_SITE = [
    {"Origin": "http://evil.example"},
    {"Origin": "http://sigyn.example:8080"},
    {"Origin": "https://sigyn.example:8443"},
    {"Origin": "null"},
    {"Origin": "http://[broken"},
    {"Origin": "http://sigyn.example", "Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
]
OWN = [
    {},
    {"Origin": "http://sigyn.example"},
    {"Origin": "http://sigyn.example:80"},
    {"Origin": "https://sigyn.example"},  # a proxy that ends TLS passes the Host header on
    {"Sec-Fetch-Site": "same-origin", "Origin": "http://sigyn.example"},
]
POSTS = ["/-/reload", "/api/v1/sessions/young/verdict", "/sessions/young/verdict"]


def post(client, path, headers):
    if path.startswith("/sessions"):
        return client.post(path, data={"token": form_token(b"k", "young"), "verdict": "benign"}, headers=headers)
    return client.post(path, json={"verdict": "benign"}, headers=headers)


@pytest.mark.parametrize(("method", "path"), EVERY_KIND)
def test_every_answer_carries_the_security_headers(client, method, path):
    headers = client.request(method, path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "script-src" not in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"


def test_an_error_of_our_own_is_answered_with_headers_and_without_detail(house):
    def broken(_session_id):
        raise RuntimeError("secret inside")

    house.detail = broken
    answer = house.client(raise_server_exceptions=False).get("/api/v1/sessions/young")
    assert answer.status_code == 500
    assert "secret inside" not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("headers", CROSS_SITE, ids=str)
@pytest.mark.parametrize("path", POSTS)
def test_what_another_site_sends_is_refused_and_changes_nothing(house, client, path, headers):
    assert post(client, path, headers).status_code == 403
    assert house.verdicts == []
    assert house.reloads == 0


@pytest.mark.parametrize("headers", OWN, ids=str)
@pytest.mark.parametrize("path", POSTS)
def test_our_own_pages_and_programs_may_post(house, client, path, headers):
    assert post(client, path, headers).status_code in (200, 303)
    assert len(house.verdicts) + house.reloads == 1


def test_the_external_url_counts_as_our_own_behind_a_proxy():
    house = House(settings=WebSettings(external_url="https://risk.example/sigyn"))
    client = house.client()
    assert client.post("/-/reload", headers={"Origin": "https://risk.example"}).status_code == 200
    assert client.post("/-/reload", headers={"Origin": "http://risk.example"}).status_code == 403


def test_a_body_beyond_the_limit_is_refused_even_in_pieces(house, client):
    path = "/api/v1/sessions/young/verdict"
    assert client.post(path, content=b" " * (MAX_BODY + 1)).status_code == 413
    pieces = (b" " * 1024 for _ in range(MAX_BODY // 1024 + 1))
    assert client.post(path, content=pieces).status_code == 413
    padded = b'{"verdict": "benign"}'.ljust(MAX_BODY)
    answer = client.post(path, content=padded, headers={"Content-Type": "application/json"})
    assert answer.status_code == 200
    assert len(house.verdicts) == 1


def test_redirects_do_not_name_the_host_that_the_client_claims(client):
    answer = client.post(
        "/sessions/young/verdict",
        data={"token": form_token(b"k", "young"), "verdict": "benign"},
        headers={"Host": "evil.example"},
    )
    assert answer.status_code == 303
    assert answer.headers["location"] == "/sessions/young#verdict"
    assert client.get("/-/healthy/", headers={"Host": "evil.example"}).status_code == 404


def test_a_form_token_holds_for_one_subject_and_one_secret():
    token = form_token(b"one", "a")
    assert is_form_token(b"one", "a", token)
    assert not is_form_token(b"one", "b", token)
    assert not is_form_token(b"two", "a", token)
    assert not is_form_token(b"one", "a", "é")
    assert WebSettings().form_secret != WebSettings().form_secret
    assert "form_secret" not in repr(WebSettings())
