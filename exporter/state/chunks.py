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
import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import numpy as np
import pandas as pd

from analytics.coded_text import CodedText, narrowed
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
from exporter.state.json_text import from_json, to_bytes

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
    sessions = _Sessions(order, starts)
    columns = [_packer(table, name, sessions) for name in _STORED if name in table.columns]
    names = table.categories("session_id")
    for number, (start, stop) in enumerate(itertools.pairwise(sessions.bounds)):
        packed = [column.pack(number, start, stop) for column in columns if column.is_present[number]]
        header = to_bytes({"events": stop - start, "columns": [entry for entry, _ in packed]})
        body = b"".join((_HEADER_LENGTH.pack(len(header)), header, *(buffer for _, buffer in packed)))
        yield EventChunk(names[ordered[start]], bytes((CHUNK_FORMAT,)) + zlib.compress(body, _LEVEL))


class _Sessions:
    """Where each session's rows stand: the rows in order of session, and where in that order each session begins."""

    def __init__(self, order: np.ndarray, starts: np.ndarray) -> None:
        self.order = order
        self.starts = starts
        self.bounds: list[int] = np.append(starts, len(order)).tolist()
        self.number = np.repeat(np.arange(len(starts)), np.diff(self.bounds))


class _Packer(Protocol):
    """One column of a table, its rows brought into order of session."""

    is_present: list[bool]

    def pack(self, number: int, start: int, stop: int) -> tuple[list[Any], bytes]:
        """Header entry and buffer of a session's rows."""


def _packer(table: EventTable, name: str, sessions: _Sessions) -> _Packer:
    kind = COLUMN_KINDS[name]
    if kind == "text":
        return _TextPacker(table, name, sessions)
    values = table.values(name)[sessions.order]
    is_present = np.logical_or.reduceat(_present(kind, values), sessions.starts).tolist()
    return _ObjectPacker(name, values, is_present) if kind == "object" else _NumberPacker(name, values, is_present)


class _NumberPacker:
    """Numbers of any kind, as they are."""

    def __init__(self, name: str, values: np.ndarray, is_present: list[bool]) -> None:
        self.is_present = is_present
        self._name = name
        self._type = _BUFFER_TYPES[COLUMN_KINDS[name]][0]
        self._values = values.astype(self._type, copy=False)

    def pack(self, _number: int, start: int, stop: int) -> tuple[list[Any], bytes]:
        """Header entry and buffer of a session's rows."""
        return [self._name, self._type, None], self._values[start:stop].tobytes()


class _ObjectPacker:
    """Texts of which hardly one is like another, in the header."""

    def __init__(self, name: str, values: np.ndarray, is_present: list[bool]) -> None:
        self.is_present = is_present
        self._name = name
        self._values = [value if isinstance(value, str) else None for value in values.tolist()]

    def pack(self, _number: int, start: int, stop: int) -> tuple[list[Any], bytes]:
        """Header entry of a session's rows; there is no buffer."""
        return [self._name, "", self._values[start:stop]], b""


