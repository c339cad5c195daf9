"""A real Loki divides its entries among shards as the stand-in does, whatever the ids are made of."""

import json
import time

import pytest
import requests

from analytics.intake import build_event_table
from exporter.decoders import decode_to_table
from exporter.loki.client import LokiClient
from exporter.loki.settings import LokiSettings
from exporter.loki.shard_queries import shard_queries
from exporter.shards import Shard
from exporter.sources.loki import LokiSource
from exporter.sources.sharded import ShardDecoding
from tests.exporter.loki.test_loki_live import attribute
from tests.loki_server import needs_loki, running_loki

pytestmark = [pytest.mark.live, needs_loki]

SECOND = 10**9
IDS = [
    *(f"5f0c8a5{digit}-9a58-4d0e-8d5f-6d6a1f6f0001" for digit in "0123456789abcdef"),
    *(f"5F0C8A5{digit}-9A58" for digit in "ABCDEF"),
    "s1", "s", "session-0001", "1234567", "12345678", "1234567/x", "12345678/x", "a/b", "/a", "a\nb", "\n", "1234567\n8",
    "ü", "1234567ü", "\u212a", "😀😀9", '"', "a\\b", "x|y", "{x}", "`7",
]  # fmt: skip


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    with running_loki(tmp_path_factory.mktemp("loki")) as address:
        yield address


def push(url, service, now_ns):
    """Each id once as an OpenTelemetry record and once in a JSON line, which claims another in its metadata."""
    records = [
        {
            "timeUnixNano": str(now_ns - 60 * SECOND + at),
            "observedTimeUnixNano": str(now_ns),
            "body": {"stringValue": "claude_code.tool_result"},
            "attributes": [attribute("session.id", one), attribute("event.name", "tool_result")],
        }
        for at, one in enumerate(IDS)
    ]
    resource = {"attributes": [attribute("service.name", service)]}
    logs = {"resourceLogs": [{"resource": resource, "scopeLogs": [{"scope": {}, "logRecords": records}]}]}
    requests.post(f"{url}/otlp/v1/logs", json=logs, timeout=10).raise_for_status()
    lines = [
        [
            str(now_ns - 30 * SECOND + at),
            json.dumps({"session_id": one, "event": "notification", "timestamp": (now_ns // SECOND) - 30}),
            {"session_id": IDS[at - 1]},
        ]
        for at, one in enumerate(IDS)
    ]
    body = {"streams": [{"stream": {"service_name": service}, "values": lines}]}
    requests.post(f"{url}/loki/api/v1/push", json=body, timeout=10).raise_for_status()


def clean(session_id):
    """The id as it is decoded."""
    table = build_event_table([{"session_id": session_id, "event": "x", "timestamp": 1_790_000_000}], "test").table
    return next(iter(table.frame["session_id"]), None)


@pytest.mark.parametrize("count", [2, 3])
def test_each_session_is_read_whole_by_its_shard_and_attributes_of_others_are_not_even_sent(url, count):
    now_ns, service = time.time_ns(), f"claude-code-{count}"
    push(url, service, now_ns)
    wanted = {clean(one) for one in IDS} - {None}
    sent, found = 0, []
    for shard in (Shard(number, count) for number in range(1, count + 1)):
        queries = shard_queries(f'{{service_name="{service}"}}', shard)
        settings = LokiSettings(url, selectors=queries, lookback_seconds=600.0)

        def decode(records, shard=shard):
            nonlocal sent
            sent += sum(not record.labels for record in records)
            return ShardDecoding(decode_to_table, shard)(records)

        with LokiClient(settings) as client:
            batches = list(LokiSource(client, settings, decode, shard=shard).read({}, now_ns))
            hour = -(-now_ns // (3600 * SECOND)) * 3600
            counts = [client.count_by_hour(query, range(hour - 3600, hour + 1, 3600)) for query in queries]
            assert all(counts)  # Loki counts by the same queries
        sessions = {name for batch in batches for name in batch.table.frame["session_id"]}
        events = {one for batch in batches for one in batch.table.frame["event"]}
        assert all(shard.has(name) for name in sessions)
        assert events == {"tool_result", "notification"}
        found += sessions
    assert sorted(found) == sorted(wanted)
    plain, other = [one for one in IDS if one.isascii()], [one for one in IDS if not one.isascii()]
    assert sent == len(plain) + count * len(other)
