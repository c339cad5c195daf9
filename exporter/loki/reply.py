"""Bodies of Loki's replies become entries and names; what does not look like Loki is refused."""

from __future__ import annotations

from operator import itemgetter
from typing import Any, Final

import orjson

from exporter.loki.entry import LokiEntry
from exporter.loki.errors import LokiBadReply, Outlook
from exporter.loki.transport import LokiReply

_ENTRY_TIME: Final = itemgetter(0)


def parse_entries(reply: LokiReply, url: str) -> list[LokiEntry]:
    """The entries of a ``query_range`` reply in both encodings, oldest first; equal times keep Loki's order.

    Raises:
        LokiBadReply: not JSON, no streams (such as the result of a metric query), or entries of another shape.
    """
    data = _data_of(reply, url)
    if not isinstance(data, dict) or data.get("resultType") != "streams":
        raise LokiBadReply(f"{url}: the reply holds no log lines; give a log query, not a metric query")
    try:
        entries = [entry for stream in data["result"] for entry in _stream_entries(stream)]
    except (TypeError, ValueError, LookupError, AttributeError) as error:
        raise LokiBadReply(f"{url}: the reply's streams are not in Loki's form; check that url is Loki's") from error
    entries.sort(key=_ENTRY_TIME)
    return entries


def _stream_entries(stream: dict[str, Any]) -> list[LokiEntry]:
    """The entries of one stream; all share one mapping of labels."""
    labels, values = dict(stream["stream"]), stream["values"]
    if not all(isinstance(value[1], str) for value in values):
        raise TypeError("a line must be text")
    return [
        LokiEntry(int(value[0]), labels, _metadata(value[2]) if len(value) > 2 else {}, value[1]) for value in values
    ]


def _metadata(categories: dict[str, dict[str, str]]) -> dict[str, str]:
    """Structured metadata and what the query extracted, as one; the metadata wins, as in the default encoding."""
    metadata = categories.get("structuredMetadata") or {}
    if not isinstance(metadata, dict):
        raise TypeError("structured metadata must be an object")
    parsed = categories.get("parsed")
    return {**parsed, **metadata} if parsed else metadata


def parse_counts(reply: LokiReply, url: str) -> dict[int, int]:
    """The counts of a metric query of one series, by Unix second; moments without entries are left out.

    Raises:
        LokiBadReply: not JSON, no matrix, or numbers of another shape.
    """
    data = _data_of(reply, url)
    if not isinstance(data, dict) or data.get("resultType") != "matrix":
        raise LokiBadReply(f"{url}: the reply holds no counts; check that url is Loki's")
    try:
        return {int(moment): int(value) for series in data["result"] for moment, value in series["values"]}
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise LokiBadReply(f"{url}: the reply's counts are not in Loki's form; check that url is Loki's") from error


def parse_names(reply: LokiReply, url: str) -> list[str]:
    """The names of a ``labels`` or label values reply; Loki leaves ``data`` out where there are none.

    Raises:
        LokiBadReply: not JSON, or no list of texts.
    """
    names = _data_of(reply, url) or []
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise LokiBadReply(f"{url}: the reply is no list of names; check that url is Loki's")
    return names


def _data_of(reply: LokiReply, url: str) -> Any:
    """The ``data`` of a successful JSON reply."""
    if reply.content_type.partition(";")[0].strip().lower() != "application/json":
        raise LokiBadReply(
            f"{url}: the reply is {reply.content_type[:80]!r}, not JSON; check that url is Loki's and no login page"
        )
    document = _parse_json(reply.body, url)
    if not isinstance(document, dict) or document.get("status") != "success":
        raise LokiBadReply(f"{url}: the reply does not say success; check that url is Loki's")
    return document.get("data")


def _parse_json(body: bytes, url: str) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        # A shipper may have written bytes that are no UTF-8; one such line must not block the reading for ever.
        repaired = body.decode("utf-8", "replace")
    try:
        return orjson.loads(repaired)
    except orjson.JSONDecodeError as error:
        message = f"{url}: the reply is no whole JSON document; check what lies between here and Loki"
        raise LokiBadReply(message, Outlook(is_transient=True)) from error
