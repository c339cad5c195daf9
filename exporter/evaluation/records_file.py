"""Native event lines as records, for misbehaviour to be put into."""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from exporter.sources.files import find_files
from exporter.sources.lines import parse_lines
from exporter.sources.source import SourceError


def read_records(paths: Sequence[str], progress: Callable[[float], None]) -> tuple[list[dict[str, Any]], Counter[str]]:
    """All native event lines of some files, and what could not be used by reason.

    Raises:
        SourceError: a path does not exist, or a file is no valid gzip.
    """
    records: list[dict[str, Any]] = []
    dropped: Counter[str] = Counter()
    files = find_files(paths, must_exist=True).files
    for number, found in enumerate(files):
        read = parse_lines(_lines(Path(found.path)), dropped)
        native = [record for record in read if isinstance(record.get("session_id"), str) and _is_event(record)]
        dropped["not_native"] += len(read) - len(native)
        records += native
        progress((number + 1) / len(files))
    return records, dropped


def _is_event(record: dict[str, Any]) -> bool:
    return isinstance(record.get("event"), str) and record.get("timestamp") is not None


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as lines:
            yield from lines
    except (gzip.BadGzipFile, EOFError) as error:
        raise SourceError(f"{path}: is no whole gzip file; write it anew") from error
