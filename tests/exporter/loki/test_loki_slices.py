import threading

import pytest

from exporter.loki.errors import LokiError
from exporter.loki.slices import SHORTEST_SLICE_NS, ReadAhead, Slice, read_slices
from tests.loki_pages import entry_at

MINUTE = SHORTEST_SLICE_NS
AHEAD = ReadAhead(threads=3, longest_ns=60 * MINUTE, plenty=100)


class Reader:
    """Reads slices; one that begins before ``dense_until_ns`` holds more than its budget beyond ``most_ns``."""

    def __init__(self, dense_until_ns=0, most_ns=60 * MINUTE):
        self.dense_until_ns, self.most_ns = dense_until_ns, most_ns
        self.started, self.fails_at = [], None
        self.lock = threading.Lock()

    def __call__(self, start_ns, end_ns):
        with self.lock:
            self.started.append((start_ns, end_ns))
        if self.fails_at is not None and start_ns >= self.fails_at:
            raise LokiError("broken on purpose")
        if start_ns < self.dense_until_ns:
            end_ns = min(end_ns, start_ns + self.most_ns)
        entries = [entry_at(start_ns, "x")] * (100 if start_ns < self.dense_until_ns else 1)
        return Slice({"{}": entries}, end_ns)


def spans(found, start_ns=0):
    ends = [part.reached_ns for part in found]
    return list(zip([start_ns, *ends], ends, strict=False))


def test_slices_come_in_order_without_gaps():
    found = list(read_slices(Reader(), (0, 600 * MINUTE), AHEAD))
    assert spans(found) == [(at * 60 * MINUTE, (at + 1) * 60 * MINUTE) for at in range(10)]


def test_a_slice_that_stopped_early_is_continued_before_the_next():
    reader = Reader(dense_until_ns=60 * MINUTE, most_ns=25 * MINUTE)
    found = list(read_slices(reader, (0, 120 * MINUTE), AHEAD))
    assert [start // MINUTE for start, _ in spans(found)] == [0, 25, 50, 60]


def test_slices_shrink_where_much_lies_and_grow_again():
    reader = Reader(dense_until_ns=600 * MINUTE, most_ns=10 * MINUTE)
    list(read_slices(reader, (0, 3000 * MINUTE), AHEAD))
    dense = [(end - start) // MINUTE for start, end in reader.started if 300 * MINUTE <= start < 600 * MINUTE]
    sparse = [(end - start) // MINUTE for start, end in reader.started if start >= 1200 * MINUTE]
    assert max(dense) <= 10
    assert max(sparse) == 60


def test_no_more_slices_are_under_way_than_threads_allow():
    reader = Reader()
    slices = read_slices(reader, (0, 6000 * MINUTE), AHEAD)
    next(slices)
    assert len(reader.started) <= 3
    slices.close()
    assert len(reader.started) <= 3


def test_slices_before_a_failure_are_delivered():
    reader = Reader()
    reader.fails_at = 120 * MINUTE
    slices = read_slices(reader, (0, 600 * MINUTE), AHEAD)
    assert [next(slices).reached_ns // MINUTE for _ in range(2)] == [60, 120]
    with pytest.raises(LokiError, match="broken on purpose"):
        next(slices)


def test_an_empty_span_reads_nothing():
    reader = Reader()
    assert list(read_slices(reader, (5, 5), AHEAD)) == []
    assert reader.started == []
