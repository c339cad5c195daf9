"""A source shared by several exporters: each event is one's, once, also when they become more or fewer."""

import json
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.events import EventTable
from analytics.intake import Intake, build_event_table
from exporter.decoders import decode_to_table
from exporter.decoders.decoder import RawRecord
from exporter.shards import WHOLE, Shard
from exporter.sources.local import LocalSource
from exporter.sources.sharded import ShardDecoding, ShardedSource
from exporter.sources.source import SourceError
from tests.builders import record
from tests.exporter.running import write_lines
from tests.exporter.worlds import Lines

UUIDS = [f"5f0c8a5{digit}-9a58-4d0e-8d5f-6d6a1f6f0001" for digit in "0123456789abcdef"]
IDS = st.sampled_from([*UUIDS, *(one.upper() for one in UUIDS), "s1", "s2", "session-7", "ü", "a/b", "\u212a", " x"])
COUNTS = (1, 2, 3, 5)


def shards(count):
    return [Shard(number, count) for number in range(1, count + 1)]


def records_of(ids):
    return [record("notification", at, session_id=one, n=at) for at, one in enumerate(ids)]


def numbers(table):
    """Which records became the rows of a table: each carries its number."""
    return [json.loads(one)["n"] for one in table.values("attributes")]


class Reader:
    """An exporter's side of a source: positions go through JSON, as the state keeps them."""

    def __init__(self):
        self.position = {}
        self.read_numbers = []
        self.dropped = Counter()

    def read(self, source, shard, batches=None):
        for number, batch in enumerate(ShardedSource(source, shard).read(self.position, 0), start=1):
            self.position = json.loads(json.dumps(batch.position))
            self.read_numbers += numbers(batch.table)
            self.dropped.update(batch.dropped)
            if number == batches:
                return


@pytest.mark.parametrize("count", COUNTS)
@settings(max_examples=30, deadline=None)
@given(ids=st.lists(IDS, max_size=60), batch=st.integers(1, 20))
def test_all_shards_together_read_each_event_once_and_sessions_whole(count, ids, batch):
    source = Lines(records_of(ids), batch)
    readers = [Reader() for _ in range(count)]
    for reader, shard in zip(readers, shards(count), strict=True):
        reader.read(source, shard)
    everything = [number for reader in readers for number in reader.read_numbers]
    assert sorted(everything) == list(range(len(ids)))
    sessions = [{ids[number] for number in reader.read_numbers} for reader in readers]
    assert sum(map(len, sessions)) == len(set(ids))


