"""The local source follows files: growth, rotation, loss, and positions that can be resumed from."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.sources.local import LocalSource
from exporter.sources.source import SourceError
from exporter.sources.tail import ReadLimits
from tests.exporter.sources.local_reader import FAKE, Reader, append, line, lines


@pytest.fixture
def file(tmp_path):
    return tmp_path / "events.jsonl"


def test_a_growing_file_is_read_on_where_it_stood(file):
    reader = Reader(file)
    file.write_bytes(lines(1, 2))
    assert reader.read() == [1, 2]
    assert reader.read() == []
    append(file, lines(3))
    reader.restart()
    assert reader.read() == [3]


def test_a_half_written_line_waits_for_its_newline(file):
    reader = Reader(file)
    file.write_bytes(lines(1) + lines(2)[:-1])
    assert reader.read() == [1]
    append(file, b"\n")
    assert reader.read() == [2]


def test_a_final_read_takes_an_unterminated_last_line(file):
    file.write_bytes(lines(1) + lines(2)[:-1])
    followed = Reader(file)
    followed.read()
    final = Reader(file, is_final=True)
    final.position = followed.position
    assert final.read() == [2]
    assert not final.dropped


def test_a_final_read_counts_a_torn_last_line(file):
    file.write_bytes(lines(1) + lines(2)[:20])
    reader = Reader(file, is_final=True)
    assert reader.read() == [1]
    assert reader.dropped == {"bad_json": 1}


def test_a_truncated_file_is_read_from_its_start(file):
    reader = Reader(file)
    file.write_bytes(lines(1, 2, 3))
    reader.read()
    file.write_bytes(lines(4))
    assert reader.read() == [4]


def test_a_file_replaced_by_a_longer_one_is_read_from_its_start(file):
    reader = Reader(file)
    file.write_bytes(lines(1))
    reader.read()
    file.write_bytes(lines(2, 3, 4))
    assert reader.read() == [2, 3, 4]


@pytest.mark.parametrize("rotated", ["events.jsonl.1", "events-20260102.jsonl", "z/events.jsonl"])
def test_a_renamed_file_is_not_read_twice_and_its_tail_is_not_lost(tmp_path, file, rotated):
    reader = Reader(tmp_path)
    file.write_bytes(lines(1, 2))
    assert reader.read() == [1, 2]
    append(file, lines(3))
    (tmp_path / "z").mkdir()
    file.rename(tmp_path / rotated)
    file.write_bytes(lines(4))
    reader.restart()
    assert sorted(reader.read()) == [3, 4]
    assert reader.read() == []


def test_a_file_compressed_by_rotation_is_not_read_twice(tmp_path, file):
    reader = Reader(tmp_path)
    file.write_bytes(lines(1, 2))
    reader.read()
    (tmp_path / "events.jsonl.1.gz").write_bytes(gzip.compress(lines(1, 2, 3)))
    file.unlink()
    file.write_bytes(lines(4))
    assert sorted(reader.read()) == [3, 4]


def test_a_file_copied_and_emptied_by_rotation_is_not_read_twice(tmp_path, file):
    reader = Reader(tmp_path)
    file.write_bytes(lines(1, 2))
    reader.read()
    (tmp_path / "events.jsonl.1").write_bytes(file.read_bytes())
    file.write_bytes(b"")
    append(file, lines(3))
    assert reader.read() == [3]


def test_a_second_name_of_a_file_is_not_read_again(tmp_path, file):
    file.write_bytes(lines(1))
    (tmp_path / "link.jsonl").symlink_to(file)
    os.link(file, tmp_path / "hard.jsonl")
    assert Reader(tmp_path, file, str(tmp_path / "*.jsonl")).read() == [1]


def test_new_and_deleted_files_are_taken_as_they_come(tmp_path, file):
    reader = Reader(tmp_path)
    assert reader.read() == []
    file.write_bytes(lines(1))
    (tmp_path / "other.jsonl").write_bytes(lines(2))
    assert reader.read() == [1, 2]
    file.unlink()
    (tmp_path / "third.jsonl").write_bytes(lines(3))
    assert reader.read() == [3]


def test_a_folder_that_comes_back_is_not_read_again(tmp_path):
    reader = Reader(tmp_path / "mounted", tmp_path / "else.jsonl")
    (tmp_path / "mounted").mkdir()
    (tmp_path / "mounted" / "a.jsonl").write_bytes(lines(1))
    assert reader.read() == [1]
    (tmp_path / "mounted").rename(tmp_path / "away")
    (tmp_path / "else.jsonl").write_bytes(lines(2))
    assert reader.read() == [2]
    (tmp_path / "away").rename(tmp_path / "mounted")
    assert reader.read() == []


def test_batches_are_bounded_and_each_position_covers_its_batch(tmp_path):
    for name, first in (("a", 0), ("b", 300)):
        (tmp_path / f"{name}.jsonl").write_bytes(lines(*range(first, first + 300)))
    source = LocalSource(
        [tmp_path], decoding=FAKE, limits=ReadLimits(batch_records=100, block_bytes=len(lines(10)) * 20)
    )
    batches = list(source.read({}, 0))
    assert all(len(batch.table) <= 122 for batch in batches)
    assert len(batches) >= 5
    progress = [batch.progress for batch in batches]
    assert progress == sorted(progress)
    assert progress[-1] == 1.0
    seen = 0
    for batch in batches:
        seen += len(batch.table)
        rest = [n for left in source.read(batch.position, 0) for n in left.table.values("sequence").tolist()]
        assert rest == list(range(seen, 600))


def test_many_small_files_share_a_batch(tmp_path):
    for number in range(40):
        (tmp_path / f"{number:03}.jsonl").write_bytes(lines(number))
    assert [len(batch.table) for batch in LocalSource([tmp_path], decoding=FAKE).read({}, 0)] == [40]


def _refuse(monkeypatch, refused: Path) -> None:
    opened = Path.open

    def refuse(self, *arguments, **keywords):
        if self == refused:
            raise PermissionError(13, "Permission denied", str(self))
        return opened(self, *arguments, **keywords)

    monkeypatch.setattr(Path, "open", refuse)


def test_a_file_that_cannot_be_opened_is_named_until_it_can(tmp_path, file, monkeypatch, caplog):
    file.write_bytes(lines(1))
    (tmp_path / "other.jsonl").write_bytes(lines(2))
    reader = Reader(tmp_path)
    with monkeypatch.context() as context:
        _refuse(context, file)
        assert reader.read() == [2]
        assert reader.read() == []
        assert [str(file) in problem for problem in reader.source.problems] == [True]
        assert len(caplog.records) == 1
    assert reader.read() == [1]
    assert reader.source.problems == ()


def test_when_no_file_of_a_required_path_can_be_opened_it_is_an_error(file, monkeypatch):
    file.write_bytes(lines(1))
    _refuse(monkeypatch, file)
    with pytest.raises(SourceError, match="cannot be read") as error:
        Reader(file, must_exist=True).read()
    assert str(file) in str(error.value)


def test_a_missing_path_is_an_error_only_where_it_must_exist(tmp_path):
    missing = tmp_path / "telemetry"
    assert Reader(missing).read() == []
    for path in (missing, tmp_path / "*.jsonl"):
        with pytest.raises(SourceError, match="check the path") as error:
            Reader(path, must_exist=True).read()
        assert str(path) in str(error.value)


def test_a_pipe_is_refused_rather_than_waited_for(tmp_path):
    pipe = tmp_path / "pipe.jsonl"
    os.mkfifo(pipe)
    assert Reader(tmp_path).read() == []
    with pytest.raises(SourceError, match="no regular file"):
        Reader(pipe, must_exist=True).read()


def test_a_folder_is_searched_deeply_and_only_for_telemetry(tmp_path):
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    (deep / "x.jsonl").write_bytes(lines(1))
    (deep / "y.jsonl.gz").write_bytes(gzip.compress(lines(2)))
    for name in ("notes.txt", "x.jsonl.tmp", "jsonl", "z.log"):
        (deep / name).write_bytes(lines(9))
    (deep / "settings.json").write_bytes(orjson.dumps(line(9)))
    reader = Reader(tmp_path)
    assert reader.read() == [1, 2]
    assert not reader.dropped


def test_globs_and_the_home_folder_are_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "a.log").write_bytes(lines(1))
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b.log").write_bytes(lines(2))
    assert Reader("~/a.log").read() == [1]
    assert Reader("~/**/*.log").read() == [1, 2]


def test_a_position_of_another_make_is_refused(file):
    with pytest.raises(SourceError, match="stored position"):
        list(LocalSource([file], decoding=FAKE).read({"files": [{"name": "x"}]}, 0))


CONTENT = b"".join(
    (
        lines(*range(12)),
        b"\n  \n",
        b"not json\n",
        b"y" * 700 + b"\n",
        b"[]\n",
        lines(*range(12, 24)).replace(b'"s"', '"s€"'.encode()),
    )
)
"""What must come out whatever happens on the way: 24 events, and one line of each unusable kind."""

TINY = ReadLimits(max_line_bytes=300, block_bytes=50, batch_records=5)


@settings(max_examples=40, deadline=None)
@given(cuts=st.lists(st.integers(0, len(CONTENT)), max_size=12), restarts=st.booleans())
def test_complete_lines_come_once_and_in_order_however_they_are_appended(tmp_path_factory, cuts, restarts):
    file = tmp_path_factory.mktemp("grow") / "events.jsonl"
    reader = Reader(file, limits=TINY)
    ends = [*sorted(cuts), len(CONTENT)]
    came: list[int] = []
    for start, end in zip([0, *ends], ends, strict=False):
        append(file, CONTENT[start:end])
        came += reader.read()
        if restarts:
            reader.restart()
    assert came == list(range(24))
    assert reader.dropped == {"bad_json": 1, "line_too_long": 1, "not_an_object": 1}


@settings(max_examples=15, deadline=None)
@given(
    data=st.lists(st.lists(st.integers(0, 10**6), max_size=30), min_size=1, max_size=4),
    compressed=st.booleans(),
)
def test_resuming_from_any_stored_position_gives_the_rest_once(tmp_path_factory, data, compressed):
    folder = tmp_path_factory.mktemp("resume")
    for index, numbers in enumerate(data):
        content = lines(*numbers)
        name = f"{index}.jsonl.gz" if compressed else f"{index}.jsonl"
        (folder / name).write_bytes(gzip.compress(content) if compressed else content)
    everything = [number for numbers in data for number in numbers]
    seen: list[int] = []
    for batch in LocalSource([folder], decoding=FAKE, limits=TINY).read({}, 0):
        seen += batch.table.values("sequence").tolist()
        later = LocalSource([folder], decoding=FAKE, limits=TINY).read(batch.position, 0)
        assert seen + [n for rest in later for n in rest.table.values("sequence").tolist()] == everything
    assert seen == everything


@settings(max_examples=60, deadline=None)
@given(content=st.binary(max_size=400))
def test_no_bytes_stop_a_read(tmp_path_factory, content):
    folder = tmp_path_factory.mktemp("bytes")
    for name in ("a.jsonl", "b.json"):
        (folder / name).write_bytes(content)
    (folder / "c.jsonl.gz").write_bytes(b"\x1f\x8b\x08\x00" + content)
    (folder / "d.jsonl").write_bytes(lines(1))
    assert Reader(folder, is_final=True).read()[-1] == 1
