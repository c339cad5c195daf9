import json
import sys
from collections import Counter

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.events import EventTable, categorical
from analytics.intake import Intake
from exporter.loki.client import LokiClient
from exporter.loki.entry import LokiEntry
from exporter.loki.settings import LokiSettings
from exporter.sources.loki import LokiSource
from exporter.sources.loki_record import raw_record
from exporter.sources.source import SourceError
from tests.loki_pages import MemoryPages, entry_at, numbered
from tests.loki_standin import Fault, running_standin

SECOND = 10**9
HOUR = 3600 * SECOND
NOW = 1_790_000_000 * SECOND
HOOKS, CODE = '{service_name="claude-hooks"}', '{service_name="claude-code"}'


def decode(records):
    """Events whose session is the line and whose time is the entry's."""
    columns = {
        "time_ns": np.array([record.time_ns for record in records], dtype=np.int64),
        "session_id": categorical([record.line for record in records]),
    }
    return Intake(EventTable.from_columns(columns), Counter({"seen": len(records)}))


class Reading:
    """A source over entries in memory that is read as the cycle does: each position through JSON."""

    def __init__(self, client, batch_entries=20_000, **overrides):
        values = {"selectors": ("{}",), "lookback_seconds": 100.0, "overlap_seconds": 10.0, "slice_seconds": 30.0}
        self.client = client
        self.source = LokiSource(client, LokiSettings("http://loki", **{**values, **overrides}), decode, batch_entries)
        self.position = {}
        self.batches = []

    def read(self, now_ns, batches=None):
        """The lines delivered, at most so many batches of them."""
        lines = []
        for batch in self.source.read(self.position, now_ns):
            self.position = json.loads(json.dumps(batch.position))
            self.batches.append(batch)
            lines += list(batch.table.frame["session_id"])
            times = batch.table.frame["time_ns"].to_numpy()
            assert (np.diff(times) >= 0).all()
            if batches is not None and len(self.batches) >= batches:
                break
        return lines


def names(entries):
    return [entry.line for entry in entries]


def test_the_first_read_goes_back_as_far_as_the_lookback_and_no_further():
    entries = numbered([NOW - 101 * SECOND, NOW - 100 * SECOND, NOW - 5 * SECOND])
    assert Reading(MemoryPages(entries)).read(NOW) == ["n1", "n2"]


def test_a_second_read_delivers_only_what_is_new():
    client = MemoryPages(numbered([NOW - 9 * SECOND, NOW - SECOND]))
    reading = Reading(client)
    assert reading.read(NOW) == ["n0", "n1"]
    assert reading.read(NOW + SECOND) == []
    client.entries.append(entry_at(NOW + SECOND, "new"))
    assert reading.read(NOW + 2 * SECOND) == ["new"]


def test_entries_dated_later_than_now_are_left_until_their_time_comes():
    client = MemoryPages([entry_at(NOW, "at"), entry_at(NOW + 500 * SECOND, "future"), entry_at(NOW - 1, "before")])
    reading = Reading(client, lookback_seconds=1000.0)
    assert reading.read(NOW) == ["before"]
    assert reading.position["selectors"]["{}"]["through_ns"] <= NOW
    assert reading.read(NOW + 1) == ["at"]
    assert reading.read(NOW + 501 * SECOND) == ["future"]


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_late_entries_within_the_overlap_are_delivered_exactly_once(data):
    arrivals = data.draw(
        st.lists(st.tuples(st.integers(0, 60), st.integers(0, 10)), min_size=1, max_size=40), label="time, lateness"
    )
    limit, batch = data.draw(st.integers(1, 8)), data.draw(st.integers(1, 15))
    entries = numbered([NOW + time * SECOND for time, _ in arrivals])
    client = MemoryPages(page_limit=limit)
    reading = Reading(client, batch_entries=batch, slice_seconds=data.draw(st.sampled_from([1.0, 7.0, 50.0])))
    reading.read(NOW)
    delivered = []
    clock = 0
    while clock <= 72:
        clock += data.draw(st.integers(1, 9))
        client.entries = [entry for entry, (time, late) in zip(entries, arrivals, strict=True) if time + late < clock]
        delivered += reading.read(NOW + clock * SECOND)
    assert sorted(delivered) == sorted(names(entries))


