"""Local files in groups: pieces of reading that are independent of each other, wherever each is done.

Which files are read together decides where batches of records end. The groups depend on nothing but the files, so that
reading them here or on the workers of a cluster comes to the same, to the last bit.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from exporter.sources.file_position import Glimpse
from exporter.sources.files import find_files
from exporter.sources.local import unreadable_line
from exporter.sources.scan import Scan
from exporter.sources.source import SourceError

logger = logging.getLogger(__name__)

GROUP_BYTES: Final = 16 * 2**20
"""A group is closed once its files are this large: some seconds of work, of which a cluster wants many."""
GROUP_FILES: Final = 500
_PACKED: Final = (".gz", 8)
"""How compressed files end, and about how many times their size is in them."""


@dataclass(frozen=True, slots=True)
class FileGroup:
    """Some files that are read together.

    Attributes:
        paths: absolute, in order of name.
        size: of all of them, bytes; of what is compressed, about what is in it.
    """

    paths: tuple[str, ...]
    size: int


def file_groups(paths: Sequence[str]) -> list[FileGroup]:
    """The readable files that some paths stand for, in order of name, neighbours together.

    Raises:
        SourceError: a path leads to nothing, or none of the files can be read.
    """
    search = find_files(paths, must_exist=True)
    scan = Scan(search.files, {}, is_final=True)
    problems = [*search.problems, *(unreadable_line(path, error) for path, error in scan.unreadable.items())]
    if problems and not scan.changed:
        raise SourceError(problems[0])
    for problem in problems:
        logger.warning("%s", problem)
    return _grouped((str(Path(glimpse.path).absolute()), _telemetry_in(glimpse)) for glimpse in scan.changed)


def _telemetry_in(glimpse: Glimpse) -> int:
    ending, times = _PACKED
    return glimpse.size * times if glimpse.path.endswith(ending) else glimpse.size


def _grouped(files: Iterable[tuple[str, int]]) -> list[FileGroup]:
    groups: list[FileGroup] = []
    for path, size in files:
        last = groups[-1] if groups else None
        if last is None or last.size >= GROUP_BYTES or len(last.paths) >= GROUP_FILES:
            groups.append(FileGroup((path,), size))
        else:
            groups[-1] = FileGroup((*last.paths, path), last.size + size)
    return groups
