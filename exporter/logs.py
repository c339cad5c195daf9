"""The exporter's own log: standard logging, one line a record on standard error, as logfmt or JSON.

Much of what is logged was written by others: names, paths and server answers. Whatever is not printable is escaped
in every value, so that no value can begin a line of its own or steer a terminal, and long values are cut.

Fields of a record are given as ``extra``: ``logger.info("cycle finished", extra={"sessions": 12})``.
"""

from __future__ import annotations

import logging
import re
import sys
import traceback
from datetime import UTC, datetime
from pathlib import PurePath
from typing import Any, Final, Literal, TextIO

import orjson

MAX_MESSAGE: Final = 8192
MAX_VALUE: Final = 2048
"""Characters of a message and of one extra field that are kept."""

QUIET: Final = ("apscheduler", "urllib3")
"""Libraries whose routine records say nothing that our own do not; heard at level debug only."""

_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_BARE: Final = re.compile(r"[^\s\"=\\]+")
_NOT_A_NAME: Final = re.compile(r"[^A-Za-z0-9_.]")
_MAX_CAUSES: Final = 5

Scalar = str | int | float | bool | None


def one_line(text: str, limit: int = MAX_VALUE) -> str:
    """The text with everything unprintable (line ends, control and direction characters) escaped, and cut to a limit.

    ``limit`` is in characters of the text given; what is cut shows as an ellipsis.
    """
    kept = text if len(text) <= limit else text[:limit] + "…"
    if kept.isprintable():
        return kept
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in kept
    )


class _Handler(logging.StreamHandler[TextIO]):
    """Marks the handler that a later configuration replaces."""


def configure_logging(
    level: str, log_format: Literal["text", "json"], stream: TextIO | None = None, *, debug: bool = False
) -> None:
    """Send every record of at least ``level`` to the stream, standard error when None.

    An exception becomes part of its record's line; under ``debug`` its stack trace is shown. Calling this again
    replaces what was set before.
    """
    handler = _Handler(stream if stream is not None else sys.stderr)
    handler.setFormatter(JsonFormatter(debug=debug) if log_format == "json" else TextFormatter(debug=debug))
    root, threshold = logging.getLogger(), logging.getLevelNamesMapping()[level.upper()]
    for earlier in [earlier for earlier in root.handlers if isinstance(earlier, _Handler)]:
        root.removeHandler(earlier)
    root.addHandler(handler)
    root.setLevel(threshold)
    for name in QUIET:
        logging.getLogger(name).setLevel(
            logging.NOTSET if threshold <= logging.DEBUG else max(threshold, logging.WARNING)
        )
    logging.captureWarnings(capture=True)


def record_fields(record: logging.LogRecord) -> dict[str, Scalar]:
    """A record's time (UTC), level, logger, message and extra fields, every one safe to print on one line.

    An extra field with the name of one before it gets an underscore.
    """
    time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    fields: dict[str, Scalar] = {
        "time": time.replace("+00:00", "Z"),
        "level": record.levelname.lower(),
        "logger": one_line(record.name),
        "message": one_line(record.getMessage().strip(), MAX_MESSAGE),
    }
    for name, value in vars(record).items():
        if name not in _STANDARD:
            key = _NOT_A_NAME.sub("_", name)
            fields[f"{key}_" if key in fields else key] = _scalar(value)
    if record.exc_info and record.exc_info[1] is not None:
        fields["error"] = describe_error(record.exc_info[1])
    return fields


def describe_error(error: BaseException) -> str:
    """An exception and its causes on one line, with the place it came from."""
    parts: list[str] = []
    link: BaseException | None = error
    while link is not None and len(parts) < _MAX_CAUSES:
        parts.append(one_line(f"{type(link).__name__}: {link}".removesuffix(": ")))
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({PurePath(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return " from ".join(parts) + place


def _scalar(value: Any) -> Scalar:
    """A value as JSON holds it; what JSON cannot hold is text."""
    if value is None or isinstance(value, (bool, float)):
        return value
    if isinstance(value, int) and value.bit_length() < 64:
        return int(value)
    return one_line(str(value))


def _stack_trace(record: logging.LogRecord) -> list[str]:
    if not record.exc_info or record.exc_info[1] is None:
        return []
    return [one_line(line) for line in "".join(traceback.format_exception(record.exc_info[1])).splitlines()]


class _Formatter(logging.Formatter):
    """What both formats share: whether stack traces are shown."""

    def __init__(self, *, debug: bool = False) -> None:
        super().__init__()
        self._debug = debug


class TextFormatter(_Formatter):
    """Records as logfmt; a stack trace follows on indented lines, which no value can imitate."""

    def format(self, record: logging.LogRecord) -> str:
        """One record."""
        pairs = (f"{name}={_quoted(value)}" for name, value in record_fields(record).items())
        trace = [f"    {line}" for line in _stack_trace(record)] if self._debug else []
        return "\n".join([" ".join(pairs), *trace])


class JsonFormatter(_Formatter):
    """Records as one JSON object a line; a stack trace is a list of its lines."""

    def format(self, record: logging.LogRecord) -> str:
        """One record."""
        fields: dict[str, Scalar | list[str]] = dict(record_fields(record))
        trace = _stack_trace(record) if self._debug else []
        if trace:
            fields["stack_trace"] = trace
        return orjson.dumps(fields).decode()


def _quoted(value: Scalar) -> str:
    """A value as logfmt writes it: bare where that is unambiguous, else in double quotes."""
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    if _BARE.fullmatch(text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
