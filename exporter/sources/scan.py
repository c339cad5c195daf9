"""One look over all files: which have changed, where each stands, and which stored positions they continue."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from exporter.sources.file_position import FilePosition, Glimpse, KnownFiles
from exporter.sources.files import FoundFile
from exporter.sources.source import Position
from exporter.sources.tail import look

MAX_GONE_FILES: Final = 1000
"""Positions kept of files that are gone, the latest ones: a folder may come back, as a mounted one does."""


class Scan:
    """The files as they are now, matched with the stored position.

    Attributes:
        current: where each readable file stands, by path; to be moved on while the changed ones are read.
        changed: files that may hold something new, in order of path.
        unreadable: the error of each file that could not be looked at, by path.
    """

    def __init__(self, found: Iterable[FoundFile], position: Position, *, is_final: bool) -> None:
        """Look at each file.

        Args:
            found: files to look at.
            position: the stored position.
            is_final: also look into files that have not changed, for their unfinished last line.

        Raises:
            SourceError: if ``position`` is none of the local source's.
        """
        self._known = KnownFiles(FilePosition.from_json(entry) for entry in position.get("files", ()))
        self.current: dict[str, FilePosition] = {}
        self.unreadable: dict[str, OSError] = {}
        self.changed = self._look_at(found, is_final=is_final)
        self._match()
        self._gone = self._known.unclaimed[-MAX_GONE_FILES:]
        self._work = [max(0, glimpse.size - self._done_before(glimpse)) for glimpse in self.changed]

    def _look_at(self, found: Iterable[FoundFile], *, is_final: bool) -> list[Glimpse]:
        """Put aside the files that have not changed, and look into the others."""
        glimpses: list[Glimpse] = []
        inodes: set[tuple[int, int]] = set()
        for file in found:
            try:
                status = Path(file.path).stat()
                if status.st_ino and (status.st_dev, status.st_ino) in inodes:
                    continue  # a second name of a file already met
                inodes.add((status.st_dev, status.st_ino))
                unchanged = None if is_final else self._known.claim_unchanged(file.path, status)
                if unchanged:
                    self.current[file.path] = unchanged
                else:
                    glimpses.append(look(file))
            except FileNotFoundError:
                continue  # deleted since it was found
            except OSError as error:
                self.unreadable[file.path] = error
        return [glimpse for glimpse in glimpses if glimpse.layout != "other"]

    def _match(self) -> None:
        """Give each changed file the position it continues, a new one its beginning.

        All files that kept their inode come first, so that a copy never takes the place of its original.
        """
        for claim in (self._known.claim_same, self._known.claim_moved):
            for glimpse in self.changed:
                if glimpse.path not in self.current:
                    position = claim(glimpse)
                    if position:
                        self.current[glimpse.path] = position
        for glimpse in self.changed:
            self.current.setdefault(glimpse.path, FilePosition(glimpse.path, glimpse.inode))

    def _done_before(self, glimpse: Glimpse) -> int:
        return self.current[glimpse.path].offset if glimpse.layout == "lines" else 0

    def position(self) -> Position:
        """The position to store: files that are gone first, then the present ones."""
        entries = [*self._gone, *self.current.values()]
        return {"files": [entry.to_json() for entry in entries]}

    def progress(self, number: int, share: float) -> float:
        """Share of all the work that is done with ``share`` of changed file ``number`` done, 0…1."""
        done = sum(self._work[:number]) + share * self._work[number]
        return min(1.0, done / max(1, sum(self._work)))
