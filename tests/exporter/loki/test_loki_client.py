import random

import pytest

from exporter.loki.client import LokiClient
from exporter.loki.errors import (
    LokiBadPush,
    LokiBadQuery,
    LokiBadReply,
    LokiError,
    LokiLimit,
    LokiRefused,
    LokiUnavailable,
)
from exporter.loki.settings import LokiSettings, LokiTls
from tests.loki_standin import TRICKLE_SECONDS, Fault, running_standin

NOW_NS = 1_790_000_000 * 10**9
START_NS, END_NS = NOW_NS - 3600 * 10**9, NOW_NS
QUERY = '{service_name="claude-code"}'
LABELS = {"service_name": "claude-code"}


@pytest.fixture
def standin():
    with running_standin(NOW_NS) as server:
        yield server


class Waits(list):
    """Records what would have been slept."""

    def __call__(self, seconds):
        self.append(seconds)


class Fixture:
    def __init__(self, url, **settings):
        self.waits, self.requests = Waits(), []
        self.client = LokiClient(
            LokiSettings(url, **{"max_attempts": 3, "timeout_seconds": (1.0, 1.0), **settings}),
            on_request=lambda operation, outcome: self.requests.append((operation, outcome)),
            sleep=self.waits,
            clock=lambda: 1_790_000_000.0,
            rng=random.Random(7),
        )

    def query(self, query=QUERY, limit=100, direction="forward"):
        return self.client.query_range(query, START_NS, END_NS, limit, direction)


@pytest.fixture
def loki(standin):
    fixture = Fixture(standin.url)
    with fixture.client:
        yield fixture


def fill(standin, count, tenant="fake"):
    for at in range(count):
        standin.store(tenant).add(START_NS + at, f"line {at}", LABELS, {"session_id": f"s{at}"})


def test_reads_labels_metadata_and_line_of_each_entry_oldest_first(standin, loki):
    standin.store().add(START_NS + 5, "second", {**LABELS, "env": "a"}, {"event_name": "x"})
    standin.store().add(START_NS, "first", LABELS, {})
    page = loki.query()
    assert [(entry.time_ns - START_NS, entry.line) for entry in page.entries] == [(0, "first"), (5, "second")]
    assert page.entries[1].labels == {**LABELS, "env": "a"}
    assert page.entries[1].metadata == {"event_name": "x", "detected_level": "unknown"}
    assert standin.requests[0].headers["x-loki-response-encoding-flags"] == "categorize-labels"
    assert loki.requests == [("query_range", "success")]


def test_the_start_belongs_to_the_span_and_the_end_does_not(standin, loki):
    for time_ns in (START_NS - 1, START_NS, END_NS - 1, END_NS):
        standin.store().add(time_ns, str(time_ns), LABELS, {})
    assert [entry.time_ns for entry in loki.query().entries] == [START_NS, END_NS - 1]


def test_backward_gives_the_newest_still_oldest_first(standin, loki):
    fill(standin, 5)
    assert [entry.line for entry in loki.query(limit=2, direction="backward").entries] == ["line 3", "line 4"]


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_passing_failure_is_tried_again(standin, loki, status):
    fill(standin, 1)
    standin.faults.extend([Fault("status", status), Fault("status", status)])
    assert len(loki.query().entries) == 1
    assert [outcome for _, outcome in loki.requests] == ["retried", "retried", "success"]


@pytest.mark.parametrize("kind", ["close", "cut", "truncated"])
def test_a_broken_reply_is_tried_again(standin, loki, kind):
    fill(standin, 3)
    standin.faults.append(Fault(kind))
    assert len(loki.query().entries) == 3
    assert [outcome for _, outcome in loki.requests] == ["retried", "success"]


def test_a_silent_server_is_given_up_on_and_asked_again(standin):
    fill(standin, 1)
    loki = Fixture(standin.url, timeout_seconds=(1.0, 0.1))
    standin.faults.append(Fault("hang"))
    with loki.client:
        assert len(loki.query().entries) == 1
    assert [outcome for _, outcome in loki.requests] == ["retried", "success"]


@pytest.mark.parametrize("kind", ["trickle", "trickling body"])
def test_a_reply_that_trickles_is_given_up_on_when_its_whole_time_is_over_and_asked_for_again(standin, kind):
    fill(standin, 1)
    loki = Fixture(standin.url, timeout_seconds=(1.0, 4 * TRICKLE_SECONDS))
    standin.faults.append(Fault(kind))
    with loki.client:
        assert len(loki.query().entries) == 1
    assert [outcome for _, outcome in loki.requests] == ["retried", "success"]


