"""A real Loki counts as the reader does: what comes late is read, what comes too late is counted, duplicates neither."""

import json
import time
from collections import Counter

import pytest

from exporter.decoders import decode_to_table
from exporter.loki.client import LokiClient
from exporter.loki.ledger import HOUR_NS
from exporter.loki.settings import DAY_SECONDS, LokiSettings
from exporter.sources.loki import LokiSource
from tests.loki_server import needs_loki, running_loki

pytestmark = [pytest.mark.live, needs_loki]


def lines(first_ns, count, begin=0):
    """A line a second."""
    return [
        [str(first_ns + n * 10**9), json.dumps({"session_id": "s", "event": "tool_result", "sequence": begin + n})]
        for n in range(count)
    ]


def test_what_came_too_late_is_counted_once_and_what_came_twice_is_no_loss(tmp_path):
    now_ns = time.time_ns()
    hour_ns = now_ns // HOUR_NS * HOUR_NS + 10**9
    old_ns, recent_ns = hour_ns - 50 * HOUR_NS, hour_ns - 3 * HOUR_NS
    with running_loki(tmp_path) as url:
        looks = {"late_check_seconds": 0.0, "lost_check_seconds": 0.0}
        settings = LokiSettings(url, lookback_seconds=6 * DAY_SECONDS, **looks)
        with LokiClient(settings) as client:

            def push(writer, values):
                client.push([{"stream": {"service_name": "claude-code", "writer": writer}, "values": values}])

            def read(at_ns):
                """Entries delivered and dropped."""
                batches = list(LokiSource(client, settings, decode_to_table).read(position[-1], at_ns))
                position.extend(batch.position for batch in batches)
                dropped = sum((batch.dropped for batch in batches), Counter())
                return sum(len(batch.table) for batch in batches), dropped["too_late"]

            position = [{}]
            push("a", lines(old_ns, 50))
            push("a", lines(old_ns, 50))
            push("b", lines(old_ns, 5))
            push("a", lines(recent_ns, 40))
            assert read(now_ns) == (95, 0)
            assert read(now_ns + 1) == (0, 0)
            push("c", lines(old_ns, 7, begin=100))
            push("c", lines(recent_ns, 3, begin=200))
            # The hour that has grown is read again whole; its events are known by their ids.
            assert read(now_ns + 2) == (43, 7)
            assert read(now_ns + 3) == (0, 0)
