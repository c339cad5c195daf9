"""What one file holds beyond a position: lines, gzip-compressed lines, or the elements of a JSON array.

Errors: ``DamagedFileError`` for content that cannot be read on, ``OSError`` as the system raises it.
"""

from __future__ import annotations

import os
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO, Final

import orjson

from exporter.sources.file_position import HEAD_BYTES, FilePosition, Glimpse
from exporter.sources.files import FoundFile, layout
from exporter.sources.gunzip import Gunzip
from exporter.sources.lines import BYTE_ORDER_MARK, JsonObject, LineCutter, parse_lines

_GZIP_BLOCK_BYTES: Final = 65_536


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """Bounds on memory.

    Attributes:
        max_line_bytes: longer lines are skipped and counted as ``line_too_long``.
        block_bytes: how much of a file is read, or uncompressed, at once.
        max_array_bytes: a JSON array must be read whole; a larger file is refused.
        batch_records: a batch ends with the block that brings it to this many records …
        batch_bytes: … or to this many bytes of JSON.
    """

    max_line_bytes: int = 1_048_576
    block_bytes: int = 262_144
    max_array_bytes: int = 67_108_864
    batch_records: int = 50_000
    batch_bytes: int = 33_554_432


class DamagedFileError(ValueError):
    """Content that cannot be read on; the message says what is wrong with it and what to do.

    ``reason`` is the word it is counted by, "" when it may only be unfinished.
    """

    def __init__(self, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a file's records.

    Attributes:
        records: in the order of the file.
        position: where the file stands after them.
        dropped: what was no record, by reason.
        size: bytes of JSON they were read from.
        share: of what was to be read in this file, the share that is done, 0…1.
    """

    records: list[JsonObject]
    position: FilePosition
    dropped: Counter[str] = field(default_factory=Counter)
    size: int = 0
    share: float = 1.0


def look(found: FoundFile) -> Glimpse:
    """Which file is at a path, and how it begins; raises ``OSError`` if it cannot be read."""
    with Path(found.path).open("rb") as file:
        status = os.fstat(file.fileno())
        start = file.read(min(HEAD_BYTES, status.st_size))
        kind = layout(found, start)
        if kind == "gzip":
            file.seek(0)
            start = _uncompressed_start(file, status.st_size)
    return Glimpse(found.path, status.st_ino, status.st_size, status.st_mtime_ns, kind, start)


def _uncompressed_start(file: BinaryIO, size: int) -> bytes:
    gunzip = Gunzip(HEAD_BYTES)
    start = b""
    try:
        for data in _blocks(file, size, _GZIP_BLOCK_BYTES):
            for block in gunzip.feed(data):
                start += block
                if len(start) >= HEAD_BYTES:
                    return start[:HEAD_BYTES]
    except zlib.error:
        return start  # reading the file will name the damage; what came before it still tells which file it is
    return start


class Tail:
    """Reads on in one file.

    Args:
        glimpse: the file as it was seen; what is appended later waits for the next look.
        start: where to read on.
        limits: bounds on memory.
        is_final: nothing will be appended: an unfinished last line is taken as it is.
    """

    def __init__(self, glimpse: Glimpse, start: FilePosition, limits: ReadLimits, *, is_final: bool) -> None:
        self._glimpse = glimpse
        self._start = start
        self._limits = limits
        self._is_final = is_final

    def pieces(self) -> Iterator[Piece]:
        """The records beyond the start, piece by piece.

        Raises:
            DamagedFileError: for damaged gzip data, or an array that is unfinished or too large. Pieces before
                it stand; of gzip data the block that holds the damage is lost.
            FileNotFoundError: if the file is gone or another has taken its path.
            OSError: if the file cannot be read.
        """
        with Path(self._glimpse.path).open("rb") as file:
            if os.fstat(file.fileno()).st_ino != self._glimpse.inode:
                raise FileNotFoundError(self._glimpse.path)
            if self._glimpse.layout == "array":
                yield self._read_array(file)
            elif self._glimpse.layout == "gzip":
                yield from self._read_gzip(file)
            else:
                yield from self._read_lines(file)

    def _read_lines(self, file: BinaryIO) -> Iterator[Piece]:
        offset = self._start.offset
        cutter = LineCutter(self._limits.max_line_bytes, in_long_line=self._start.in_long_line)
        file.seek(offset)
        for block in _blocks(file, self._glimpse.size - offset, self._limits.block_bytes):
            lines = cutter.feed(block)
            yield self._piece(cutter, offset, lines, (len(block), file.tell()))
        yield from self._last_piece(cutter, offset, is_complete=self._is_final)

    def _read_gzip(self, file: BinaryIO) -> Iterator[Piece]:
        """Uncompress from the beginning and skip what is done: gzip data cannot be entered in the middle."""
        offset = to_skip = self._start.offset
        cutter = LineCutter(self._limits.max_line_bytes, in_long_line=self._start.in_long_line)
        gunzip = Gunzip(self._limits.block_bytes)
        try:
            for data in _blocks(file, self._glimpse.size, _GZIP_BLOCK_BYTES):
                for whole in gunzip.feed(data):
                    block = whole[to_skip:]
                    to_skip = max(0, to_skip - len(whole))
                    if block:
                        yield self._piece(cutter, offset, cutter.feed(block), (len(block), file.tell()))
        except zlib.error as error:
            raise DamagedFileError("is damaged gzip data; compress it anew", "bad_gzip") from error
        if to_skip:  # shorter than it was: written anew with the same beginning
            self._start = replace(self._start, offset=0, in_long_line=False)
            file.seek(0)
            yield from self._read_gzip(file)
        else:
            yield from self._last_piece(cutter, offset, is_complete=gunzip.is_complete)

    def _piece(self, cutter: LineCutter, offset: int, lines: list[bytes], block: tuple[int, int]) -> Piece:
        """The piece made of some lines; ``block`` is the size of their block and where the file stands."""
        dropped: Counter[str] = Counter()
        records = parse_lines(lines, dropped)
        if cutter.too_long:
            dropped["line_too_long"] = cutter.too_long
            cutter.too_long = 0
        position = self._glimpse.position_at(offset + cutter.consumed)
        if cutter.in_long_line:
            position = replace(position, in_long_line=True)
        size, reached = block
        first = offset if self._glimpse.layout == "lines" else 0
        share = (reached - first) / max(1, self._glimpse.size - first)
        return Piece(records, position, dropped, size, share)

    def _last_piece(self, cutter: LineCutter, offset: int, *, is_complete: bool) -> Iterator[Piece]:
        """An unfinished last line, where nothing will finish it and it is a record."""
        rest = cutter.rest
        if not rest or not (is_complete or self._is_final):
            return
        dropped: Counter[str] = Counter()
        records = parse_lines([rest], dropped)
        if records or self._is_final:
            end = offset + cutter.consumed + len(rest)
            yield Piece(records, self._glimpse.position_at(end), dropped, len(rest))

    def _read_array(self, file: BinaryIO) -> Piece:
        if self._glimpse.size > self._limits.max_array_bytes:
            limit = self._limits.max_array_bytes // 1_048_576
            raise DamagedFileError(
                f"is a JSON array of more than {limit} MiB; write JSON lines instead", "array_too_large"
            )
        content = file.read(self._glimpse.size)
        try:
            elements = orjson.loads(content.removeprefix(BYTE_ORDER_MARK))
        except orjson.JSONDecodeError as error:
            reason = "bad_json" if self._is_final else ""
            raise DamagedFileError("is no complete JSON array (its writer may be at work)", reason) from error
        done = self._start.offset if self._start.offset <= len(elements) else 0
        records = [element for element in elements[done:] if isinstance(element, dict)]
        dropped = Counter({"not_an_object": len(elements) - done - len(records)})
        position = self._glimpse.position_at(len(elements))
        return Piece(records, position, +dropped, len(content))


def _blocks(file: BinaryIO, size: int, block_bytes: int) -> Iterator[bytes]:
    """The next ``size`` bytes of a file, block by block; fewer if it has been cut."""
    while size > 0 and (block := file.read(min(block_bytes, size))):
        size -= len(block)
        yield block
