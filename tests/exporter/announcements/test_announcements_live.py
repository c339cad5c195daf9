"""A real Loki takes the lines, keeps one of each however often it is sent, and never gives them out as telemetry."""

from __future__ import annotations

import json
import time

import pytest
import requests

from exporter.announcements import SERVICE_NAME, Announcements
from exporter.config_sources import DEFAULT_SELECTOR
from exporter.decoders import decode_to_table
from exporter.loki.client import LokiClient
from exporter.loki.settings import LokiSettings
from exporter.sources.loki import LokiSource
from exporter.state import State
from tests.exporter.announcements.tellings import Counts, finding, verdict
from tests.loki_server import needs_loki, running_loki

pytestmark = [pytest.mark.live, needs_loki]

SECOND = 10**9
SESSIONS = f'{{service_name="{SERVICE_NAME}", kind="session"}}'
FINDINGS = f'{{service_name="{SERVICE_NAME}", kind="finding"}}'


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    with running_loki(tmp_path_factory.mktemp("loki")) as address:
        yield address


def client_of(url, *selectors):
    return LokiClient(LokiSettings(url, selectors=selectors or (SESSIONS,), max_attempts=1, lookback_seconds=3600.0))


def lines_of(url, query, now_ns):
    page = client_of(url).query_range(query, now_ns - 600 * SECOND, now_ns + 60 * SECOND, 1000)
    return [json.loads(entry.line) for entry in page.entries]


class DiesAfterPush(LokiClient):
    """Loki has the lines, the exporter never hears of it."""

    def push(self, streams):
        super().push(streams)
        raise InterruptedError


def announcements(state, client, counts):
    return Announcements(state, client, counts, {}, "http://127.0.0.1:9847")


def tell(url, folder, verdicts, now_ns):
    """Push, die before the outbox is emptied, start again and push what is still queued."""
    counts = Counts()
    with State.open(folder) as state:
        dying = announcements(state, DiesAfterPush(client_of(url).settings), counts)
        news = dying.news_of(verdicts, now_ns)
        with state.begin() as transaction:
            news.store(transaction)
        dying.remember(news)
        with pytest.raises(InterruptedError):
            dying.finish_cycle({one.session_id: one for one in verdicts}, 0, now_ns)
        dying.close()
    with State.open(folder) as state:
        assert state.count_queued() == len(news.lines)
        again = announcements(state, client_of(url), counts)
        again.finish_cycle({one.session_id: one for one in verdicts}, 0, now_ns)
        again.close()
        assert state.count_queued() == 0
    return counts


def test_lines_sent_twice_are_kept_once_and_found_by_their_metadata(url, tmp_path):
    now_ns = time.time_ns()
    told = [
        verdict(f"twice-{number}", number / 10, ended_ns=now_ns, findings=(finding(last_ns=now_ns),))
        for number in range(1, 10)
    ]
    counts = tell(url, tmp_path, told, now_ns)
    assert counts == {("session", "written"): 9, ("finding", "written"): 9}
    found = lines_of(url, SESSIONS, now_ns)
    assert sorted(line["session_id"] for line in found) == [one.session_id for one in told]
    assert len({line["id"] for line in found}) == 9
    assert len(lines_of(url, FINDINGS, now_ns)) == 9
    high = lines_of(url, f'{SESSIONS} | level=~"high|critical" | user_id="ana"', now_ns)
    assert sorted(line["risk"] for line in high) == [0.7, 0.8, 0.9]
    assert len(lines_of(url, f'{FINDINGS} | session_id="twice-4" | severity="high"', now_ns)) == 1


def test_a_line_that_waited_too_long_is_dropped_and_the_others_are_written(url, tmp_path):
    now_ns, counts = time.time_ns(), Counts()
    with State.open(tmp_path) as state:
        speaker = announcements(state, client_of(url), counts)
        speaker.tell("trained", "a month ago", now_ns - 30 * 86_400 * SECOND)
        for number in range(4):
            speaker.tell("trained", f"today {number}", now_ns + number)
        speaker.finish_cycle({}, 0, now_ns)
        assert state.count_queued() == 0
    assert counts == {("event", "dropped"): 1, ("event", "written"): 4}
    events = lines_of(url, f'{{service_name="{SERVICE_NAME}", kind="event"}} | event="trained"', now_ns)
    assert [line["detail"] for line in events] == [f"today {number}" for number in range(4)]


def test_the_default_selector_never_reads_the_exporters_own_lines(url, tmp_path):
    now_ns = time.time_ns()
    tell(url, tmp_path, [verdict("own", 0.9, ended_ns=now_ns, findings=(finding(last_ns=now_ns),))], now_ns)
    agents = {"stream": {"service_name": "sigyn-events"}, "values": [[str(now_ns), _native_line()]]}
    requests.post(f"{url}/loki/api/v1/push", json={"streams": [agents]}, timeout=10).raise_for_status()
    client = client_of(url, DEFAULT_SELECTOR)
    batches = list(LokiSource(client, client.settings, decode_to_table).read({}, now_ns + SECOND))
    read = [name for batch in batches for name in batch.table.categories("session_id")]
    assert read == ["an-agents"]
    assert sum(sum(batch.dropped.values()) for batch in batches) == 0
    client.close()


def _native_line():
    return json.dumps({"timestamp": time.time(), "session_id": "an-agents", "event": "tool_result"})
