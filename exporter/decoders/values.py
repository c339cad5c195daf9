"""Values as senders write them, read as what they should be; what makes no sense becomes None, never an error."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import orjson

from analytics.column_values import float_of

Reader = Callable[[Any], Any]
"""Turns one value into the wanted kind, or None."""

MAX_ERROR: Final = 200
"""Characters kept of an error text."""

_FLAGS: Final = {"true": True, "True": True, "false": False, "False": False}
_LARGEST_INTEGER: Final = 2**63
_REDACTED: Final = ("<REDACTED>", "[REDACTED]")


def text(value: Any) -> str | None:
    """Text with something in it; whole numbers as their digits."""
    if isinstance(value, str):
        return value or None
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < _LARGEST_INTEGER:
        return str(value)
    return None


def first_text(values: Mapping[str, Any], names: Iterable[str]) -> str | None:
    """The first text found under one of several names."""
    for name in names:
        found = text(values.get(name))
        if found is not None:
            return found
    return None


def person(value: Any) -> str | None:
    """An id of a person; an e-mail address is refused, it says more than is needed."""
    name = text(value)
    return None if name is None or "@" in name else name


def number(value: Any) -> int | float | None:
    """A finite number, also from text; a whole number in text becomes an integer, beyond 64 bits a float.

    Whether it is plausible is for the intake to say, which counts what is not.
    """
    if isinstance(value, str):
        if len(value) < 16 and value.isdecimal():
            return int(value)
        try:
            value = float(value)
        except ValueError:  # such as "undefined"
            return None
        value = int(value) if value.is_integer() and abs(value) < _LARGEST_INTEGER else value
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    if isinstance(value, int) and abs(value) >= _LARGEST_INTEGER:
        value = float_of(value)
    return value if math.isfinite(value) else None


def unix_seconds(time_ns: int) -> float:
    """Nanoseconds since the epoch as Unix seconds, to the microsecond, which a float of today can just hold."""
    return time_ns // 1000 / 1e6


def flag(value: Any) -> bool | None:
    """A boolean or one of the words true and false."""
    if isinstance(value, bool):
        return value
    return _FLAGS.get(value) if isinstance(value, str) else None


def prompt_text(value: Any) -> str | None:
    """A prompt's text; None where the agent wrote a marker in its place."""
    return value if isinstance(value, str) and value and value not in _REDACTED else None


def first_line(value: Any) -> str | None:
    """The first line of an error text, cut to ``MAX_ERROR`` characters."""
    if not isinstance(value, str):
        return text(value)
    return value[: MAX_ERROR * 4].strip().partition("\n")[0][:MAX_ERROR].strip() or None


def json_object(value: Any) -> dict[str, Any] | None:
    """An object, also from its JSON text."""
    if isinstance(value, dict):
        return value
    if not isinstance(value, str) or not value.startswith("{"):
        return None
    try:
        parsed = orjson.loads(value)
    except orjson.JSONDecodeError:  # cut by the sender, or no JSON at all
        return None
    return parsed if isinstance(parsed, dict) else None


def json_chars(value: Any) -> int | None:
    """Characters of a value as compact JSON; None where it cannot be written (nested too deeply)."""
    try:
        return len(orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode())
    except orjson.JSONEncodeError:
        return None


def as_list(value: Any) -> list[Any]:
    """A list as it is, anything else as an empty one."""
    return value if isinstance(value, list) else []


def as_object(value: Any) -> Mapping[str, Any]:
    """An object as it is, anything else as an empty one."""
    return value if isinstance(value, dict) else {}
