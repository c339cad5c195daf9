"""Writing log lines to Loki."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, Protocol

MAX_PUSH_LINES: Final = 1000
MAX_PUSH_BYTES: Final = 1_000_000
"""Bytes of lines and metadata in one push; a quarter of the rate Loki takes in a second by default."""

PushedLine = tuple[int, str, Mapping[str, str]]
"""Time (nanoseconds since the epoch), line, structured metadata."""


class StreamWriter(Protocol):
    """The part of ``LokiClient`` that pushing needs."""

    def push(self, streams: list[Mapping[str, Any]]) -> None:
        """Write streams in the form of Loki's push API."""


def push_lines(client: StreamWriter, labels: Mapping[str, str], lines: Iterable[PushedLine]) -> int:
    """Write lines to one stream, in order, in pushes of bounded size.

    Returns:
        How many lines were written.

    Raises:
        LokiLimit: Loki keeps no line so old, new, far behind or long, or none so fast; ``limit`` names the setting.
        LokiError: from the client. Pushes before the failed one stand.
    """
    written = 0
    for values in _pushes(lines):
        client.push([{"stream": dict(labels), "values": values}])
        written += len(values)
    return written


def _pushes(lines: Iterable[PushedLine]) -> Iterator[list[list[Any]]]:
    """Lines in groups that fit into one push each."""
    values: list[list[Any]] = []
    size = 0
    for time_ns, line, metadata in lines:
        # Characters, not bytes: a rough measure is enough here.
        length = len(line) + sum(len(name) + len(value) for name, value in metadata.items())
        if values and (len(values) >= MAX_PUSH_LINES or size + length > MAX_PUSH_BYTES):
            yield values
            values, size = [], 0
        values.append([str(time_ns), line, dict(metadata)] if metadata else [str(time_ns), line])
        size += length
    if values:
        yield values
