"""Loki's HTTP API as far as it is needed here, with retries."""

from __future__ import annotations

import gzip
import random
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Literal, Self, TypeVar
from urllib.parse import quote

import orjson

from exporter.loki.entry import Page
from exporter.loki.errors import LokiBadReply, LokiError, LokiLimit
from exporter.loki.ledger import HOUR_SECONDS
from exporter.loki.page_limit import PageLimit
from exporter.loki.reply import parse_counts, parse_entries, parse_names
from exporter.loki.settings import LokiSettings
from exporter.loki.transport import LokiRequest, Transport

QUERY_RANGE_PATH: Final = "/loki/api/v1/query_range"
PUSH_PATH: Final = "/loki/api/v1/push"
OPERATIONS: Final = ("query_range", "labels", "label_values", "ready", "push")
OUTCOMES: Final = ("success", "retried", "failed")
"""What becomes of each request sent: answered, to be sent again, or given up."""

_CATEGORIZE: Final = {"X-Loki-Response-Encoding-Flags": "categorize-labels"}

Direction = Literal["forward", "backward"]
RequestObserver = Callable[[str, str], None]
Result = TypeVar("Result")


def _ignore_request(_operation: str, _outcome: str) -> None:
    """The observer where nobody counts."""


class LokiClient:
    """A client of one Loki; safe to share between threads.

    Args:
        settings: address, credentials and bounds.
        on_request: told the operation (of ``OPERATIONS``) and outcome (of ``OUTCOMES``) of each request sent,
            from whichever thread sent it.
        sleep: waits some seconds before a request is sent again.
        clock: Unix seconds now, to read a ``Retry-After`` that is a date.
        rng: spreads the waits.
    """

    def __init__(
        self,
        settings: LokiSettings,
        on_request: RequestObserver = _ignore_request,
        *,
        sleep: Callable[[float], object] = time.sleep,
        clock: Callable[[], float] = time.time,
        rng: random.Random | None = None,
    ) -> None:
        self.settings = settings
        self._on_request = on_request
        self._sleep = sleep
        self._rng = random.Random() if rng is None else rng  # noqa: S311 - spreads waits, guards nothing
        self._transport = Transport(settings, clock)
        self._page_limit = PageLimit(settings.page_limit)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close idle connections."""
        self._transport.close()

    @property
    def page_limit(self) -> int:
        """How many entries a page had best ask for now: the setting, less what Loki allows or lately managed."""
        return self._page_limit.current

    def query_range(self, query: str, start_ns: int, end_ns: int, limit: int, direction: Direction = "forward") -> Page:
        """Up to ``limit`` entries with start <= time < end, the first in that direction, oldest first.

        The page may be asked for with a lower limit: the server's where it refuses more, half of it where the
        server could not answer in time; ``Page.limit`` says which.

        Raises:
            LokiError: after the last attempt.
        """
        wished = limit

        def fetch() -> Page:
            nonlocal wished
            wished = self._page_limit.allowed(wished)
            try:
                page = self._fetch_page(_query_request(query, (start_ns, end_ns), wished, direction))
            except LokiError as error:
                if isinstance(error, LokiLimit) and error.maximum and error.maximum < wished:
                    self._page_limit.adopt(error.maximum)
                    self._on_request("query_range", "retried")
                    return fetch()
                if error.outlook.is_overload:
                    wished = self._page_limit.shrink(wished)
                raise
            self._page_limit.succeed()
            return page

        return self._with_retries("query_range", fetch)

    def count_by_hour(self, query: str, hours: range) -> dict[int, int]:
        """How many entries Loki has of some neighbouring hours, by their ends in Unix seconds; empty ones left out.

        Raises:
            LokiError: after the last attempt.
        """
        params = {
            "query": f"sum(count_over_time({query}[{HOUR_SECONDS}s]))",
            "start": str(hours[0]),
            "end": str(hours[-1]),
            "step": str(HOUR_SECONDS),
        }
        # An hour that grows late must not be answered from a cache of results.
        request = LokiRequest("query_range", "GET", QUERY_RANGE_PATH, params, {"Cache-Control": "no-cache"})
        url = self._transport.url(QUERY_RANGE_PATH)
        return self._with_retries("query_range", lambda: parse_counts(self._transport.send(request), url))

    def labels(self, start_ns: int, end_ns: int) -> list[str]:
        """Names of the stream labels seen between two times."""
        return self._names("labels", "/loki/api/v1/labels", (start_ns, end_ns))

    def label_values(self, label: str, start_ns: int, end_ns: int) -> list[str]:
        """Values of one stream label seen between two times."""
        path = f"/loki/api/v1/label/{quote(label, safe='')}/values"
        return self._names("label_values", path, (start_ns, end_ns))

    def ready(self) -> bool:
        """Whether Loki says that it is ready. Asks once; no answer counts as not ready."""
        try:
            self._transport.send(LokiRequest("ready", "GET", "/ready"))
        except LokiError:
            self._on_request("ready", "failed")
            return False
        self._on_request("ready", "success")
        return True

    def push(self, streams: Sequence[Mapping[str, Any]]) -> None:
        """Write streams in the form of Loki's push API, compressed.

        Raises:
            LokiError: after the last attempt; Loki may have kept the lines that it had nothing against.
        """
        body = gzip.compress(orjson.dumps({"streams": streams}), compresslevel=4)
        headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
        request = LokiRequest("push", "POST", PUSH_PATH, headers=headers, body=body)
        self._with_retries("push", lambda: self._transport.send(request))

    def _names(self, operation: str, path: str, span: tuple[int, int]) -> list[str]:
        request = LokiRequest(operation, "GET", path, params={"start": str(span[0]), "end": str(span[1])})
        url = self._transport.url(path)
        return self._with_retries(operation, lambda: parse_names(self._transport.send(request), url))

    def _fetch_page(self, request: LokiRequest) -> Page:
        """One page, asked for once; an answer to another question is refused."""
        url = self._transport.url(request.path)
        start_ns, end_ns, limit = (int(request.params[name]) for name in ("start", "end", "limit"))
        entries = parse_entries(self._transport.send(request), url)
        if len(entries) > limit:
            raise LokiBadReply(
                f"{url}: {len(entries)} entries came, not the {limit} asked for; check that url is Loki's"
            )
        if entries and not (start_ns <= entries[0].time_ns and entries[-1].time_ns < end_ns):
            raise LokiBadReply(f"{url}: entries of another time than asked for came; check that url is Loki's")
        return Page(entries, limit)

    def _with_retries(self, operation: str, send: Callable[[], Result]) -> Result:
        """Send until it succeeds, fails for good or has been tried often enough."""
        attempt = 1
        while True:
            try:
                result = send()
            except LokiError as error:
                is_last = not error.outlook.is_transient or attempt >= self.settings.max_attempts
                self._on_request(operation, "failed" if is_last else "retried")
                if is_last:
                    raise
                self._sleep(self._wait(attempt, error.outlook.retry_after))
                attempt += 1
            else:
                self._on_request(operation, "success")
                return result

    def _wait(self, attempt: int, retry_after: float | None) -> float:
        """Seconds before the next attempt: exponential with jitter, at least what the server asked, capped."""
        longest = self.settings.backoff_max_seconds
        wait = min(longest, self.settings.backoff_base_seconds * 2.0 ** min(attempt - 1, 30))
        wait *= self._rng.uniform(0.5, 1.0)
        return wait if retry_after is None else min(longest, max(wait, retry_after))


def _query_request(query: str, span: tuple[int, int], limit: int, direction: Direction) -> LokiRequest:
    params = {
        "query": query,
        "start": str(span[0]),
        "end": str(span[1]),
        "limit": str(limit),
        "direction": direction,
    }
    return LokiRequest("query_range", "GET", QUERY_RANGE_PATH, params=params, headers=_CATEGORIZE)
