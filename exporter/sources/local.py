"""Telemetry in local files, followed as they grow, rotate and vanish.

Reading order: ``files`` (which files) → ``scan`` and ``file_position`` (where each stands) → ``tail`` (what is new
in one) → ``record_batch`` (records become a ``Batch``).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from exporter.garbage_collection import made_at_rest
from exporter.sources.file_position import Glimpse
from exporter.sources.files import find_files
from exporter.sources.record_batch import ALL_DECODERS, Decoding, FileFormats, RecordBatch
from exporter.sources.scan import Scan
from exporter.sources.source import Batch, Position, SourceError
from exporter.sources.tail import DamagedFileError, Piece, ReadLimits, Tail

_log = logging.getLogger(__name__)


class LocalSource:
    """Reads JSON lines and JSON arrays in files, folders and globs; a ``Source``.

    A file that cannot be read is named in ``problems`` and leaves the others unharmed. The position is
    ``{"files": [...]}`` with one ``FilePosition`` a file.

    Args:
        paths: files, folders (searched with their subfolders) and globs; ``~`` is expanded.
        must_exist: whether a path that leads to nothing is an error, or just nothing to read yet.
        is_final: the files are complete: an unfinished last line is taken as it is, not kept for its newline.
        limits: bounds on memory.
        decoding: how records are recognised and decoded.
    """

    def __init__(
        self,
        paths: Sequence[str | Path],
        *,
        must_exist: bool = False,
        is_final: bool = False,
        limits: ReadLimits | None = None,
        decoding: Decoding = ALL_DECODERS,
    ) -> None:
        self._paths = tuple(paths)
        self._must_exist = must_exist
        self._is_final = is_final
        self._limits = limits or ReadLimits()
        self._decoding = decoding
        self._formats = FileFormats(self._decoding)
        self._problems = FileProblems()

    @property
    def name(self) -> str:
        """Key of the position in the state."""
        return "local"

    @property
    def problems(self) -> tuple[str, ...]:
        """One line for each file or folder that could not be read, or not to its end, at the last read."""
        return tuple(self._problems.lines.values())

    def close(self) -> None:
        """Nothing is held open between two reads."""

    def read(self, position: Position, now_ns: int) -> Iterator[Batch]:  # noqa: ARG002 - a file ends at now
        """Yield what was added to the files since ``position``, file by file in order of name.

        Raises:
            SourceError: if a path must exist and does not, if paths must exist and no file is readable, or if
                ``position`` is none of this source's.
        """
        return made_at_rest(self._batches(position))

    def _batches(self, position: Position) -> Iterator[Batch]:
        search = find_files(self._paths, must_exist=self._must_exist)
        scan = Scan(search.files, position, is_final=self._is_final)
        self._problems.begin(scan, search.problems)
        if self._must_exist and self.problems and not scan.current:
            raise SourceError(self.problems[0])
        batch = RecordBatch(self._decoding, self._formats, self._limits)
        for number, glimpse in enumerate(scan.changed):
            for piece in self._pieces(scan, glimpse, batch):
                if batch.is_full:
                    yield batch.finish(scan.position(), scan.progress(number, piece.share))
        if not batch.is_empty:
            yield batch.finish(scan.position(), 1.0)

    def _pieces(self, scan: Scan, glimpse: Glimpse, batch: RecordBatch) -> Iterator[Piece]:
        """Read on in one file, into ``batch``; what is wrong with the file is noted and ends only this file."""
        path = glimpse.path
        start = scan.current[path]
        name = start.format
        try:
            for piece in Tail(glimpse, start, self._limits, is_final=self._is_final).pieces():
                name = self._formats.name_of(path, name, piece.records)
                scan.current[path] = replace(piece.position, format=name)
                batch.add(piece, name)
                yield piece
        except DamagedFileError as error:
            self._problems.add(path, f"{path}: {error}")
            if error.reason:
                batch.count_dropped(error.reason)
        except FileNotFoundError:
            return  # deleted or rotated away since it was looked at; the next read finds its successor
        except OSError as error:
            self._problems.add(path, unreadable_line(path, error))
            return
        scan.current[path] = glimpse.position_at_end(scan.current[path])


class FileProblems:
    """What is wrong with files and folders now; each is logged once when it appears.

    Attributes:
        lines: one line for each, by file, or by itself for a folder.
    """

    def __init__(self) -> None:
        self.lines: dict[str, str] = {}
        self._earlier: dict[str, str] = {}

    def begin(self, scan: Scan, unsearchable: Iterable[str]) -> None:
        """Start a read: what was wrong with a file's content stays so until the file changes."""
        changed = {glimpse.path for glimpse in scan.changed}
        self._earlier, self.lines = self.lines, {}
        for path, line in self._earlier.items():
            if path in scan.current and path not in changed:
                self.lines[path] = line
        for line in unsearchable:
            self.add(line, line)
        for path, error in scan.unreadable.items():
            self.add(path, unreadable_line(path, error))

    def add(self, key: str, line: str) -> None:
        """Note a problem."""
        self.lines[key] = line
        if self._earlier.get(key) != line:
            _log.warning("%s", line)


def unreadable_line(path: str, error: OSError) -> str:
    """What is wrong with a file that cannot be read, for people."""
    return f"{path}: cannot be read ({error.strerror}); check the file and its permissions"
