"""JSON as plain ASCII text: how everything that is neither a number nor a name is stored.

The standard library's JSON keeps what others lose: NaN and infinities, every float to its last bit, and any Python
text. Being ASCII, it passes through PostgreSQL, which has no NUL in text, and SQLite, which has no lone surrogates.
"""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any

import numpy as np
import orjson
from sqlalchemy import Dialect, Text
from sqlalchemy.types import TypeDecorator

from exporter.state.errors import DamagedValue


def to_json(value: Any) -> str:
    """A value of JSON's types, dataclasses and NumPy numbers as text; tuples become arrays."""
    return json.dumps(value, default=_plain, separators=(",", ":"))


def to_bytes(value: Any) -> bytes:
    """Texts, whole numbers, lists and mappings as JSON in UTF-8, or in ASCII where UTF-8 cannot hold a text."""
    try:
        return orjson.dumps(value)
    except TypeError:  # half a surrogate pair
        return to_json(value).encode()


def from_json(text: str | bytes) -> Any:
    """What ``to_json`` and ``to_bytes`` wrote; whole numbers beyond 64 bits become floats. Raises ``DamagedValue``."""
    try:
        return orjson.loads(text)  # several times faster, but refuses NaN, infinities and lone surrogates
    except orjson.JSONDecodeError:
        return _from_any_json(text)


def _from_any_json(text: str | bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DamagedValue("a value is no JSON") from error


def _plain(value: Any) -> Any:
    """What JSON has no word for: one level at a time, which is much faster than ``dataclasses.asdict``."""
    if is_dataclass(value) and not isinstance(value, type):
        return {name: getattr(value, name) for name in _field_names(type(value))}
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} cannot be stored as JSON")


@cache
def _field_names(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


class JsonText(TypeDecorator[Any]):
    """A column of JSON values. Equal values of lists and texts have equal texts, so it can be part of a key."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002 - SQLAlchemy's signature
        """To the database."""
        return None if value is None else to_json(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:  # noqa: ARG002 - as above
        """From the database."""
        return None if value is None else from_json(value)
