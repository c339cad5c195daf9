"""Clients that are slow, large or many, against the web server as it runs."""

import select
import socket
import threading
import time

import anyio
import pytest
import requests

from exporter.web.body_limit import BodyLimit
from exporter.web.connections import MOST_OF_ONE_CLIENT, BoundedConnection
from exporter.web.request_bounds import MAX_HEAD
from tests.exporter.web.deployment import SNAPSHOT, House
from tests.exporter.web.real_server import running, until_closed

SOON = 20.0
"""Seconds after which something that should end by itself has failed to."""
HEAD = b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n"


@pytest.fixture
def port():
    house = House()
    house.publisher.publish(SNAPSHOT)
    with running(house.services()) as found:
        yield found


@pytest.fixture
def _impatient(monkeypatch):
    monkeypatch.setattr(BoundedConnection, "head_seconds", 0.3)


def connect(port):
    return socket.create_connection(("127.0.0.1", port), timeout=SOON)


def drip(connection, until):
    """One byte after the other, each too late to matter and too early to be silence."""
    while time.monotonic() < until:
        connection.sendall(b"X")
        select.select([], [], [], 0.02)


@pytest.mark.usefixtures("_impatient")
@pytest.mark.parametrize("sent", [b"", b"G", HEAD], ids=["nothing", "byte", "half"])
def test_a_head_that_does_not_come_ends_the_connection(port, sent):
    with connect(port) as connection:
        connection.sendall(sent)
        said, seconds = until_closed(connection, SOON)
    assert seconds < SOON / 2
    assert said == b""


@pytest.mark.usefixtures("_impatient")
def test_dripping_bytes_do_not_buy_time(port):
    with connect(port) as connection:
        begun = time.monotonic()
        with pytest.raises(ConnectionError):
            drip(connection, begun + SOON)
        assert time.monotonic() - begun < SOON / 2


@pytest.mark.usefixtures("_impatient")
def test_a_request_that_takes_longer_than_a_head_may_is_answered():
    house, released = House(), threading.Event()
    house.detail = lambda _session: released.wait(SOON) and None
    with running(house.services()) as port, connect(port) as connection:
        connection.sendall(b"GET /api/v1/sessions/x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        timer = threading.Timer(1.0, released.set)  # three times what a head may take
        timer.start()
        said, _ = until_closed(connection, SOON)
    assert said.startswith(b"HTTP/1.1 404")


def test_a_head_above_the_bound_is_refused_in_one_piece_and_in_many(port):
    filler = b"Connection: close\r\nX-Filler: " + b"x" * MAX_HEAD + b"\r\n\r\n"
    with connect(port) as connection:
        connection.sendall(HEAD + filler)
        said, _ = until_closed(connection, SOON)
    assert said.split(b" ")[1] in (b"431", b"400")
    url = f"http://127.0.0.1:{port}/-/healthy"
    assert requests.get(url, headers={"X-Filler": "x" * (MAX_HEAD - 2000)}, timeout=SOON).status_code == 200


def test_one_address_holds_only_so_many_connections(port):
    held = [connect(port) for _ in range(MOST_OF_ONE_CLIENT)]
    try:
        with connect(port) as one_too_many:
            said, seconds = until_closed(one_too_many, SOON)
        assert said == b""
        assert seconds < 5
        held.pop().close()
        deadline = time.monotonic() + SOON
        while time.monotonic() < deadline:
            with connect(port) as next_one:
                next_one.sendall(HEAD + b"Connection: close\r\n\r\n")
                if until_closed(next_one, SOON)[0].startswith(b"HTTP/1.1 200"):
                    return
        pytest.fail("a connection that was closed still counts")
    finally:
        for connection in held:
            connection.close()


def test_what_a_client_says_about_itself_changes_nothing(port):
    url = f"http://127.0.0.1:{port}/-/healthy"
    for number in range(3):
        headers = {"X-Forwarded-For": f"192.0.2.{number}", "X-Forwarded-Proto": "https", "Forwarded": "for=192.0.2.9"}
        answer = requests.get(url, headers=headers, timeout=SOON)
        assert answer.status_code == 200
        assert "server" not in {name.lower() for name in answer.headers}


@pytest.mark.parametrize(
    "request_line",
    [
        b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\x00", b"GET  / HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"\x00\xff" * 50 + b"\r\n\r\n",
        b"POST /-/reload HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nxxxxx",
        b"POST /-/reload HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: a\n b\x00\r\n\r\n",
    ],
)  # fmt: skip
def test_what_is_no_http_is_refused_and_the_server_lives_on(port, request_line):
    with connect(port) as connection:
        connection.sendall(request_line)
        connection.shutdown(socket.SHUT_WR)
        said, _ = until_closed(connection, SOON)
    assert said[9:12] in (b"", b"400", b"200", b"403")
    assert requests.get(f"http://127.0.0.1:{port}/-/healthy", timeout=SOON).status_code == 200


def test_a_body_that_does_not_arrive_is_given_up():
    sent = []

    async def passed_on(_scope, _receive, _send):
        raise AssertionError("the request was passed on")

    async def receive():
        await anyio.sleep_forever()

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/-/reload", "headers": []}
    anyio.run(BodyLimit(passed_on, seconds=0.05), scope, receive, send)
    assert sent[0]["status"] == 408
    assert (b"connection", b"close") in sent[0]["headers"]
