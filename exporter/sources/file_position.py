"""Where a followed file stands, and how it is known again after it grew, was renamed, compressed or replaced."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from hashlib import blake2b
from operator import attrgetter
from typing import Any, Final

from exporter.sources.source import SourceError

HEAD_BYTES: Final = 1024
"""How much of a file's beginning, uncompressed, its fingerprint covers."""

_TELLING_BYTES: Final = 64
"""A shorter beginning may be shared by chance: it confirms a file, but finds none under a new inode."""


@dataclass(frozen=True, slots=True)
class FilePosition:
    """How far one file has been read.

    Attributes:
        path: where it was when last read; its inode, not this, decides whether a file is the same.
        inode: of the file; 0 where the file system has none.
        size: bytes, as it was when last read.
        mtime_ns: its time of change then, 0 while it has not been read to its end.
        offset: what is done with: uncompressed bytes, or elements of an array file.
        fingerprint: length and hash of the first bytes, uncompressed, as far as they are done with.
        format: name of the decoder its records need, "" while none was recognised.
        in_long_line: ``offset`` stands inside a line that is too long and has been counted.
    """

    path: str
    inode: int
    size: int = 0
    mtime_ns: int = 0
    offset: int = 0
    fingerprint: str = "0:"
    format: str = ""
    in_long_line: bool = False

    @classmethod
    def from_json(cls, entry: Any) -> FilePosition:
        """An entry of a stored position; raises ``SourceError`` when it is none."""
        try:
            return cls(**entry)
        except TypeError as error:
            raise SourceError(
                f"stored position of the local source is unreadable ({error}); remove it to read all files anew"
            ) from error

    def to_json(self) -> dict[str, Any]:
        """The entry to store."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Glimpse:
    """What one look at a file shows: where and which it is, and how it begins.

    Attributes:
        path: where it is now.
        inode: which file it is.
        size: bytes.
        mtime_ns: its time of change.
        layout: how it holds its records, see ``exporter.sources.files.layout``.
        head: its first bytes, uncompressed, at most ``HEAD_BYTES``.
    """

    path: str
    inode: int
    size: int
    mtime_ns: int
    layout: str
    head: bytes

    def position_at(self, offset: int) -> FilePosition:
        """Where the file stands, not at its end, once ``offset`` is done with; ``format`` is left to the caller."""
        # An array grows before its closing bracket, so that bracket is no part of what stays.
        lasting = self.head.rstrip(b"] \t\r\n") if self.layout == "array" else self.head[:offset]
        return FilePosition(
            path=self.path,
            inode=self.inode,
            size=self.size,
            offset=offset,
            fingerprint=fingerprint(lasting, HEAD_BYTES),
        )

    def position_at_end(self, position: FilePosition) -> FilePosition:
        """Where the file stands after its last piece: what may follow ``position`` now cannot be used yet."""
        return replace(position, path=self.path, size=self.size, mtime_ns=self.mtime_ns)

    def continues(self, position: FilePosition) -> bool:
        """Whether the file begins as the one ``position`` speaks of, and is not shorter than it was."""
        length = covered_bytes(position.fingerprint)
        is_shorter = self.layout == "lines" and self.size < position.offset
        return not is_shorter and fingerprint(self.head, length) == position.fingerprint


def fingerprint(head: bytes, length: int) -> str:
    """The fingerprint of the first ``length`` bytes, or of the whole head if that is shorter."""
    covered = head[:length]
    return f"{len(covered)}:{blake2b(covered, digest_size=8).hexdigest()}" if covered else "0:"


def covered_bytes(mark: str) -> int:
    """How many bytes a fingerprint covers."""
    return int(mark.partition(":")[0])


class KnownFiles:
    """The stored positions, to be claimed one by one by the files they belong to.

    Rotation renames a file (same inode), or copies or compresses it (same beginning under another inode); in each
    case reading goes on where it stood. A file that was emptied or replaced keeps its path, and perhaps its inode,
    but not its beginning: it is a new file.
    """

    def __init__(self, positions: Iterable[FilePosition]) -> None:
        self._unclaimed = dict.fromkeys(positions)
        self._with_inode: dict[int, list[FilePosition]] = {}
        self._with_fingerprint: dict[str, list[FilePosition]] = {}
        self._lengths: set[int] = set()
        for position in self._unclaimed:
            self._with_inode.setdefault(position.inode, []).append(position)
            length = covered_bytes(position.fingerprint)
            if length >= _TELLING_BYTES:
                self._with_fingerprint.setdefault(position.fingerprint, []).append(position)
                self._lengths.add(length)

    @property
    def unclaimed(self) -> list[FilePosition]:
        """Positions no file has claimed, in the order they were stored: their files are gone or out of reach."""
        return list(self._unclaimed)

    def claim_unchanged(self, path: str, status: os.stat_result) -> FilePosition | None:
        """The position of a file that has not changed in any way since it was read to its end."""
        for position in self._with_inode.get(status.st_ino, ()):
            seen = (position.path, position.size, position.mtime_ns)
            if seen == (path, status.st_size, status.st_mtime_ns):
                return self._claim(position)
        return None

    def claim_same(self, glimpse: Glimpse) -> FilePosition | None:
        """The position of the same file, grown or renamed: its inode and beginning are known."""
        return self._claim_furthest(self._with_inode.get(glimpse.inode, ()), glimpse)

    def claim_moved(self, glimpse: Glimpse) -> FilePosition | None:
        """The position of a file that went on under another inode: its beginning is known and not in use."""
        for length in sorted(self._lengths, reverse=True):
            candidates = self._with_fingerprint.get(fingerprint(glimpse.head, length), ())
            position = self._claim_furthest(candidates, glimpse)
            if position:
                return position
        return None

    def _claim_furthest(self, candidates: Iterable[FilePosition], glimpse: Glimpse) -> FilePosition | None:
        fitting = [position for position in candidates if position in self._unclaimed and glimpse.continues(position)]
        return self._claim(max(fitting, key=attrgetter("offset"))) if fitting else None

    def _claim(self, position: FilePosition) -> FilePosition:
        self._unclaimed.pop(position, None)
        return position
