"""Times of native event lines: milliseconds since the epoch, as RFC 3339 text or Unix seconds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from analytics.simulation.errors import UnusableSessionError

SECOND: Final = 1_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def stamp(milliseconds: int) -> str:
    """RFC 3339 text in UTC with milliseconds."""
    seconds, rest = divmod(milliseconds, SECOND)
    day, second = divmod(seconds, 86_400)
    minute, second = divmod(second, 60)
    hour, minute = divmod(minute, 60)
    return f"{_date(day)}T{hour:02d}:{minute:02d}:{second:02d}.{rest:03d}Z"


@lru_cache(maxsize=4096)
def _date(day: int) -> str:
    return (_EPOCH + timedelta(days=day)).strftime("%Y-%m-%d")


def milliseconds_of(value: Any) -> int:
    """Milliseconds since the epoch of a ``timestamp`` field, rounded down; raises as ``microseconds_of`` does."""
    return microseconds_of(value) // 1_000


def microseconds_of(value: Any) -> int:
    """Microseconds since the epoch of a ``timestamp`` field.

    Raises:
        UnusableSessionError: the value is neither RFC 3339 text nor a number of seconds up to the year 9892.
    """
    try:
        if isinstance(value, str):
            moment = datetime.fromisoformat(value)
            aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            return (aware - _EPOCH) // _MICROSECOND
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 2.5e11:
            return round(value * 1_000_000)
    except (ValueError, OverflowError) as error:
        raise _unreadable(value) from error
    raise _unreadable(value)


def _unreadable(value: Any) -> UnusableSessionError:
    return UnusableSessionError(f"timestamp {value!r:.60} cannot be read; use RFC 3339 or Unix seconds")


def restamped(value: Any, microseconds: int) -> str | float | int:
    """A new time in the form an old ``timestamp`` had: text to the millisecond, or seconds."""
    if isinstance(value, str):
        return stamp(microseconds // 1_000)
    seconds, rest = divmod(microseconds, 1_000_000)
    return seconds if isinstance(value, int) and not rest else microseconds / 1_000_000
