"""Event chunks: the events of one session from one batch, packed column by column into a few bytes.

A chunk is the format byte and a zlib stream of: the header's length (uint32, little-endian), the header (JSON) and
the columns' buffers one after the other. The header tells the number of events and, for each column in the order of
the buffers, its name, the type of its buffer ("" for none) and its texts (null for numbers)::

    {"events": 3, "columns": [["time_ns", "<i8", null], ["tool_name", "|i1", ["Bash"]], ["tool_use_id", "", [...]]]}

A text column's buffer holds positions in its texts, -1 where missing; a column of kind ``object`` has no buffer and
one text an event. Columns that are missing throughout are left out, detail columns always. There is no pickle here:
reading a chunk runs nothing that is in it. zlib's checksum tells whether a chunk is as it was written.
"""

from __future__ import annotations

import itertools
import json
import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pandas as pd

from analytics.events import (
    COLUMN_KINDS,
    DETAILS,
    MISSING_SEQUENCE,
    UNKNOWN,
    EventTable,
    missing_values,
    objects,
)
from exporter.state.errors import DamagedValue

CHUNK_FORMAT: Final = 1

_LEVEL: Final = 1  # higher levels save a tenth of the space for several times the time
_HEADER_LENGTH: Final = struct.Struct("<I")
_CODE_TYPES: Final = ("|i1", "<i2", "<i4")
_BUFFER_TYPES: Final = {
    "time": ("<i8",),
    "order": ("<i8",),
    "key": ("<u8",),
    "flag": ("|i1",),
    "number": ("<f8",),
    "text": _CODE_TYPES,
    "object": ("",),
}
_STORED: Final = tuple(name for name in COLUMN_KINDS if name != "session_id" and name not in DETAILS)


@dataclass(frozen=True, slots=True)
class EventChunk:
    """Some events of one session, packed."""

    session_id: str
    payload: bytes


def pack_events(table: EventTable) -> Iterator[EventChunk]:
    """One chunk for each session of the table, its events in the order of the table, details left out.

    Raises ``ValueError`` when an event has no session id.
    """
    if not len(table):
        return
    table = table.without_details()
    codes = table.codes("session_id")
    if codes.min() < 0:
        raise ValueError("an event without a session id cannot be stored")
    order = np.argsort(codes, kind="stable")
    ordered = codes[order]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    columns = [_Column(table, name, order, starts) for name in _STORED]
    names = table.categories("session_id")
    bounds = np.append(starts, len(ordered)).tolist()
    for number, (start, stop) in enumerate(itertools.pairwise(bounds)):
        packed = [column.pack(start, stop) for column in columns if column.is_present[number]]
        header = json.dumps(
            {"events": stop - start, "columns": [entry for entry, _ in packed]}, separators=(",", ":")
        ).encode()
        body = b"".join((_HEADER_LENGTH.pack(len(header)), header, *(buffer for _, buffer in packed)))
        yield EventChunk(names[ordered[start]], bytes((CHUNK_FORMAT,)) + zlib.compress(body, _LEVEL))


class _Column:
    """One column of a table, its rows brought into order of session."""

    def __init__(self, table: EventTable, name: str, order: np.ndarray, starts: np.ndarray) -> None:
        self.name = name
        self.kind = COLUMN_KINDS[name]
        values = table.codes(name) if self.kind == "text" else table.values(name)
        self.is_present: list[bool] = np.logical_or.reduceat(_present(self.kind, values)[order], starts).tolist()
        if not any(self.is_present):
            return
        self.values = values[order]
        if self.kind == "text":
            self.texts = objects(table.categories(name))
        elif self.kind != "object":
            self.type = _BUFFER_TYPES[self.kind][0]
            self.values = self.values.astype(self.type, copy=False)

    def pack(self, start: int, stop: int) -> tuple[list[Any], bytes]:
        """Header entry and buffer of some rows."""
        values = self.values[start:stop]
        if self.kind == "text":
            return self._pack_text(values)
        if self.kind == "object":
            texts = [value if isinstance(value, str) else None for value in values]
            return [self.name, "", texts], b""
        return [self.name, self.type, None], values.tobytes()

    def _pack_text(self, codes: np.ndarray) -> tuple[list[Any], bytes]:
        used, own = np.unique(codes, return_inverse=True)
        if used[0] < 0:
            used, own = used[1:], own - 1
        code_type = next(name for name in _CODE_TYPES if len(used) <= np.iinfo(name).max)
        return [self.name, code_type, self.texts[used].tolist()], own.astype(code_type).tobytes()


