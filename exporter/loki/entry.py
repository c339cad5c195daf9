"""One log entry as Loki returns it, and what makes two of them the same."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import orjson


class LokiEntry(NamedTuple):
    """One log entry.

    Attributes:
        time_ns: nanoseconds since the epoch.
        labels: the stream's labels; without ``categorize-labels`` Loki puts the structured metadata here too.
        metadata: structured metadata, and what a parser stage of the query extracted.
        line: the log line.
    """

    time_ns: int
    labels: Mapping[str, str]
    metadata: Mapping[str, str]
    line: str

    @property
    def attributes(self) -> dict[str, str]:
        """Labels and metadata in one; the metadata wins."""
        return {**self.labels, **self.metadata}


@dataclass(frozen=True, slots=True)
class Page:
    """The answer to one query.

    Attributes:
        entries: oldest first.
        limit: how many were asked for in the end, which may be fewer than the caller wished.
    """

    entries: list[LokiEntry]
    limit: int

    @property
    def is_full(self) -> bool:
        """Whether more entries may follow."""
        return len(self.entries) >= self.limit


def entry_id(entry: LokiEntry) -> str:
    """A text unique to the entry; Loki itself keeps one of two entries that share it."""
    return f"loki|{entry.time_ns}|{identity(entry)}"


def identity(entry: LokiEntry) -> str:
    """Hash of what the entry says, its time aside: 16 hex digits, the same in every process and reply encoding."""
    attributes = orjson.dumps(entry.attributes, option=orjson.OPT_SORT_KEYS)
    digest = hashlib.blake2b(attributes, digest_size=8)
    digest.update(entry.line.encode())
    return digest.hexdigest()
