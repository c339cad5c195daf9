"""What the local source makes of a file's content: gzip data, arrays, unusable lines, and formats."""

from __future__ import annotations

import gzip

import orjson
import pytest

from exporter.sources.tail import ReadLimits
from tests.exporter.sources.local_reader import Reader, append, line, lines


@pytest.fixture
def file(tmp_path):
    return tmp_path / "events.jsonl"


def test_a_gzip_file_grows_by_members_and_by_halves(tmp_path):
    file = tmp_path / "events.jsonl.gz"
    reader = Reader(file)
    second = gzip.compress(lines(*range(3, 500)))
    file.write_bytes(gzip.compress(lines(1, 2)) + second[:-40])
    early = reader.read()
    assert early[:2] == [1, 2]
    append(file, second[-40:])
    reader.restart()
    assert early + reader.read() == list(range(1, 500))


def test_a_gzip_file_needs_no_newline_at_its_end(tmp_path):
    file = tmp_path / "events.jsonl.gz"
    reader = Reader(file)
    file.write_bytes(gzip.compress(lines(1, 2)[:-1]))
    assert reader.read() == [1, 2]
    append(file, gzip.compress(b"\n" + lines(3)))
    assert reader.read() == [3]


def test_a_gzip_file_written_anew_and_shorter_is_read_from_its_start(tmp_path):
    file = tmp_path / "events.jsonl.gz"
    reader = Reader(file)
    first = list(range(1, 60))
    file.write_bytes(gzip.compress(lines(*first)))
    reader.read()
    file.write_bytes(gzip.compress(lines(*first[:30])))
    assert reader.read() == first[:30]


def test_damaged_gzip_data_is_reported_and_stops_no_other_file(tmp_path):
    content = bytearray(gzip.compress(lines(*range(200))))
    content[-6] ^= 0xFF  # the checksum
    (tmp_path / "a.jsonl.gz").write_bytes(bytes(content))
    (tmp_path / "b.jsonl").write_bytes(lines(1000))
    reader = Reader(tmp_path, limits=ReadLimits(block_bytes=64))
    *saved, other = reader.read()
    assert saved == list(range(len(saved)))
    assert len(saved) >= 198, "only the block that holds the damage is lost"
    assert other == 1000
    assert reader.dropped == {"bad_gzip": 1}
    assert reader.read() == []
    (problem,) = reader.source.problems
    assert problem.startswith(f"{tmp_path}/a.jsonl.gz: ")


def test_a_zip_bomb_passes_in_bounded_pieces(tmp_path):
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(b"0" * 50_000_000 + b"\n" + lines(1)))
    reader = Reader(tmp_path)
    assert reader.read() == [1]
    assert reader.dropped == {"line_too_long": 1}


def test_unusable_lines_are_counted_by_reason(file):
    torn = [b'{"a":', b"\xff\xfe{}", b'{"a":"\x00"}', b"\x00\x00", b'{"a":"\xc3\x28"}', b"{} {}", b"NaN"]
    file.write_bytes(b"\n".join([*torn, b"[1]", b"7", b'"text"', b"", b"  \t\r"]) + b"\n" + lines(1))
    reader = Reader(file)
    assert reader.read() == [1]
    assert reader.dropped == {"bad_json": len(torn), "not_an_object": 3}


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(file):
    file.write_bytes(b"\xef\xbb\xbf" + lines(1, 2).replace(b"\n", b"\r\n"))
    reader = Reader(file)
    assert reader.read() == [1, 2]
    assert not reader.dropped


def test_nesting_too_deep_to_parse_is_bad_json(file):
    file.write_bytes(b"[" * 100_000 + b"\n" + lines(1))
    reader = Reader(file)
    assert reader.read() == [1]
    assert reader.dropped == {"bad_json": 1}


def test_a_line_that_is_too_long_is_counted_once_however_it_arrives(file):
    reader = Reader(file, limits=ReadLimits(max_line_bytes=1000, block_bytes=64))
    file.write_bytes(lines(1) + b"x" * 5000)
    assert reader.read() == [1]
    append(file, b"x" * 5000)
    reader.restart()
    assert reader.read() == []
    append(file, b'"}\n' + lines(2))
    assert reader.read() == [2]
    assert reader.dropped == {"line_too_long": 1}


def test_a_json_array_is_read_on_by_elements_as_its_writer_rewrites_it(tmp_path):
    file = tmp_path / "post_tool_use.json"
    reader = Reader(tmp_path)
    for count in (0, 1, 2, 2, 40):
        file.write_bytes(orjson.dumps([line(n) for n in range(count)], option=orjson.OPT_INDENT_2))
        before = reader.position
        expected = list(range(before["files"][0]["offset"] if before else 0, count))
        assert reader.read() == expected
        reader.restart()
    file.write_bytes(orjson.dumps([line(7), 3, None]))
    assert reader.read() == [7]
    assert reader.dropped == {"not_an_object": 2}


def test_an_array_that_is_being_written_is_read_when_it_is_whole(tmp_path):
    file = tmp_path / "log.json"
    whole = orjson.dumps([line(1), line(2)])
    file.write_bytes(whole[:60])
    reader = Reader(tmp_path)
    assert reader.read() == []
    assert not reader.dropped
    assert "no complete JSON array" in reader.source.problems[0]
    file.write_bytes(whole)
    assert reader.read() == [1, 2]
    assert reader.source.problems == ()


def test_an_array_too_large_to_hold_is_refused(tmp_path):
    (tmp_path / "log.json").write_bytes(orjson.dumps([line(n) for n in range(100)]))
    reader = Reader(tmp_path, limits=ReadLimits(max_array_bytes=1000))
    assert reader.read() == []
    assert reader.dropped == {"array_too_large": 1}


def test_a_json_file_given_by_name_may_hold_lines(tmp_path):
    file = tmp_path / "otel.json"
    file.write_bytes(lines(1, 2))
    assert Reader(file).read() == [1, 2]


def test_the_first_recognised_record_decides_the_format_of_the_file(tmp_path, file):
    bookkeeping = b'{"summary":"x"}\n' * 50
    file.write_bytes(bookkeeping + b'{"kind":1,"number":1}\n{"number":2}\n')
    (tmp_path / "native.jsonl").write_bytes(lines(3))
    reader = Reader(tmp_path)
    assert reader.read() == [1, 2, 3]
    assert reader.sources == ["foreign", "foreign", "native"]
    append(file, b'{"number":4}\n')
    assert reader.read() == [4]
    assert reader.sources[-1] == "foreign"


def test_a_file_no_decoder_knows_is_decoded_record_by_record(file):
    file.write_bytes(b'{"number":1}\n' * 300)
    reader = Reader(file)
    reader.read()
    assert set(reader.sources) == {"each by itself"}
    append(file, b'{"kind":1,"number":2}\n')
    reader.read()
    assert reader.sources[-1] == "each by itself"