def _present(kind: str, values: np.ndarray) -> np.ndarray:
    """Boolean mask of the values that are not missing; of a text column by its codes."""
    if kind in ("number", "object"):
        return np.asarray(pd.notna(values))
    if kind == "time":
        return np.ones(len(values), dtype=bool)
    missing = {"text": -1, "flag": UNKNOWN, "key": 0, "order": MISSING_SEQUENCE}[kind]
    return np.asarray(values != missing)


def unpack_events(chunks: Iterable[tuple[str, bytes]]) -> EventTable:
    """All events of some chunks, given as session id and payload, in that order. Raises ``DamagedValue``."""
    pieces = _Pieces()
    for session_id, payload in chunks:
        try:
            pieces.add(session_id, payload)
        except (zlib.error, struct.error, ValueError, TypeError, KeyError, IndexError) as error:
            raise DamagedValue(f"events of session {session_id!r} cannot be read back") from error
    return pieces.table()


@dataclass(slots=True)
class _Pieces:
    """The parts of every column that chunks brought, until all are there and the columns can be made at once."""

    length: int = 0
    parts: dict[str, list[tuple[int, Any]]] = field(default_factory=dict)
    codes: dict[str, dict[str, int]] = field(default_factory=dict)

    def add(self, session_id: str, payload: bytes) -> None:
        """Take one chunk apart; parts are noted with the row they begin at."""
        if payload[0] != CHUNK_FORMAT:
            raise ValueError(f"unknown chunk format {payload[0]}")
        body = zlib.decompress(memoryview(payload)[1:])
        offset = _HEADER_LENGTH.size + _HEADER_LENGTH.unpack_from(body)[0]
        header = json.loads(body[_HEADER_LENGTH.size : offset])
        events = header["events"]
        self._add_texts("session_id", np.zeros(events, dtype=np.int8), [session_id])
        for name, buffer_type, texts in header["columns"]:
            if buffer_type not in _BUFFER_TYPES[COLUMN_KINDS[name]]:
                raise ValueError(f"column {name} cannot be of type {buffer_type!r}")
            if not buffer_type:
                self._add(name, objects(texts))
                continue
            values = np.frombuffer(body, buffer_type, events, offset)
            offset += values.nbytes
            if texts is None:
                self._add(name, values)
            else:
                self._add_texts(name, values, texts)
        self.length += events

    def _add(self, name: str, values: np.ndarray) -> None:
        self.parts.setdefault(name, []).append((self.length, values))

    def _add_texts(self, name: str, own: np.ndarray, texts: list[str]) -> None:
        """Codes of one chunk become codes of the whole table; the last place stands for missing, -1."""
        codes = self.codes.setdefault(name, {})
        lookup = np.array([*(codes.setdefault(text, len(codes)) for text in texts), -1], dtype=np.int32)
        self._add(name, lookup[own])

    def table(self) -> EventTable:
        """The columns, filled from their parts."""
        if not self.length:
            return EventTable.empty()
        return EventTable.from_columns({name: self._column(name, parts) for name, parts in self.parts.items()})

    def _column(self, name: str, parts: list[tuple[int, Any]]) -> np.ndarray | pd.Categorical:
        kind = COLUMN_KINDS[name]
        if kind == "text":
            codes = _filled(np.full(self.length, -1, dtype=np.int32), parts)
            return pd.Categorical.from_codes(codes, categories=pd.Index(list(self.codes[name]), dtype=object))
        if kind == "time":
            return _filled(np.empty(self.length, dtype=np.int64), parts)
        return _filled(np.asarray(missing_values(kind, self.length)), parts)


def _filled(column: np.ndarray, parts: list[tuple[int, Any]]) -> np.ndarray:
    for start, values in parts:
        column[start : start + len(values)] = values
    return column
