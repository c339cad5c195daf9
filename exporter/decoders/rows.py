"""Rows of the tables that say which native field comes from which field of a record, and how it is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from exporter.decoders.decoder import NativeRecord
from exporter.decoders.values import Reader, number, text

Rows = tuple[tuple[str, str, Reader], ...]
"""Native field, field it is read from, and how; of several rows for one field the first that knows it wins."""


def read_rows(fields: Mapping[str, Any], rows: Rows) -> NativeRecord:
    """The fields of a native record that some rows find in a record."""
    native: NativeRecord = {}
    get = fields.get
    for name, key, read in rows:
        value = get(key)
        if value is not None and name not in native:
            value = read(value)
            if value is not None:
                native[name] = value
    return native


def extras(*names: str) -> Rows:
    """Rows for fields that are kept under their own names: short words and ids, nothing anybody wrote."""
    return tuple((name, name, text) for name in names)


def numbers(**fields: str) -> Rows:
    """Rows of numbers: native field = field."""
    return tuple((name, key, number) for name, key in fields.items())


def texts(**fields: str) -> Rows:
    """Rows of texts: native field = field."""
    return tuple((name, key, text) for name, key in fields.items())