@pytest.mark.parametrize("kind", ["trickle", "trickling body", "trickling status"])
def test_a_reply_that_goes_on_trickling_is_named_with_what_to_change(standin, kind):
    loki = Fixture(standin.url, timeout_seconds=(1.0, 4 * TRICKLE_SECONDS), max_attempts=2)
    standin.outage = Fault(kind)
    said = "no whole reply in time; lower sources.loki.page_limit or raise sources.loki.timeout"
    with loki.client, pytest.raises(LokiUnavailable, match=said):
        loki.query()
    assert [outcome for _, outcome in loki.requests] == ["retried", "failed"]


def test_a_push_whose_answer_trickles_is_given_up_on(standin):
    loki = Fixture(standin.url, timeout_seconds=(1.0, 4 * TRICKLE_SECONDS), max_attempts=1)
    standin.outage = Fault("trickle")
    with loki.client, pytest.raises(LokiUnavailable, match="no whole reply in time"):
        loki.client.push([{"stream": LABELS, "values": [[str(NOW_NS), "line", {}]]}])


def test_through_a_proxy_too_the_whole_reply_has_a_time(standin, monkeypatch):
    monkeypatch.setenv("http_proxy", standin.url)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    loki = Fixture("http://loki.example:3100", timeout_seconds=(1.0, 4 * TRICKLE_SECONDS), max_attempts=1)
    standin.outage = Fault("trickle")
    with loki.client, pytest.raises(LokiUnavailable, match="no whole reply in time"):
        loki.query()
    assert len(standin.requests) == 1


def test_waits_double_with_jitter_up_to_the_longest(standin):
    loki = Fixture(standin.url, max_attempts=6, backoff_base_seconds=1.0, backoff_max_seconds=4.0)
    standin.faults.extend([Fault("status", 503)] * 6)
    with loki.client, pytest.raises(LokiUnavailable, match=r"query_range: Loki answers 503: broken on purpose;"):
        loki.query()
    assert len(loki.waits) == 5
    for wait, longest in zip(loki.waits, (1.0, 2.0, 4.0, 4.0, 4.0), strict=True):
        assert longest / 2 <= wait <= longest
    assert len(set(loki.waits)) == 5
    assert loki.requests[-1] == ("query_range", "failed")


@pytest.mark.parametrize(
    ("header", "wait"),
    [("7", 7.0), ("Mon, 21 Sep 2026 14:13:29 GMT", 9.0), ("99999", 30.0), ("Mon, 21 Sep 2026 18:00:00 GMT", 30.0)],
)
def test_waits_as_long_as_the_server_asks_within_reason(standin, loki, header, wait):
    standin.faults.append(Fault("status", 429, {"Retry-After": header}))
    loki.query()
    assert loki.waits == [wait]


@pytest.mark.parametrize("header", ["soon", "-3", ""])
def test_a_senseless_wait_is_ignored(standin, loki, header):
    standin.faults.append(Fault("status", 429, {"Retry-After": header}))
    loki.query()
    assert loki.waits[0] <= 0.5


@pytest.mark.parametrize(
    ("status", "error"),
    [(400, LokiBadQuery), (401, LokiRefused), (403, LokiRefused), (404, LokiBadReply), (501, LokiUnavailable)],
)
def test_a_lasting_failure_is_not_tried_again(standin, loki, status, error):
    standin.faults.append(Fault("status", status))
    with pytest.raises(error):
        loki.query()
    assert loki.requests == [("query_range", "failed")]
    assert loki.waits == []


@pytest.mark.parametrize(
    ("query", "error", "said"),
    [
        ('{service_name="claude-code"', LokiBadQuery, r"parse error at line 1, col 28: .*; correct the query$"),
        ('{service_name=~".*"}', LokiBadQuery, "at least one regexp or equality matcher"),
    ],
)
def test_a_bad_query_is_named_in_loki_s_words(loki, query, error, said):
    with pytest.raises(error, match=said):
        loki.query(query)


def test_a_range_too_long_names_the_limit(loki):
    with pytest.raises(LokiLimit, match=r"max_query_length.*lower sources\.loki\.slice") as caught:
        loki.client.query_range(QUERY, NOW_NS - 40 * 86_400 * 10**9, NOW_NS, 10)
    assert caught.value.limit == "max_query_length"


