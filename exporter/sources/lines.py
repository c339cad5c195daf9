"""Lines of bytes: cutting a stream of blocks into lines of bounded length, and lines into JSON objects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

import orjson

from analytics.column_values import are_all

JsonObject = dict[str, Any]

BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
"""What some editors put before the first line of a UTF-8 file; no part of the JSON."""


class LineCutter:
    """Cuts a stream of byte blocks into lines and holds back the one that is not finished.

    A line longer than ``max_line_bytes`` (without its newline) is skipped to its end and counted once, also when it
    ends many blocks later, so memory stays bounded by that limit and one block. The outcome does not depend on how
    the stream is cut into blocks.

    Attributes:
        consumed: bytes of the stream that are done with: finished lines and what was skipped. Not the rest.
        rest: the unfinished last line.
        in_long_line: the stream stands inside a line that is too long.
        too_long: lines skipped so far.
    """

    def __init__(self, max_line_bytes: int, *, in_long_line: bool = False) -> None:
        self.consumed = 0
        self.rest = b""
        self.in_long_line = in_long_line
        self.too_long = 0
        self._max = max_line_bytes

    def feed(self, block: bytes) -> list[bytes]:
        """The lines that ``block`` finishes, in order and without their newlines."""
        size = len(self.rest) + len(block)
        lines = block.split(b"\n")
        lines[0] = self.rest + lines[0]
        rest = lines.pop()
        if self.in_long_line:
            if not lines:
                self.consumed += len(block)
                return []
            del lines[0]
            self.in_long_line = False
        if size > self._max:
            kept = [line for line in lines if len(line) <= self._max]
            self.too_long += len(lines) - len(kept)
            lines = kept
        self.consumed += size - len(rest)
        if len(rest) > self._max:
            self.too_long += 1
            self.consumed += len(rest)
            self.in_long_line = True
            rest = b""
        self.rest = rest
        return lines


def parse_lines(lines: Iterable[bytes], dropped: Counter[str]) -> list[JsonObject]:
    """The JSON objects in some lines, in order.

    Blank lines are ignored; others are counted in ``dropped``: ``bad_json`` (also for bytes that are no UTF-8) or
    ``not_an_object``.
    """
    lines = list(lines)
    try:
        values = [*map(orjson.loads, lines)]
    except orjson.JSONDecodeError:
        return _parse_one_by_one(lines, dropped)
    if not are_all(values, dict):
        return _parse_one_by_one(lines, dropped)
    return values


def _parse_one_by_one(lines: list[bytes], dropped: Counter[str]) -> list[JsonObject]:
    """The objects in lines of which some hold something else."""
    records: list[JsonObject] = []
    for line in lines:
        try:
            record = orjson.loads(line.removeprefix(BYTE_ORDER_MARK))
        except orjson.JSONDecodeError:
            if line.removeprefix(BYTE_ORDER_MARK).strip():
                dropped["bad_json"] += 1
            continue
        if isinstance(record, dict):
            records.append(record)
        else:
            dropped["not_an_object"] += 1
    return records
