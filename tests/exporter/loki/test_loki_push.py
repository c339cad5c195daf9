import pytest

from exporter.loki.client import LokiClient
from exporter.loki.errors import LokiLimit, LokiUnavailable
from exporter.loki.push import MAX_PUSH_BYTES, MAX_PUSH_LINES, push_lines
from exporter.loki.settings import LokiSettings
from tests.loki_standin import Fault, running_standin

NOW_NS = 1_790_000_000 * 10**9
LABELS = {"service_name": "sigyn"}


@pytest.fixture
def standin():
    with running_standin(NOW_NS) as server:
        yield server


@pytest.fixture
def client(standin):
    settings = LokiSettings(standin.url, max_attempts=2, timeout_seconds=(1.0, 5.0))
    with LokiClient(settings, sleep=lambda _: None) as made:
        yield made


def test_lines_arrive_with_labels_time_and_metadata_compressed(standin, client):
    assert push_lines(client, LABELS, [(NOW_NS, '{"a": 1}', {"session_id": "s"}), (NOW_NS + 1, "b", {})]) == 2
    first, second = standin.store().entries
    assert (first.time_ns, first.line, first.labels) == (NOW_NS, '{"a": 1}', LABELS)
    assert first.metadata["session_id"] == "s"
    assert (second.time_ns, second.line) == (NOW_NS + 1, "b")
    assert standin.requests[0].headers["content-encoding"] == "gzip"


@pytest.mark.parametrize(
    ("count", "line", "pushes"),
    [(0, "x", 0), (MAX_PUSH_LINES + 1, "x", 2), (5, "x" * (MAX_PUSH_BYTES // 4), 2), (2, "x" * 200_000, 1)],
)
def test_pushes_are_bounded_in_lines_and_size(standin, client, count, line, pushes):
    assert push_lines(client, LABELS, ((NOW_NS + at, line, {}) for at in range(count))) == count
    assert len(standin.requests) == pushes
    assert [entry.time_ns for entry in standin.store().entries] == [NOW_NS + at for at in range(count)]


@pytest.mark.parametrize(
    ("time_ns", "line", "limit"),
    [
        (NOW_NS - 8 * 86_400 * 10**9, "x", "reject_old_samples_max_age"),
        (NOW_NS + 86_400 * 10**9, "x", "creation_grace_period"),
        (NOW_NS, "x" * 300_000, "max_line_size"),
    ],
)
def test_a_line_that_loki_does_not_keep_is_an_error_that_names_the_setting(standin, client, time_ns, line, limit):
    with pytest.raises(LokiLimit, match=limit) as caught:
        push_lines(client, LABELS, [(time_ns, line, {})])
    assert caught.value.limit == limit
    assert len(standin.requests) == 1


def test_pushing_too_fast_is_tried_again_and_then_names_the_setting(standin, client):
    streams = [{"stream": LABELS, "values": [[str(NOW_NS + at), "x" * 2000] for at in range(4000)]}]
    with pytest.raises(LokiLimit, match="ingestion rate limit exceeded") as caught:
        client.push(streams)
    assert caught.value.limit == "ingestion_rate_mb"
    assert len(standin.requests) == 2


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        (
            "entry with timestamp 2026 ignored, reason: 'entry too far behind, entry timestamp is: 2026'",
            "max_chunk_age",
        ),
        ("Per stream rate limit exceeded (limit: 3MB/sec) while attempting to ingest", "per_stream_rate_limit"),
    ],
)
def test_other_refusals_of_lines_name_the_setting(standin, client, text, limit):
    standin.faults.append(Fault("status", 400, text=text))
    with pytest.raises(LokiLimit) as caught:
        push_lines(client, LABELS, [(NOW_NS, "x", {})])
    assert caught.value.limit == limit


def test_pushes_before_a_failure_stand():
    class FullDisk:
        kept = 0

        def push(self, streams):
            if self.kept:
                raise LokiUnavailable("http://loki/loki/api/v1/push: Loki answers 500: disk full")
            self.kept += len(streams[0]["values"])

    writer = FullDisk()
    with pytest.raises(LokiUnavailable, match="disk full"):
        push_lines(writer, LABELS, ((NOW_NS + at, "x", {}) for at in range(MAX_PUSH_LINES + 1)))
    assert writer.kept == MAX_PUSH_LINES
