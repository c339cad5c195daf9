import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.loki.entry import LokiEntry, Page
from exporter.loki.errors import LokiLimit
from exporter.loki.paging import read_pages, read_span
from exporter.loki.reply import parse_entries
from exporter.loki.transport import LokiReply
from tests.loki_pages import MemoryPages, entry_at, numbered

RECORDINGS = Path(__file__).parents[4] / "shared" / "recordings" / "loki-3.7.6"


def read_all(client, end_ns=100):
    return [entry for page in read_pages(client, "{}", 0, end_ns) for entry in page]


def lines(entries):
    return sorted(entry.line for entry in entries)


@settings(max_examples=150, deadline=None)
@given(times=st.lists(st.integers(0, 12), max_size=60), limit=st.integers(1, 9))
def test_every_entry_comes_exactly_once_and_in_order_whatever_shares_a_nanosecond(times, limit):
    entries = numbered(times)
    found = read_all(MemoryPages(entries, page_limit=limit))
    assert lines(found) == lines(entries)
    assert [entry.time_ns for entry in found] == sorted(times)


@settings(max_examples=150, deadline=None)
@given(
    times=st.lists(st.integers(0, 12), max_size=60),
    limit=st.integers(1, 9),
    budget=st.integers(1, 20),
    length=st.integers(1, 13),
)
def test_spans_read_in_slices_with_a_budget_lose_and_repeat_nothing(times, limit, budget, length):
    entries = numbered(times)
    client = MemoryPages(entries, page_limit=limit)
    found, start = [], 0
    while start < 13:
        end = min(13, start + length)
        some, reached = read_span(client, "{}", (start, end), budget)
        assert start < reached <= end
        assert all(start <= entry.time_ns < reached for entry in some)
        found += some
        start = reached
    assert lines(found) == lines(entries)
    assert [entry.time_ns for entry in found] == sorted(times)


def test_a_budget_bounds_what_a_span_holds_in_memory():
    found, reached = read_span(MemoryPages(numbered(range(1000)), page_limit=10), "{}", (0, 1000), 50)
    assert [entry.time_ns for entry in found] == list(range(reached))
    assert 50 <= len(found) < 50 + 10


def test_more_entries_in_one_nanosecond_than_the_server_gives_are_an_error_that_names_the_limit():
    client = MemoryPages(numbered([3] * 20), page_limit=4, max_entries=10)
    with pytest.raises(LokiLimit, match="more than 10 entries share the time 3 ns") as caught:
        read_all(client)
    assert caught.value.limit == "max_entries_limit_per_query"
    assert len(client.queries) < 10


def test_as_many_entries_in_one_nanosecond_as_just_fit_are_read():
    client = MemoryPages([*numbered([3] * 9), entry_at(4, "after")], page_limit=2, max_entries=10)
    assert len(read_all(client)) == 10


def test_the_limit_returns_to_normal_after_a_crowded_nanosecond():
    client = MemoryPages(numbered([3] * 9 + list(range(10, 40))), page_limit=4)
    read_all(client)
    assert client.queries[-1][3] == 4


def test_an_empty_span_asks_nothing():
    client = MemoryPages(numbered([1]))
    assert list(read_pages(client, "{}", 5, 5)) == []
    assert client.queries == []


@pytest.mark.skipif(not RECORDINGS.is_dir(), reason="needs the recordings in ../shared/recordings")
def test_recorded_pages_that_split_a_nanosecond_lose_and_repeat_nothing():
    class Recorded:
        page_limit = 5

        def query_range(self, _query, start_ns, _end_ns, limit):
            for name in ("page_1_of_limit_5", "page_2_from_last_timestamp"):
                recording = json.loads((RECORDINGS / f"{name}.json").read_text())
                if recording["request"]["params"]["start"] == str(start_ns):
                    body = json.dumps(recording["response"]["body"]).encode()
                    return Page(parse_entries(LokiReply(200, "application/json", body), "url"), limit)
            return Page([LokiEntry(start_ns, {}, {}, "the next page")], limit)

    pages = read_pages(Recorded(), "{}", 1795250720729125888, 1795250781729125888)
    sequences = [entry.metadata.get("event_sequence") for page in pages for entry in page]
    assert sequences == ["0", "1", "2", "3", "4", "5", "6", "7", None]


class ChunkedPages(MemoryPages):
    """Leaves out, as Loki 3 does, the chunk whose last entry has the millisecond that a query starts at."""

    chunk_entries = 3

    def query_range(self, query, start_ns, end_ns, limit):
        held = sorted(self.entries, key=lambda entry: entry.time_ns)
        chunks = [held[at : at + self.chunk_entries] for at in range(0, len(held), self.chunk_entries)]
        shown = [chunk for chunk in chunks if chunk[-1].time_ns // 1_000_000 > start_ns // 1_000_000]
        return MemoryPages([entry for chunk in shown for entry in chunk]).query_range(query, start_ns, end_ns, limit)


@settings(max_examples=100, deadline=None)
@given(milliseconds=st.lists(st.integers(1, 15), max_size=40), limit=st.integers(1, 9))
def test_entries_at_the_end_of_a_chunk_that_a_page_begins_with_are_not_lost(milliseconds, limit):
    entries = numbered([at * 1_000_000 for at in milliseconds])
    found = read_all(ChunkedPages(entries, page_limit=limit), 20_000_000)
    assert lines(found) == lines(entries)
