"""Reading and writing a real Loki: what the stand-in promises holds there too."""

import json
import time

import pytest
import requests

from analytics.events import EventTable
from analytics.intake import Intake, build_event_table
from exporter.loki.client import LokiClient
from exporter.loki.errors import LokiBadQuery, LokiLimit
from exporter.loki.push import push_lines
from exporter.loki.settings import LokiSettings
from exporter.sources.loki import LokiSource
from exporter.sources.source import SourceError
from tests.loki_server import needs_loki, running_loki

pytestmark = [pytest.mark.live, needs_loki]

SECOND = 10**9
CODE, HOOKS = '{service_name="claude-code"}', '{service_name="claude-hooks"}'
HOOK_LABELS = {"service_name": "claude-hooks", "env": "test"}


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    with running_loki(tmp_path_factory.mktemp("loki")) as address:
        yield address


def client_of(url, *selectors, **settings):
    return LokiClient(LokiSettings(url, selectors=selectors, lookback_seconds=7200.0, **settings))


def otlp_request(service, times):
    """Tool results, told apart only by their structured metadata."""
    return {
        "resourceLogs": [
            {
                "resource": {"attributes": [attribute("service.name", service), attribute("os.type", "linux")]},
                "scopeLogs": [
                    {
                        "scope": {"name": "com.anthropic.claude_code.events", "version": "2.1.33"},
                        "logRecords": [
                            {
                                "timeUnixNano": str(time_ns),
                                "observedTimeUnixNano": str(time_ns),
                                "body": {"stringValue": "claude_code.tool_result"},
                                "attributes": [
                                    attribute("session.id", f"s{at % 5}"),
                                    attribute("event.name", "tool_result"),
                                    {"key": "event.sequence", "value": {"intValue": str(at)}},
                                ],
                            }
                            for at, time_ns in enumerate(times)
                        ],
                    }
                ],
            }
        ]
    }


def attribute(name, text):
    return {"key": name, "value": {"stringValue": text}}


def push_otlp(url, service, times):
    requests.post(f"{url}/otlp/v1/logs", json=otlp_request(service, times), timeout=10).raise_for_status()


class Records:
    """A decoder that keeps the records it is given."""

    def __init__(self):
        self.found = []

    def __call__(self, records):
        self.found += records
        rows = [{"timestamp": record.time_ns // SECOND, "session_id": "s", "event": "x"} for record in records]
        return build_event_table(rows, "test") if rows else Intake(EventTable.empty())


def test_otlp_and_json_lines_come_back_whole_and_once_though_pages_split_nanoseconds(url):
    now_ns = time.time_ns()
    times = [now_ns - 1000 * SECOND + at // 7 * SECOND for at in range(700)]  # seven share each nanosecond
    push_otlp(url, "claude-code", times)
    lines = [
        (now_ns - 990 * SECOND + at * SECOND, json.dumps({"hook_event_name": "Stop", "n": at}), {"session_id": "s1"})
        for at in range(50)
    ]
    with client_of(url, CODE, HOOKS, page_limit=40, slice_seconds=600.0) as client:
        assert push_lines(client, HOOK_LABELS, lines) == 50
        records = Records()
        source = LokiSource(client, client.settings, records, batch_entries=150)
        batches = list(source.read({}, now_ns))
        assert list(source.read(batches[-1].position, now_ns + SECOND)) == []
    assert len(batches) >= 4
    assert [record.time_ns for record in records.found] == sorted(times + [line[0] for line in lines])
    code = [record for record in records.found if record.line]
    assert sorted(int(record.fields["event_sequence"]) for record in code) == list(range(700))
    assert {record.fields["service_name"] for record in code} == {"claude-code"}
    hooks = [record for record in records.found if not record.line]
    assert [record.fields["n"] for record in hooks] == list(range(50))
    assert {(record.labels["env"], record.labels["session_id"]) for record in hooks} == {("test", "s1")}


def test_a_late_entry_is_delivered_once(url):
    now_ns = time.time_ns()
    with client_of(url, '{service_name="late"}') as client:
        labels = {"service_name": "late"}
        push_lines(client, labels, [(now_ns - 60 * SECOND, "on time", {}), (now_ns - 20 * SECOND, "newest", {})])
        records = Records()
        source = LokiSource(client, client.settings, records)
        (first,) = source.read({}, now_ns)
        push_lines(client, labels, [(now_ns - 100 * SECOND, "late", {})])
        (second,) = source.read(first.position, now_ns + SECOND)
        assert list(source.read(second.position, now_ns + 2 * SECOND)) == []
    assert [record.line for record in records.found] == ["on time", "newest", "late"]


def test_the_default_page_limit_of_the_server_is_adopted(url):
    now_ns = time.time_ns()
    push_otlp(url, "many", [now_ns - SECOND - at for at in range(6000)])
    with client_of(url, '{service_name="many"}', page_limit=20_000) as client:
        records = Records()
        list(LokiSource(client, client.settings, records).read({}, now_ns))
        assert client.page_limit == 5000
    assert len(records.found) == 6000


def test_more_entries_in_one_nanosecond_than_the_server_gives_are_an_error(url):
    now_ns = time.time_ns()
    push_otlp(url, "crowd", [now_ns - SECOND] * 5001)
    with client_of(url, '{service_name="crowd"}') as client:
        source = LokiSource(client, client.settings, Records())
        with pytest.raises(SourceError, match="more than 5000 entries share the time"):
            list(source.read({}, now_ns))


@pytest.mark.parametrize(
    ("age_seconds", "line", "limit"),
    [
        (8 * 86_400, "x", "reject_old_samples_max_age"),
        (-86_400, "x", "creation_grace_period"),
        (0, "x" * 300_000, "max_line_size"),
    ],
)
def test_lines_that_are_not_kept_name_the_setting(url, age_seconds, line, limit):
    with client_of(url, HOOKS) as client, pytest.raises(LokiLimit) as caught:
        push_lines(client, HOOK_LABELS, [(time.time_ns() - age_seconds * SECOND, line, {})])
    assert caught.value.limit == limit


def test_lines_too_far_behind_their_stream_name_the_setting(url):
    now_ns = time.time_ns()
    labels = {"service_name": "behind"}
    with client_of(url, HOOKS) as client:
        push_lines(client, labels, [(now_ns, "newest", {})])
        with pytest.raises(LokiLimit) as caught:
            push_lines(client, labels, [(now_ns - 7200 * SECOND, "behind", {})])
    assert caught.value.limit == "max_chunk_age"


def test_labels_readiness_and_a_bad_query(url):
    now_ns = time.time_ns()
    with client_of(url, HOOKS) as client:
        assert client.ready()
        push_lines(client, {"service_name": "named"}, [(now_ns, "x", {})])
        assert "service_name" in client.labels(now_ns - 3600 * SECOND, now_ns + SECOND)
        assert "named" in client.label_values("service_name", now_ns - 3600 * SECOND, now_ns + SECOND)
        with pytest.raises(LokiBadQuery, match="parse error"):
            client.query_range('{service_name="a"', now_ns - SECOND, now_ns, 10)
