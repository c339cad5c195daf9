"""A reply has a time as a whole: what is left of it is the time-out of each read, over TLS as well."""

import io
import socket
import ssl

import pytest

from exporter.loki.client import LokiClient
from exporter.loki.errors import LokiUnavailable
from exporter.loki.settings import LokiSettings, LokiTls
from exporter.loki.timed_reply import TimedBytes
from tests.exporter.running import Clock
from tests.exporter.web.certificates import OPENSSL, authority, signed
from tests.loki_standin import TRICKLE_SECONDS, Fault, running_standin

NOW_NS = 1_790_000_000 * 10**9


class Trickle(io.RawIOBase):
    """A byte every three seconds; notes the time-out that each of them was waited for with."""

    def __init__(self, sock, clock):
        self._sock, self._clock = sock, clock
        self.timeouts = []

    def readinto(self, buffer):
        self.timeouts.append(self._sock.gettimeout())
        self._clock.now += 3
        buffer[:1] = b"x"
        return 1


def test_each_read_has_what_is_left_of_the_time_and_the_socket_keeps_its_own():
    clock = Clock(100.0)
    with socket.socket() as sock:
        sock.settimeout(10.0)
        trickle = Trickle(sock, clock)
        timed = TimedBytes(sock, trickle, sock.gettimeout(), clock)
        for _ in range(4):
            assert timed.read(1) == b"x"
            assert sock.gettimeout() == 10.0
        with pytest.raises(TimeoutError):
            timed.read(1)
    assert trickle.timeouts == [10.0, 7.0, 4.0, 1.0]


def test_without_a_time_out_there_is_no_end():
    clock = Clock(100.0)
    with socket.socket() as sock:
        trickle = Trickle(sock, clock)
        assert len(io.BufferedReader(TimedBytes(sock, trickle, None, clock)).read(50)) == 50
    assert set(trickle.timeouts) == {None}


@pytest.mark.skipif(OPENSSL is None, reason="openssl is not on PATH (Debian package openssl)")
def test_over_tls_the_whole_reply_has_a_time_and_the_next_request_is_answered(tmp_path):
    ours = authority(tmp_path, "ours")
    server = signed(tmp_path, "server", ours)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server.certificate, server.key)
    with running_standin(NOW_NS, context) as loki:
        seconds = (5.0, 10 * TRICKLE_SECONDS)
        tls = LokiTls(ca_file=str(ours.certificate))
        with LokiClient(LokiSettings(loki.url, tls=tls, timeout_seconds=seconds, max_attempts=1)) as client:
            assert client.labels(0, NOW_NS) == []
            loki.faults.append(Fault("trickle"))
            with pytest.raises(LokiUnavailable, match="no whole reply in time"):
                client.labels(0, NOW_NS)
            assert client.labels(0, NOW_NS) == []