def test_a_time_out_of_the_server_names_the_limit(standin, loki):
    standin.faults.extend([Fault("status", 504, text="request timed out, decrease the duration of the request")] * 3)
    with pytest.raises(LokiLimit) as caught:
        loki.query()
    assert caught.value.limit == "query_timeout"


def test_a_missing_tenant_is_named(standin, loki):
    standin.is_multi_tenant = True
    with pytest.raises(LokiRefused, match="401: no org id; set tenant"):
        loki.query()


def test_the_tenant_and_the_credentials_are_sent(standin):
    standin.is_multi_tenant = True
    fill(standin, 1, tenant="team-a")
    with Fixture(standin.url, tenant="team-a", basic=("ann", "pass:wört")).client as client:
        assert len(client.query_range(QUERY, START_NS, END_NS, 10).entries) == 1
    with Fixture(standin.url, tenant="team-b", bearer_token="t0ken").client as client:
        assert client.query_range(QUERY, START_NS, END_NS, 10).entries == []
    basic, bearer = (request.headers["authorization"] for request in standin.requests)
    assert basic == "Basic YW5uOnBhc3M6d8O2cnQ="
    assert bearer == "Bearer t0ken"


def test_a_netrc_file_is_not_looked_at(standin, loki, tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login stray password stray\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    loki.query()
    assert "authorization" not in standin.requests[0].headers


def test_a_redirect_is_refused_and_not_followed(standin, loki):
    standin.faults.append(Fault("redirect", 307, {"Location": standin.url + "/elsewhere"}))
    with pytest.raises(LokiBadReply, match="redirects are not followed"):
        loki.query()
    assert [request.path for request in standin.requests] == ["/loki/api/v1/query_range"]


@pytest.mark.parametrize(
    ("kind", "said"),
    [("html", "the reply is 'text/html', not JSON"), ("oversize", "6 entries came, not the 3 asked for")],
)
def test_an_answer_that_is_not_loki_s_is_refused(standin, loki, kind, said):
    fill(standin, 3)
    standin.faults.append(Fault(kind))
    with pytest.raises(LokiBadReply, match=said):
        loki.query(limit=3)


def test_json_that_stays_broken_is_a_bad_reply(standin, loki):
    standin.faults.extend([Fault("truncated")] * 3)
    with pytest.raises(LokiBadReply, match="no whole JSON document"):
        loki.query()


def test_an_unreachable_server_is_named_without_secrets():
    with running_standin(NOW_NS) as gone:
        url = gone.url
    loki = Fixture(url, basic=("ann", "hunter2"), max_attempts=2)
    with loki.client, pytest.raises(LokiUnavailable, match="Connection refused; check that Loki runs") as caught:
        loki.query()
    assert "hunter2" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(loki.waits) == 1


def test_an_unreadable_certificate_file_is_named(tmp_path):
    loki = Fixture("https://127.0.0.1:9", tls=LokiTls(ca_file=str(tmp_path / "none.pem")))
    with loki.client, pytest.raises(LokiUnavailable, match="a TLS file cannot be read; check ca_file"):
        loki.query()
    assert loki.waits == []


def test_a_server_without_tls_is_told_apart(standin):
    loki = Fixture(standin.url.replace("http:", "https:"), max_attempts=1)
    with loki.client, pytest.raises(LokiUnavailable, match="TLS handshake fails"):
        loki.query()


def test_labels_and_their_values(standin, loki):
    standin.store().add(START_NS, "x", {"env": "dev", **LABELS}, {})
    assert loki.client.labels(START_NS, END_NS) == ["env", "service_name"]
    assert loki.client.label_values("env", START_NS, END_NS) == ["dev"]
    assert loki.client.label_values("nothing", START_NS, END_NS) == []
    assert [operation for operation, _ in loki.requests] == ["labels", "label_values", "label_values"]


def test_readiness_is_asked_for_once(standin, loki):
    assert loki.client.ready()
    standin.is_ready = False
    assert not loki.client.ready()
    assert loki.requests == [("ready", "success"), ("ready", "failed")]


def test_a_malformed_push_is_named_without_the_body(loki):
    with pytest.raises(LokiBadPush, match=r"loghttp\.PushRequest\.Streams: .*; the push is malformed$"):
        loki.client.push([{"stream": "nope", "values": []}])


def test_every_error_is_one_bounded_line(standin, loki):
    standin.faults.append(Fault("status", 400, text="bad\nquery \x1b[31m" + "x" * 10_000))
    with pytest.raises(LokiError) as caught:
        loki.query()
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 500
