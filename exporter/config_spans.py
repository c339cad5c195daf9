"""Spans of time in a configuration: how they are written, read and shown again.

As in ``config_values``, a reader raises ``ValueError`` with one line that says what to write and repeats no value.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from pydantic import PlainSerializer, PlainValidator

MAX_REASON: Final = 500
"""Characters of a span's reason."""

_KEYS: Final = {"from", "to", "reason"}
_NOT_A_SPAN: Final = "must be a span of time (write {from: 2026-11-01, to: 2026-11-02T12:00:00Z, reason: incident})"


@dataclass(frozen=True, slots=True)
class TimeSpan:
    """A span of time, ``begin`` <= t < ``end``, both aware of their time zone, and why it is named."""

    begin: datetime
    end: datetime
    reason: str = ""


def parse_span(value: object) -> TimeSpan:
    """A span written ``{from: TIME, to: TIME, reason: TEXT}``; a time without offset is UTC, a date its midnight."""
    if isinstance(value, TimeSpan):
        return value
    if not isinstance(value, dict) or not {"from", "to"} <= value.keys() <= _KEYS:
        raise ValueError(_NOT_A_SPAN)
    begin, end, reason = _moment(value["from"]), _moment(value["to"]), value.get("reason", "")
    if begin >= end:
        raise ValueError("must end after it begins (exchange from and to)")
    if not isinstance(reason, str) or len(reason) > MAX_REASON:
        raise ValueError(f"has a reason that is no text of at most {MAX_REASON} characters (shorten it)")
    return TimeSpan(begin, end, reason)


def _moment(value: object) -> datetime:
    if not isinstance(value, str):
        raise ValueError(_NOT_A_SPAN)  # noqa: TRY004 - pydantic collects ValueError, not TypeError
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise ValueError(_NOT_A_SPAN) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def show_span(span: TimeSpan) -> dict[str, Any]:
    """The span as in the file."""
    return {"from": span.begin.isoformat(), "to": span.end.isoformat(), "reason": span.reason}


ExcludedSpan = Annotated[TimeSpan, PlainValidator(parse_span), PlainSerializer(show_span, return_type=dict[str, Any])]
