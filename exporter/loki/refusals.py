"""What Loki's refusals mean: from status and text to an error that says what to do."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from exporter.loki.errors import (
    LokiBadPush,
    LokiBadQuery,
    LokiBadReply,
    LokiError,
    LokiLimit,
    LokiRefused,
    LokiUnavailable,
    Outlook,
)

TRANSIENT_STATUSES: Final = frozenset((429, 500, 502, 503, 504))
MAX_TEXT: Final = 300
"""Characters of the server's text that a message repeats."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer of Loki.

    Attributes:
        url: the address asked, without credentials and parameters.
        operation: what was tried, such as ``query_range`` or ``push``.
        status: HTTP status.
        text: the body.
        retry_after: seconds to wait, None where the server did not say.
    """

    url: str
    operation: str
    status: int
    text: str
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class _KnownLimit:
    """A limit that Loki names only in prose: the text to look for, its setting and the way out."""

    pattern: re.Pattern[str]
    limit: str
    remedy: str
    is_overload: bool = False


_KNOWN_LIMITS: Final = (
    _KnownLimit(
        re.compile(r"max entries limit per query exceeded.*\(\d+ > (?P<maximum>\d+)\)"),
        "max_entries_limit_per_query",
        "lower sources.loki.page_limit or raise it on the server",
    ),
    _KnownLimit(re.compile(r"query time range exceeds the limit"), "max_query_length", "lower sources.loki.slice"),
    _KnownLimit(
        re.compile(r"query would read too many bytes"),
        "max_query_bytes_read",
        "lower sources.loki.slice or narrow sources.loki.selectors",
    ),
    _KnownLimit(
        re.compile(r"timed out|deadline exceeded|context canceled"),
        "query_timeout",
        "lower sources.loki.page_limit or sources.loki.slice, or raise it on the server",
        is_overload=True,
    ),
    _KnownLimit(
        re.compile(r"message larger than max|max message size"),
        "grpc_server_max_recv_msg_size",
        "lower sources.loki.page_limit or raise it on the server",
        is_overload=True,
    ),
    _KnownLimit(
        re.compile(r"too many outstanding requests"), "max_outstanding_per_tenant", "lower sources.loki.threads"
    ),
    _KnownLimit(
        re.compile(r"per stream rate limit exceeded", re.IGNORECASE),
        "per_stream_rate_limit",
        "push more slowly or into more streams",
    ),
    _KnownLimit(re.compile(r"ingestion rate limit exceeded", re.IGNORECASE), "ingestion_rate_mb", "push more slowly"),
    _KnownLimit(
        re.compile(r"has timestamp too old"),
        "reject_old_samples_max_age",
        "push newer lines or raise it on the server",
    ),
    _KnownLimit(re.compile(r"has timestamp too new"), "creation_grace_period", "correct the clock of the sender"),
    _KnownLimit(re.compile(r"entry too far behind"), "max_chunk_age", "push the lines of a stream oldest first"),
    _KnownLimit(re.compile(r"max entry size"), "max_line_size", "shorten the line or raise it on the server"),
    _KnownLimit(re.compile(r"stream limit exceeded"), "max_global_streams_per_user", "push with fewer distinct labels"),
    _KnownLimit(
        re.compile(r"structured metadata too (large|many)|has structured metadata too"),
        "max_structured_metadata_size",
        "push less metadata with a line",
    ),
)


def error_of(refusal: Refusal) -> LokiError:
    """The error that a status other than success stands for."""
    said = f"{refusal.url}: Loki answers {refusal.status}: {one_line(refusal.text)}"
    if refusal.status == 404 or 300 <= refusal.status < 400:
        return LokiBadReply(f"{said}; set url to Loki's base address, redirects are not followed")
    if refusal.status in (401, 403):
        remedy = "set tenant" if "no org id" in refusal.text else "check tenant, username and password, or bearer_token"
        return LokiRefused(f"{said}; {remedy}")
    limit = _limit_of(refusal, said)
    if limit is not None:
        return limit
    if refusal.status in TRANSIENT_STATUSES or refusal.status >= 500:
        return LokiUnavailable(
            f"{said}; see Loki's own log",
            Outlook(refusal.status in TRANSIENT_STATUSES, retry_after=refusal.retry_after),
        )
    if refusal.operation == "push":
        return LokiBadPush(f"{said}; the push is malformed")
    return LokiBadQuery(f"{said}; correct the query")


def _limit_of(refusal: Refusal, said: str) -> LokiLimit | None:
    """The limit that the text speaks of, None where it speaks of none."""
    for known in _KNOWN_LIMITS:
        found = known.pattern.search(refusal.text)
        if found is None:
            continue
        maximum = found.groupdict().get("maximum")
        return LokiLimit(
            f"{said}; the server's limit {known.limit} stands in the way: {known.remedy}",
            limit=known.limit,
            maximum=None if maximum is None else int(maximum),
            outlook=Outlook(refusal.status in TRANSIENT_STATUSES, known.is_overload, refusal.retry_after),
        )
    return None


def one_line(text: str) -> str:
    """The server's text on one line, bounded and without control characters.

    Of a malformed push Loki repeats a part of the body, which may hold prompts and commands: that is left out.
    """
    text = text.partition(", error found in")[0]
    printable = "".join(character if character.isprintable() else " " for character in text[:MAX_TEXT])
    return " ".join(printable.split()) or "nothing"