@settings(max_examples=60, deadline=None)
@given(
    ids=st.lists(IDS, min_size=1, max_size=60),
    changes=st.lists(
        st.tuples(st.sampled_from([one for count in COUNTS for one in shards(count)]), st.integers(1, 4)), max_size=6
    ),
)
def test_one_exporter_whose_shard_changes_at_any_moment_reads_what_was_ever_its_own_once(ids, changes):
    records = records_of(ids)
    source, reader, had = Lines([], 3), Reader(), set()
    steps = [*changes, (WHOLE, None)]
    for step, (shard, batches) in enumerate(steps, start=1):
        source.records = records[: len(records) * step // len(steps)]
        reader.read(source, shard, batches)
        assert len(reader.read_numbers) == len(set(reader.read_numbers))
        assert {ids[number] for number in reader.read_numbers} - had <= {one for one in ids if shard.has(one)}
        had = {ids[number] for number in reader.read_numbers}
    assert sorted(reader.read_numbers) == list(range(len(ids)))
    assert "parts" not in reader.position


def test_sessions_that_come_to_a_shard_are_read_from_the_beginning_and_its_own_go_on():
    ids = UUIDS[:6] * 2
    source, reader = Lines(records_of(ids), 100), Reader()
    reader.read(source, Shard(1, 2))
    assert [ids[number][7] for number in reader.read_numbers] == ["0", "2", "4"] * 2
    source.records += records_of(UUIDS[:6] * 3)[12:]
    reader.read_numbers.clear()
    reader.read(source, Shard(1, 3))
    # 0 goes on, 3 comes, 2 and 4 are another's now.
    assert sorted(reader.read_numbers) == [3, 9, 12, 15]


def test_what_cannot_be_used_is_counted_by_the_first_shard_alone():
    broken = [{"event": "x"}, {"session_id": "s2", "event": "x"}, "no object"]
    readers = {shard: Reader() for shard in shards(3)}
    for shard, reader in readers.items():
        reader.read(Lines(broken), shard)
    assert readers[Shard(1, 3)].dropped.total() == 3
    assert [readers[Shard(number, 3)].dropped.total() for number in (2, 3)] == [0, 0]


def test_files_are_shared_too(tmp_path):
    path = write_lines(tmp_path / "a.jsonl", records_of(UUIDS * 3))
    readers = [Reader() for _ in range(3)]

    def read_all():
        for reader, shard in zip(readers, shards(3), strict=True):
            reader.read(LocalSource([tmp_path]), shard)

    read_all()
    write_lines(path, records_of(UUIDS * 4)[48:])
    write_lines(tmp_path / "b.jsonl", records_of(UUIDS * 5)[64:])
    read_all()
    assert sorted(number for reader in readers for number in reader.read_numbers) == list(range(80))


def test_a_position_from_before_there_were_shards_is_read_on(tmp_path):
    path = write_lines(tmp_path / "a.jsonl", records_of(UUIDS))
    (batch,) = LocalSource([tmp_path]).read({}, 0)
    write_lines(path, records_of(UUIDS * 2)[16:])
    reader = Reader()
    reader.position = batch.position
    reader.read(LocalSource([tmp_path]), Shard(1, 2))
    assert reader.read_numbers == list(range(16, 32, 2))


@pytest.mark.parametrize("parts", [None, [{}], [{"keys": "01", "position": {}}], [{"keys": 3, "position": 4}], ["x"]])
def test_a_position_of_another_making_is_refused(parts):
    with pytest.raises(SourceError, match="position of a sharded source cannot be read; delete it"):
        list(ShardedSource(Lines([]), WHOLE).read({"parts": parts}, 0))


def test_progress_grows_to_the_end_though_two_stretches_are_read():
    source, reader = Lines(records_of(UUIDS), 4), Reader()
    reader.read(source, Shard(1, 2))
    source.records += records_of(UUIDS * 2)[16:]
    shares = [batch.progress for batch in ShardedSource(source, WHOLE).read(reader.position, 0)]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def decode(records):
    """The records' fields as native lines; one without an event cannot be used."""
    return build_event_table([dict(one.fields) for one in records], "test")


def raw(session_id, *, line="claude_code.x", **fields):
    native = {"timestamp": 1_790_000_000, "session_id": session_id, "event": "x", **fields}
    return RawRecord(native, line) if line else RawRecord(native, "", labels={"service_name": "x"})


def test_a_shard_decodes_what_it_was_sent_and_keeps_its_own():
    records = [raw("s0"), raw("s1"), raw("s1", line=""), raw("s2", line=""), raw("s4", line="")]
    kept = [ShardDecoding(decode, shard)(records).table for shard in shards(3)]
    assert [list(table.frame["session_id"]) for table in kept] == [["s0"], ["s1", "s1", "s4"], ["s2"]]


def test_lines_that_every_shard_is_sent_are_counted_by_the_first_and_others_by_whom_they_were_sent_to():
    lost = {"event": None}
    records = [raw("s1", **lost), raw("s1", line="", **lost), raw("s1", line='{"cut', **lost)]
    dropped = [ShardDecoding(decode, shard)(records).dropped for shard in shards(2)]
    assert [one["missing_event"] for one in dropped] == [3, 1]


def test_nothing_to_decode_gives_nothing():
    intake = ShardDecoding(decode_to_table, Shard(2, 2))([])
    assert isinstance(intake, Intake)
    assert len(intake.table) == 0
    assert replace(intake, table=EventTable.empty()).dropped == Counter()