@settings(max_examples=40, deadline=None)
@given(
    times=st.lists(st.integers(0, 99), max_size=60),
    limit=st.integers(1, 8),
    batch=st.integers(1, 15),
    interruptions=st.lists(st.integers(1, 3), max_size=6),
)
def test_a_back_fill_that_is_interrupted_goes_on_where_it_stopped(times, limit, batch, interruptions):
    entries = numbered([NOW - 100 * SECOND + time * SECOND for time in times])
    reading = Reading(MemoryPages(entries, page_limit=limit), batch_entries=batch, slice_seconds=13.0)
    delivered = []
    for batches in interruptions:
        reading.batches = []
        delivered += reading.read(NOW, batches)
    delivered += reading.read(NOW)
    assert sorted(delivered) == sorted(names(entries))


def test_batches_are_bounded_and_tell_how_far_the_read_is():
    entries = numbered(range(NOW - 100 * SECOND, NOW, SECOND // 10))
    reading = Reading(MemoryPages(entries, page_limit=50), batch_entries=200)
    assert reading.read(NOW) == names(entries)
    assert max(len(batch.table) for batch in reading.batches) <= 200 + 50
    shares = [batch.progress for batch in reading.batches]
    assert len(shares) >= 5
    assert shares == sorted(shares)
    assert 0 < shares[0] < 0.3
    assert shares[-1] == 1.0


def test_dropped_records_are_passed_on():
    reading = Reading(MemoryPages(numbered([NOW - 1, NOW - 2])))
    reading.read(NOW)
    assert reading.batches[0].dropped == {"seen": 2}


def test_selectors_are_read_side_by_side_in_order_of_time():
    client = MemoryPages([entry_at(NOW - at, f"c{at}", CODE) for at in (50, 30, 10)], page_limit=2)
    client.entries += [entry_at(NOW - at, f"h{at}", HOOKS) for at in (40, 20)]
    reading = Reading(client, selectors=(CODE, HOOKS))
    assert reading.read(NOW) == ["c50", "h40", "c30", "h20", "c10"]
    assert set(reading.position["selectors"]) == {CODE, HOOKS}


def test_a_selector_added_later_is_read_from_the_lookback_on_and_the_others_are_not_repeated():
    client = MemoryPages([entry_at(NOW - 50 * SECOND, "code", CODE), entry_at(NOW - 40 * SECOND, "hook", HOOKS)])
    reading = Reading(client, selectors=(CODE,))
    assert reading.read(NOW) == ["code"]
    wider = Reading(client, selectors=(CODE, HOOKS))
    wider.position = reading.position
    assert wider.read(NOW + SECOND) == ["hook"]


def test_a_selector_with_much_and_one_with_little_lose_nothing():
    client = MemoryPages([entry_at(NOW - at * 1000, f"c{at}", CODE) for at in range(1, 500)], page_limit=20)
    client.entries += [entry_at(NOW - at * 100_000, f"h{at}", HOOKS) for at in range(1, 6)]
    reading = Reading(client, selectors=(HOOKS, CODE), batch_entries=60)
    assert sorted(reading.read(NOW)) == sorted(names(client.entries))


def test_threads_take_short_turns_while_loki_is_read_and_never_after(monkeypatch):
    usual = sys.getswitchinterval()
    during = []
    client = MemoryPages(numbered([NOW - SECOND]))
    ask = client.query_range
    monkeypatch.setattr(client, "query_range", lambda *asked: during.append(sys.getswitchinterval()) or ask(*asked))
    assert Reading(client).read(NOW) == ["n0"]
    assert max(during) < usual
    client.fails_from_ns = 0
    with pytest.raises(SourceError):
        Reading(client).read(NOW)
    assert sys.getswitchinterval() == usual


def test_an_idle_stretch_longer_than_a_slice_is_left_behind():
    reading = Reading(MemoryPages(numbered([NOW - 1])))
    reading.read(NOW)
    assert reading.read(NOW + 29 * SECOND) == []
    assert len(reading.batches) == 1
    assert reading.read(NOW + 31 * SECOND) == []
    assert len(reading.batches) == 2
    assert reading.position["selectors"]["{}"]["through_ns"] == NOW + 31 * SECOND


def test_after_a_clock_was_set_back_new_entries_are_found():
    client = MemoryPages()
    reading = Reading(client)
    reading.read(NOW + 5000 * SECOND)
    reading.read(NOW)
    client.entries.append(entry_at(NOW + SECOND, "new"))
    assert reading.read(NOW + 2 * SECOND) == ["new"]


def test_what_was_read_before_a_failure_is_delivered_and_not_repeated_afterwards():
    client = MemoryPages(numbered([NOW - 90 * SECOND, NOW - 10 * SECOND]))
    client.fails_from_ns = NOW - 40 * SECOND
    reading = Reading(client)
    with pytest.raises(SourceError, match="http://loki: broken on purpose"):
        reading.read(NOW)
    assert [list(batch.table.frame["session_id"]) for batch in reading.batches] == [["n0"]]
    client.fails_from_ns = None
    assert reading.read(NOW) == ["n1"]


def test_after_a_long_absence_only_the_lookback_is_read():
    client = MemoryPages(numbered([NOW + 50 * SECOND, NOW + 1000 * SECOND]))
    reading = Reading(client)
    reading.read(NOW)
    client.queries.clear()
    assert reading.read(NOW + 1001 * SECOND) == ["n1"]
    assert min(start_ns for _, start_ns, _, _ in client.queries) == NOW + 901 * SECOND - 1


@pytest.mark.parametrize("position", [{"x": 1}, {"selectors": []}, {"selectors": {"{}": {"through_ns": "soon"}}}])
def test_a_position_of_another_making_is_refused(position):
    reading = Reading(MemoryPages())
    reading.position = position
    with pytest.raises(SourceError, match="position of the source loki cannot be read; delete it"):
        reading.read(NOW)


@pytest.mark.parametrize(
    ("line", "fields", "kept_line", "labels"),
    [
        ('{"a": 1, "env": "line"}', {"a": 1, "env": "line"}, "", {"service_name": "x", "env": "metadata"}),
        ("claude_code.tool_result", {"service_name": "x", "env": "metadata"}, "claude_code.tool_result", {}),
        ('{"cut": ', {"service_name": "x", "env": "metadata"}, '{"cut": ', {}),
        ('["a"]', {"service_name": "x", "env": "metadata"}, '["a"]', {}),
        ('{"a": "\\ud800"}', {"service_name": "x", "env": "metadata"}, '{"a": "\\ud800"}', {}),
        ("", {"service_name": "x", "env": "metadata"}, "", {}),
    ],
)
def test_an_entry_becomes_a_record_by_what_its_line_holds(line, fields, kept_line, labels):
    record = raw_record(LokiEntry(7, {"service_name": "x", "env": "label"}, {"env": "metadata"}, line))
    assert (dict(record.fields), record.line, dict(record.labels)) == (fields, kept_line, labels)
    assert record.time_ns == 7


def test_a_line_nested_without_end_is_a_plain_line():
    line = '{"a":' * 5000 + "1" + "}" * 5000
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(line)
    assert raw_record(LokiEntry(7, {}, {}, line)).line == line


def test_reads_through_http_with_threads_retries_and_the_server_s_page_limit():
    with running_standin(NOW, max_entries=7) as standin:
        for at in range(120):
            standin.store().add(NOW - (120 - at) * HOUR // 2, f"n{at}", {"service_name": "claude-code"}, {})
        standin.faults.extend([Fault("status", 503), Fault("cut"), Fault("close")])
        settings_ = LokiSettings(
            standin.url, selectors=(CODE,), lookback_seconds=3 * 86_400, timeout_seconds=(1.0, 5.0)
        )
        outcomes = Counter()
        with LokiClient(settings_, lambda *seen: outcomes.update([seen]), sleep=lambda _: None) as client:
            found = list(LokiSource(client, settings_, decode, batch_entries=30).read({}, NOW))
    assert [name for batch in found for name in batch.table.frame["session_id"]] == [f"n{at}" for at in range(120)]
    assert outcomes[("query_range", "retried")] >= 3
    assert outcomes[("query_range", "failed")] == 0
