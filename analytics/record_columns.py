"""Records turned by ninety degrees: the values of each field, with the positions of the records that have it.

A record has a dozen of some forty fields, and a source writes records of few shapes. Those of one shape are turned at
once, so the cost follows the values that are there and not the fields that could be.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np

from analytics.events import objects

Given = tuple[np.ndarray, list[Any]]
"""Positions of the records that have a field, and its values there."""


class RecordColumns:
    """The known fields of some records, field by field.

    Args:
        rows: the records.
        known: the fields that become columns; the others are told by ``unknown``.
    """

    def __init__(self, rows: Sequence[dict[str, Any]], known: Collection[str]) -> None:
        self._rows = rows
        self._parts: dict[str, list[tuple[np.ndarray, tuple[Any, ...]]]] = defaultdict(list)
        self._unknown: list[tuple[tuple[str, ...], list[int]]] = []
        by_shape: dict[tuple[str, ...], list[int]] = defaultdict(list)
        for position, shape in enumerate(map(tuple, rows)):
            by_shape[shape].append(position)
        for shape, positions in by_shape.items():
            self._add(shape, positions, known)

    def _add(self, shape: tuple[str, ...], positions: list[int], known: Collection[str]) -> None:
        """Take in the records of one shape."""
        where = np.array(positions, dtype=np.int64)
        columns = zip(*(self._rows[position].values() for position in positions), strict=True)
        for name, values in zip(shape, columns, strict=True):
            if name in known:
                self._parts[name].append((where, values))
        unknown = tuple(name for name in shape if name not in known)
        if unknown:
            self._unknown.append((unknown, positions))

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, name: object) -> bool:
        return name in self._parts

    def given(self, name: str) -> Given:
        """A field of the records that have it, in no particular order; a value may be None."""
        parts = self._parts.get(name, [])
        where = [positions for positions, _ in parts] or [np.array([], dtype=np.int64)]
        return np.concatenate(where), list(chain.from_iterable(values for _, values in parts))

    def column(self, name: str) -> np.ndarray:
        """A field of all records as objects, shape (n_records,), None where missing."""
        column = np.full(len(self), None, dtype=object)
        for positions, values in self._parts.get(name, []):
            column[positions] = objects(values)
        return column

    def unknown(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Position and unknown fields, None left out, of the records that have any."""
        for names, positions in self._unknown:
            for position in positions:
                row = self._rows[position]
                fields = {name: row[name] for name in names if row[name] is not None}
                if fields:
                    yield position, fields

    def chosen(self, rows: np.ndarray, known: Collection[str]) -> RecordColumns:
        """The records of a boolean mask, in order."""
        if rows.all():
            return self
        return RecordColumns([self._rows[position] for position in np.flatnonzero(rows).tolist()], known)
