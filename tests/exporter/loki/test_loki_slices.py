import threading

import pytest

from exporter.loki.errors import LokiError
from exporter.loki.slices import SHORTEST_SLICE_NS, ReadAhead, Slice, read_slices
from tests.loki_pages import entry_at

MINUTE = SHORTEST_SLICE_NS
AHEAD = ReadAhead(threads=3, longest_ns=60 * MINUTE, plenty=100, waiting=5)


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


def test_no_more_slices_are_read_ahead_than_may_wait():
    reader = Reader()
    slices = read_slices(reader, (0, 6000 * MINUTE), AHEAD)
    next(slices)
    slices.close()
    assert len(reader.started) <= 5


def test_no_more_slices_are_read_at_a_time_than_there_are_threads():
    running, most, lock = [], [], threading.Lock()
    all_three = threading.Barrier(3, timeout=5)

    def read(start_ns, end_ns):
        with lock:
            running.append(start_ns)
            most.append(len(running))
        all_three.wait()
        with lock:
            running.remove(start_ns)
        return Slice({"{}": []}, end_ns)

    list(read_slices(read, (0, 360 * MINUTE), AHEAD))
    assert max(most) == 3


def test_the_rest_of_a_slice_is_read_before_what_waits():
    reader = Reader(dense_until_ns=60 * MINUTE, most_ns=30 * MINUTE)
    waits = threading.Event()

    def read(start_ns, end_ns):
        if start_ns >= 60 * MINUTE:  # what waits keeps every thread busy until the rest has come
            assert waits.wait(5)
        return reader(start_ns, end_ns)

    slices = read_slices(read, (0, 600 * MINUTE), AHEAD)
    assert [next(slices).reached_ns // MINUTE for _ in range(2)] == [30, 60]
    waits.set()
    slices.close()


@pytest.mark.parametrize("dense_until", [0, 300 * MINUTE])
def test_slices_end_on_the_hour_or_on_a_half_or_a_quarter_of_one(dense_until):
    reader = Reader(dense_until_ns=dense_until, most_ns=10 * MINUTE)
    list(read_slices(reader, (7 * MINUTE, 1000 * MINUTE), AHEAD))
    ends = {end for _, end in reader.started} - {1000 * MINUTE}
    allowed = {3_600_000_000_000 >> halved for halved in range(6)}
    assert all(any(end % length == 0 for length in allowed) for end in ends)
    assert {end for end in ends if end > 400 * MINUTE} <= set(range(0, 1000 * MINUTE, 15 * MINUTE))


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
