import logging

import pytest

from exporter.loki.client import LokiClient
from exporter.loki.page_limit import SUCCESSES_TO_GROW
from exporter.loki.settings import LokiSettings
from tests.loki_standin import running_standin

NOW_NS = 1_790_000_000 * 10**9
START_NS = NOW_NS - 3600 * 10**9
LABELS = {"service_name": "claude-code"}


@pytest.fixture
def standin():
    with running_standin(NOW_NS) as server:
        yield server


def client_of(standin, outcomes=None, **settings):
    outcomes = [] if outcomes is None else outcomes
    return LokiClient(
        LokiSettings(standin.url, **{"max_attempts": 3, "timeout_seconds": (1.0, 1.0), **settings}),
        lambda _operation, outcome: outcomes.append(outcome),
        sleep=lambda _seconds: None,
    )


def query(client, limit):
    return client.query_range('{service_name="claude-code"}', START_NS, NOW_NS, limit)


def fill(standin, count):
    for at in range(count):
        standin.store().add(START_NS + at, f"line {at}", LABELS, {})


def test_the_server_s_page_limit_is_adopted_and_said_once(standin, caplog):
    fill(standin, 30)
    standin.max_entries = 10
    outcomes = []
    with client_of(standin, outcomes, page_limit=20) as client, caplog.at_level(logging.WARNING):
        first = query(client, client.page_limit)
        second = query(client, 20)
    assert (len(first.entries), first.limit) == (10, 10)
    assert first.is_full
    assert (len(second.entries), second.limit) == (10, 10)
    assert client.page_limit == 10
    assert [record.getMessage() for record in caplog.records] == [
        "Loki allows pages of 10 entries, not 20; going on with 10"
    ]
    assert outcomes == ["retried", "success", "success"]


def test_a_page_too_large_for_the_server_is_halved_and_later_grows_again(standin):
    fill(standin, 60)
    standin.closes_above = 15
    with client_of(standin, page_limit=50) as client:
        page = query(client, 50)
        assert (len(page.entries), page.limit) == (12, 12)
        assert client.page_limit == 12
        for _ in range(SUCCESSES_TO_GROW - 1):  # the page above was the first
            query(client, client.page_limit)
        assert client.page_limit == 24


def test_a_reply_larger_than_allowed_is_not_read_and_asked_for_in_halves(standin):
    for at in range(8):
        standin.store().add(START_NS + at, "x" * 10_000, LABELS, {})
    with client_of(standin, max_reply_bytes=50_000) as client:
        page = query(client, 8)
    assert (len(page.entries), page.limit) == (4, 4)