class _TextPacker:
    """Codes into the texts that occur in a session, found for all sessions at once."""

    def __init__(self, table: EventTable, name: str, sessions: _Sessions) -> None:
        self._name = name
        column = table.texts(name)
        codes = column.codes[sessions.order]
        rows = np.flatnonzero(codes >= 0)
        width = len(column.texts)
        # The sessions stand one after the other, so what is numbered as it appears is numbered session by session.
        numbers, pairs = pd.factorize(sessions.number[rows] * width + codes[rows])
        bounds = np.searchsorted(pairs // max(width, 1), np.arange(len(sessions.starts) + 1))
        self._bounds: list[int] = bounds.tolist()
        self.is_present = (np.diff(bounds) > 0).tolist()
        self._texts: list[str] = column.texts[pairs % max(width, 1)].tolist()
        self._codes = np.full(len(codes), -1, dtype=np.int32)
        self._codes[rows] = numbers - bounds[sessions.number[rows]]

    def pack(self, number: int, start: int, stop: int) -> tuple[list[Any], bytes]:
        """Header entry and buffer of a session's rows."""
        texts = self._texts[self._bounds[number] : self._bounds[number + 1]]
        code_type = next(name for name in _CODE_TYPES if len(texts) <= np.iinfo(name).max)
        return [self._name, code_type, texts], self._codes[start:stop].astype(code_type).tobytes()


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
        except (DamagedValue, zlib.error, struct.error, ValueError, TypeError, KeyError, IndexError) as error:
            raise DamagedValue(f"events of session {session_id!r} cannot be read back") from error
    return pieces.table()


@dataclass(slots=True)
class _Pieces:
    """The parts of every column that chunks brought, until all are there and the columns can be made at once.

    Attributes:
        length: rows so far.
        parts: by column, what chunks brought and the row each begins at.
        texts: by text column, the texts that the codes of each part stand for.
    """

    length: int = 0
    parts: dict[str, list[tuple[int, np.ndarray]]] = field(default_factory=dict)
    texts: dict[str, list[list[str]]] = field(default_factory=dict)

    def add(self, session_id: str, payload: bytes) -> None:
        """Take one chunk apart."""
        if payload[0] != CHUNK_FORMAT:
            raise ValueError(f"unknown chunk format {payload[0]}")
        body = zlib.decompress(memoryview(payload)[1:])
        offset = _HEADER_LENGTH.size + _HEADER_LENGTH.unpack_from(body)[0]
        header = from_json(body[_HEADER_LENGTH.size : offset])
        events = header["events"]
        self._add("session_id", np.zeros(events, dtype=np.int8), [session_id])
        for name, buffer_type, texts in header["columns"]:
            if buffer_type not in _BUFFER_TYPES[COLUMN_KINDS[name]]:
                raise ValueError(f"column {name} cannot be of type {buffer_type!r}")
            if not buffer_type:
                self._add(name, objects(texts))
                continue
            values = np.frombuffer(body, buffer_type, events, offset)
            offset += values.nbytes
            self._add(name, values, texts)
        self.length += events

    def _add(self, name: str, values: np.ndarray, texts: list[str] | None = None) -> None:
        self.parts.setdefault(name, []).append((self.length, values))
        if texts is not None:
            self.texts.setdefault(name, []).append(texts)

    def table(self) -> EventTable:
        """The columns, filled from their parts."""
        if not self.length:
            return EventTable.empty()
        return EventTable.from_columns({name: self._column(name, parts) for name, parts in self.parts.items()})

    def _column(self, name: str, parts: list[tuple[int, np.ndarray]]) -> np.ndarray | CodedText:
        kind = COLUMN_KINDS[name]
        if kind == "text":
            return self._text_column(parts, self.texts[name])
        if kind == "time":
            return _filled(np.empty(self.length, dtype=np.int64), parts)
        return _filled(np.asarray(missing_values(kind, self.length)), parts)

    def _text_column(self, parts: list[tuple[int, np.ndarray]], texts: list[list[str]]) -> CodedText:
        """Codes of each chunk become codes of the whole table; the place before a chunk's texts stands for missing."""
        numbers: dict[str, int] = {}
        lookup: list[int] = [-1]
        places = np.zeros(self.length, dtype=np.int64)
        for (start, values), own in zip(parts, texts, strict=True):
            places[start : start + len(values)] = values
            places[start : start + len(values)] += len(lookup)
            lookup += [numbers.setdefault(text, len(numbers)) for text in own]
            lookup.append(-1)
        codes = np.array(lookup, dtype=np.int32)[places]
        return CodedText(narrowed(codes, len(numbers)), objects(list(numbers)))


def _filled(column: np.ndarray, parts: list[tuple[int, np.ndarray]]) -> np.ndarray:
    for start, values in parts:
        column[start : start + len(values)] = values
    return column
