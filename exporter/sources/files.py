"""Which files a list of paths means: files, folders and globs become regular files in order of name."""

from __future__ import annotations

import glob
import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from exporter.sources.lines import BYTE_ORDER_MARK
from exporter.sources.source import SourceError

_LINES_NAME: Final = re.compile(r"\.jsonl(\.\d[\w.-]*?)?(\.gz)?$")
"""Names read in a folder as lines: ``x.jsonl``, ``x.jsonl.gz`` and what log rotation makes, ``x.jsonl.1``."""

_GZIP_MAGIC: Final = b"\x1f\x8b"


@dataclass(frozen=True, slots=True, order=True)
class FoundFile:
    """A regular file to read; pipes and devices, which have no end, are never among them.

    Attributes:
        path: where it is.
        is_chosen: it was named, or matched by a glob, rather than met in a folder.
    """

    path: str
    is_chosen: bool


@dataclass
class Search:
    """What the paths led to: files in order of name, each once, and one line for each folder that was unreadable."""

    files: list[FoundFile] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def find_files(paths: Sequence[str | Path], *, must_exist: bool) -> Search:
    """The files that ``paths`` stand for now.

    Args:
        paths: files, folders (searched with their subfolders) and globs (``**`` included); ``~`` is expanded.
        must_exist: whether a path that leads to nothing is an error, or just nothing to read yet.

    Raises:
        SourceError: with ``must_exist``, for a path that does not exist or a glob that matches nothing.
    """
    search = Search()
    chosen: dict[str, bool] = {}
    for given in paths:
        matches = _matches(given, search.problems)
        if not matches and must_exist:
            raise SourceError(f"{given}: no file or folder that can be reached, and no glob; check the path")
        for match in matches:
            mode = _mode(match)
            if stat.S_ISDIR(mode):
                for name in _walk(match, search.problems):
                    chosen.setdefault(name, False)
            elif stat.S_ISREG(mode):
                chosen[str(match)] = True
            elif must_exist:
                raise SourceError(f"{match}: is no regular file; give a file, a folder or a glob")
    search.files = sorted(FoundFile(path, is_chosen) for path, is_chosen in chosen.items())
    return search


def _matches(given: str | Path, problems: list[str]) -> list[Path]:
    """What a path leads to: itself where it exists, else the matches of the glob it may be."""
    path = Path(os.path.expanduser(given))  # noqa: PTH111 - Path.expanduser raises for a user without a home
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError, ValueError):
        found = glob.glob(str(path), recursive=True)  # noqa: PTH207 - Path.glob takes no absolute pattern
        return [Path(match) for match in sorted(found)]
    except OSError as error:
        problems.append(f"{given}: cannot be reached ({error.strerror}); check its permissions")
        return []
    return [path]


def _walk(folder: Path, problems: list[str]) -> Iterator[str]:
    """Files below a folder that may hold telemetry, by their names."""

    def report(error: OSError) -> None:
        problems.append(f"{error.filename}: cannot be searched ({error.strerror}); check its permissions")

    for parent, _, names in os.walk(folder, onerror=report):
        for name in names:
            path = Path(parent, name)
            if (_LINES_NAME.search(name) or name.endswith(".json")) and stat.S_ISREG(_mode(path)):
                yield str(path)


def _mode(path: Path) -> int:
    """What kind of file it is, as ``stat`` tells it; 0 where nothing can be reached."""
    try:
        return path.stat().st_mode
    except OSError:  # deleted since it was listed, or a dangling link
        return 0


def layout(found: FoundFile, start: bytes) -> str:
    """How a file holds its records, by its name and first bytes: ``lines``, ``gzip`` or ``array``.

    ``other`` is a ``.json`` file met in a folder that does not begin as an array: settings and the like.
    """
    if start.startswith(_GZIP_MAGIC):
        return "gzip"
    if not found.path.endswith(".json"):
        return "lines"
    if start.removeprefix(BYTE_ORDER_MARK).lstrip()[:1] == b"[":
        return "array"
    return "lines" if found.is_chosen else "other"
