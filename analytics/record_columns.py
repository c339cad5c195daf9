"""Records turned by ninety degrees: the values of each field, with the positions of the records that have it.

A record has a dozen of some forty fields, and a source writes records of few shapes. All values are laid out in one
row, record after record; where a field stands in it is worked out once a shape.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np

Given = tuple[np.ndarray, np.ndarray]
"""Positions of the records that have a field, ascending, and its values there as objects."""


class RecordColumns:
    """The known fields of some records, field by field.

    Args:
        rows: the records.
        known: the fields that become columns; the others are told by ``unknown``.
    """

    def __init__(self, rows: Sequence[dict[str, Any]], known: frozenset[str]) -> None:
        self._rows = rows
        shapes: dict[tuple[str, ...], int] = {}
        self._shape = np.array([shapes.setdefault(shape, len(shapes)) for shape in map(tuple, rows)], dtype=np.int64)
        widths = np.array([len(shape) for shape in shapes], dtype=np.int64)[self._shape]
        self._first = np.cumsum(widths) - widths
        self._missing = int(widths.sum())
        values = chain.from_iterable(chain(map(dict.values, rows), ((None,),)))
        self._values = np.fromiter(values, dtype=object, count=self._missing + 1)
        self._offsets = {name: np.full(len(shapes), -1) for name in known.intersection(chain.from_iterable(shapes))}
        self._unknown: dict[int, tuple[str, ...]] = {}
        for number, shape in enumerate(shapes):
            for offset, name in enumerate(shape):
                if name in known:
                    self._offsets[name][number] = offset
            unknown = tuple(name for name in shape if name not in known)
            if unknown:
                self._unknown[number] = unknown

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, name: object) -> bool:
        return name in self._offsets

    def _places(self, name: str) -> np.ndarray:
        """Where each record's value of a field stands among all values, of which the last is None for those without."""
        offsets = self._offsets[name][self._shape]
        return np.where(offsets < 0, self._missing, self._first + offsets)

    def given(self, name: str) -> Given:
        """A field of the records that have it; a value may be None."""
        if name not in self:
            return np.array([], dtype=np.int64), np.array([], dtype=object)
        places = self._places(name)
        positions = np.flatnonzero(places != self._missing)
        return positions, self._values[places[positions]]

    def column(self, name: str) -> np.ndarray:
        """A field of all records as objects, shape (n_records,), None where missing."""
        return self._values[self._places(name)] if name in self else np.full(len(self), None, dtype=object)

    def unknown(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Position and unknown fields, None left out, of the records that have any."""
        for position in np.flatnonzero(np.isin(self._shape, list(self._unknown))).tolist():
            row, names = self._rows[position], self._unknown[self._shape[position]]
            fields = {name: row[name] for name in names if row[name] is not None}
            if fields:
                yield position, fields

    def chosen(self, rows: np.ndarray, known: frozenset[str]) -> RecordColumns:
        """The records of a boolean mask, in order."""
        if rows.all():
            return self
        return RecordColumns([self._rows[position] for position in np.flatnonzero(rows).tolist()], known)
