"""How often one client may ask, and what is kept of clients."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.web.access import Access
from exporter.web.rate_limit import MOST_CLIENTS, USUAL, Rate, RateLimiter, client_of
from tests.exporter.web.deployment import SNAPSHOT, House


class Clock:
    """A clock that is moved by hand; seconds."""

    now = 1_000.0

    def __call__(self):
        return self.now


def limiter(interval, burst):
    clock = Clock()
    return RateLimiter(Rate(interval, burst), clock), clock


def test_a_burst_passes_then_one_request_an_interval():
    limit, clock = limiter(2.0, 3)
    assert [limit.take("a") for _ in range(4)] == [0.0, 0.0, 0.0, 2.0]
    clock.now += 1.5
    assert limit.take("a") == 0.5
    clock.now += 0.5
    assert [limit.take("a"), limit.take("a")] == [0.0, 2.0]


def test_one_client_does_not_use_up_what_another_has():
    limit, _ = limiter(1.0, 1)
    assert (limit.take("a"), limit.take("b"), limit.take("a")) == (0.0, 0.0, 1.0)


def test_an_interval_of_nothing_is_no_limit():
    limit, _ = limiter(0.0, 1)
    assert not any(limit.take("a") for _ in range(1000))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 3), max_size=60), st.integers(1, 5))
def test_over_any_stretch_no_more_passes_than_burst_and_rate_allow(pauses, burst):
    limit, clock = limiter(1.0, burst)
    passed = []
    for pause in pauses:
        clock.now += pause
        if limit.take("a") == 0:
            passed.append(clock.now)
    for first in range(len(passed)):
        for last in range(first, len(passed)):
            assert last - first + 1 <= burst + (passed[last] - passed[first]) + 1e-6


def test_memory_is_bounded_in_the_number_of_clients():
    limit, _ = limiter(1.0, 1)
    for number in range(MOST_CLIENTS + 100):
        limit.take(f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}")
    assert len(limit) == MOST_CLIENTS


@pytest.mark.parametrize(
    ("host", "client"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("testclient", "testclient"),
        ("x" * 1000, "x" * 64),
    ],
)
def test_a_client_is_its_address_or_its_network(host, client):
    assert client_of({"client": (host, 1)}) == client
    assert client_of({"client": None}) == ""


def test_who_asks_too_often_is_told_when_to_come_again():
    house = House(access=Access(rate=Rate(3.0, 2)))
    house.publisher.publish(SNAPSHOT)
    client = house.client()
    assert [client.get("/metrics").status_code for _ in range(3)] == [200, 200, 429]
    answer = client.get("/api/v1/sessions")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "3")
    assert "too many requests" in answer.json()["detail"]
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    house.monotonic += 3.0
    assert client.get("/metrics").status_code == 200


def test_a_new_rate_is_in_force_at_once():
    house = House(access=Access(rate=Rate(3.0, 1)))
    client = house.client()
    assert [client.get("/-/healthy").status_code for _ in range(2)] == [200, 429]
    house.access = Access(rate=USUAL)
    assert client.get("/-/healthy").status_code == 200


def test_the_usual_rate_leaves_a_scrape_a_second_alone():
    limit, clock = limiter(USUAL.interval, USUAL.burst)
    for _ in range(1000):
        clock.now += 1.0
        assert limit.take("a") == 0.0
