"""Names under which the exporter answers while nobody has to authenticate: no site can make itself one of them."""

import pytest

from exporter.web.access import Access
from exporter.web.host_check import is_own_host
from tests.exporter.web.deployment import SNAPSHOT, House

OWN = frozenset({"sigyn", "risk.example"})


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.0.0.1:9847", "[::1]:9847", "[::1]", "localhost", "LOCALHOST:9847", "localhost.:1",
        "sigyn.localhost", "192.0.2.7:80", "sigyn:9847", "Risk.Example", "risk.example.:443",
    ],
)  # fmt: skip
def test_addresses_localhost_and_known_names_are_ours(host):
    assert is_own_host(host, OWN)


@pytest.mark.parametrize(
    "host",
    [
        "", "evil.example", "evil.example:9847", "localhost.evil.example", "127.0.0.1.evil.example", "xlocalhost",
        "risk.example.evil.example", "evil.example#localhost", "evil.example/localhost", "localhost@evil.example", "evil@localhost",
        "[::1", "[::1]evil.example", "2130706433", "0x7f000001", "sigyn.evil", "127.1",
    ],
)  # fmt: skip
def test_every_other_name_is_not(host):
    assert not is_own_host(host, OWN)


@pytest.fixture
def house():
    found = House(access=Access(hosts=OWN))
    found.publisher.publish(SNAPSHOT)
    return found


@pytest.mark.parametrize("path", ["/", "/metrics", "/api/v1/sessions", "/-/healthy", "/sessions/young"])
def test_a_name_that_points_to_us_by_rebinding_reads_nothing(house, path):
    answer = house.client("http://rebound.evil.example:9847").get(path)
    assert answer.status_code == 421
    assert "mara" not in answer.text


def test_nor_does_it_change_anything_with_its_own_origin(house):
    client = house.client("http://rebound.evil.example:9847")
    headers = {"Origin": "http://rebound.evil.example:9847", "Sec-Fetch-Site": "same-origin"}
    assert client.post("/-/reload", headers=headers).status_code == 421
    assert house.reloads == 0


def test_a_request_for_a_known_name_is_answered(house):
    assert house.client("http://sigyn:9847").get("/metrics").status_code == 200
    assert house.client("http://127.0.0.1:9847").get("/").status_code == 200


def test_a_second_host_header_does_not_help(house):
    headers = [("Host", "localhost"), ("Host", "evil.example")]
    assert house.client("http://localhost").get("/metrics", headers=headers).status_code == 421
