"""A stand-in for Loki in this process, held to recordings of the real one by ``test_loki_standin.py``.

It takes OTLP/JSON logs and pushes, answers ``query_range``, labels, label values and readiness, keeps tenants apart
and refuses with Loki's own words. What it does not imitate is listed in ``NOT_IMITATED``. ``Fault``s make it misbehave.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import ssl
import sys
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.loki_store import QueryError, Store, counts_of, label_text, otlp_entries, parse_query, streams_of

NOT_IMITATED = {
    "detected_fields": "no code here asks for it",
    "index_stats": "no code here asks for it",
    "instant_vector": "no code here asks for metrics",
    "query_range_parsed_json": "parser stages are Loki's business; the recording is read as it is",
}
"""Recordings that the stand-in does not answer, and why. Also left out: ``stats``, the wording of a malformed push
beyond its first words, detected levels other than ``unknown``, order windows, retention, real ingestion rates."""

SECOND_NS = 1_000_000_000
MAX_LINE_BYTES = 262_144
INGESTION_RATE_BYTES = 4_194_304
OLDEST_SECONDS = 7 * 86_400
FUTURE_SECONDS = 600
TRICKLE_SECONDS = 0.05
MAX_RANGE_NS = (30 * 24 + 1) * 3600 * SECOND_NS


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one request.

    ``kind`` is ``status`` (with ``status`` and ``headers``), ``close`` (no reply), ``cut`` (half the body announced),
    ``truncated`` (half of the JSON, well announced), ``html`` (a login page), ``oversize`` (more than asked for),
    ``hang`` (no reply until ``Standin.released`` is set), ``trickle`` (the right reply, a byte every
    ``TRICKLE_SECONDS`` until ``Standin.released`` is set), ``trickling body`` (the same of the body only), ``trickling
    status`` (the same of a refusal's body), ``shuffled`` (entries in no order), ``plain`` (the right body as
    ``text/plain``) or ``redirect`` (with a header ``Location``).
    """

    kind: str
    status: int = 503
    headers: dict[str, str] = field(default_factory=dict)
    text: str = "broken on purpose\n"


class RefusalError(Exception):
    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


@dataclass
class Request:
    """What the stand-in was asked, for tests to look at."""

    method: str
    path: str
    params: dict[str, str]
    headers: dict[str, str]


@dataclass
class Standin:
    """The server's state; ``now_ns`` is its clock."""

    now_ns: int
    is_multi_tenant: bool = False
    is_ready: bool = True
    max_entries: int = 5000
    closes_above: int | None = None
    """Pages of more entries than this outrun the write time-out: the connection is closed without a reply."""
    url: str = ""
    faults: deque[Fault] = field(default_factory=deque)
    """One for each of the next requests."""
    outage: Fault | None = None
    """Hits every request while it is set and ``faults`` is empty."""
    released: threading.Event = field(default_factory=threading.Event)
    requests: list[Request] = field(default_factory=list)
    stores: dict[str, Store] = field(default_factory=dict)

    def store(self, tenant: str = "fake") -> Store:
        return self.stores.setdefault(tenant, Store())

    def answer(self, request: Request, body: bytes) -> tuple[int, str | dict[str, Any]]:
        """Status and body of a request that no fault hits."""
        if request.path == "/ready":
            return (
                (200, "ready\n") if self.is_ready else (503, "Ingester not ready: waiting for 15s after being ready\n")
            )
        tenant = request.headers.get("x-scope-orgid") if self.is_multi_tenant else "fake"
        if tenant is None:
            raise RefusalError(401, "no org id\n")
        store = self.store(tenant)
        if request.path == "/loki/api/v1/push":
            return self._take_push(store, json.loads(body))
        if request.path == "/otlp/v1/logs":
            for entry in otlp_entries(json.loads(body)):
                store.add(*entry)
            return 204, ""
        if request.path == "/loki/api/v1/query_range":
            return 200, self._query_range(store, request)
        if request.path == "/loki/api/v1/labels":
            return 200, {"status": "success", "data": store.labels()}
        values_of = re.fullmatch(r"/loki/api/v1/label/([^/]+)/values", request.path)
        if values_of is not None:
            return 200, {"status": "success", "data": store.label_values(values_of[1])}
        raise RefusalError(404, "404 page not found\n")

    def _query_range(self, store: Store, request: Request) -> dict[str, Any]:
        params = request.params
        if "count_over_time" in params["query"]:
            return {"status": "success", "data": {"resultType": "matrix", "result": counts_of(store, params)}}
        start, end, limit = int(params["start"]), int(params["end"]), int(params.get("limit", "100"))
        if end <= start:
            raise RefusalError(400, "end timestamp must not be before or equal to start time")
        if limit > self.max_entries:
            reason = f"limit > max_entries_limit_per_query ({limit} > {self.max_entries})"
            raise RefusalError(400, f"max entries limit per query exceeded, {reason}")
        try:
            query = parse_query(params["query"])
        except QueryError as error:
            raise RefusalError(400, str(error)) from error
        if end - start > MAX_RANGE_NS:
            hours = (end - start) // (3600 * SECOND_NS)
            length = f"query length: {hours}h0m0s, limit: 30d1h"
            raise RefusalError(400, f"the query time range exceeds the limit ({length})")
        if self.closes_above is not None and limit > self.closes_above:
            raise ConnectionAbortedError
        is_forward = params.get("direction") == "forward"
        found = store.find(query, (start, end), limit, is_forward=is_forward)
        flags = request.headers.get("x-loki-response-encoding-flags", "")
        data: dict[str, Any] = {"resultType": "streams"}
        if "categorize-labels" in flags:
            data["encodingFlags"] = ["categorize-labels"]
        data["result"] = streams_of(found, is_categorized="categorize-labels" in flags)
        return {"status": "success", "data": data}

    def _take_push(self, store: Store, document: dict[str, Any]) -> tuple[int, str]:
        lines = [(stream["stream"], value) for stream in document["streams"] for value in stream["values"] or [None]]
        if not all(isinstance(labels, dict) for labels, _ in lines):
            raise RefusalError(400, "loghttp.PushRequest.Streams: []loghttp.LogProtoStream: unmarshalerDecoder\n")
        for labels, value in lines:
            self._check_line(label_text(labels), int(value[0]), len(value[1].encode()))
        total = sum(len(value[1].encode()) for _, value in lines)
        if total > INGESTION_RATE_BYTES:
            raise RefusalError(
                429,
                f"ingestion rate limit exceeded for user fake (limit: {INGESTION_RATE_BYTES} bytes/sec) while"
                f" attempting to ingest '{len(lines)}' lines totaling '{total}' bytes, reduce log volume or"
                " contact your Loki administrator to see if the limit can be increased\n",
            )
        for labels, value in lines:
            store.add(int(value[0]), value[1], labels, value[2] if len(value) > 2 else {})
        return 204, ""

    def _check_line(self, stream: str, time_ns: int, length: int) -> None:
        if length > MAX_LINE_BYTES:
            reason = f"while adding an entry with length '{length}' bytes"
            raise RefusalError(
                400, f"max entry size '{MAX_LINE_BYTES}' bytes exceeded for stream '{stream}' {reason}\n"
            )
        oldest = self.now_ns - OLDEST_SECONDS * SECOND_NS
        if time_ns < oldest:
            reason = f"too old: {_rfc3339(time_ns)}, oldest acceptable timestamp is: {_rfc3339(oldest)}"
            raise RefusalError(400, f"entry for stream '{stream}' has timestamp {reason}\n")
        if time_ns > self.now_ns + FUTURE_SECONDS * SECOND_NS:
            raise RefusalError(400, f"entry for stream '{stream}' has timestamp too new: {_rfc3339(time_ns)}\n")


def _rfc3339(time_ns: int) -> str:
    return datetime.fromtimestamp(time_ns // SECOND_NS, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class _Trickle(io.BytesIO):
    """Passes on what is written a byte at a time, until it is released."""

    def __init__(self, writing: Any, released: threading.Event) -> None:
        super().__init__()
        self._writing, self._released = writing, released

    def write(self, content: Any) -> int:
        for byte in bytes(content):
            self._released.wait(TRICKLE_SECONDS)
            self._writing.write(bytes([byte]))
        return len(content)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are two writes: the second would wait for the client's word
    standin: Standin

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, parts.path, dict(parse_qsl(parts.query)), headers)
        body = self.rfile.read(int(headers.get("content-length", "0")))
        self.standin.requests.append(request)
        if headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        fault = self.standin.faults.popleft() if self.standin.faults else self.standin.outage
        if fault is not None and fault.kind == "hang":
            self.standin.released.wait(10)
        if fault is not None and fault.kind in ("close", "hang"):
            self.close_connection = True
            return
        if fault is not None and fault.kind in ("status", "redirect", "trickling status"):
            self._reply(fault.status, "text/plain; charset=utf-8", fault.text.encode(), fault.headers, fault.kind)
            return
        self._answer(request, body, fault)

    def do_POST(self) -> None:
        self.do_GET()

    def _answer(self, request: Request, body: bytes, fault: Fault | None) -> None:
        try:
            status, answer = self.standin.answer(request, body)
        except RefusalError as refusal:
            status, answer = refusal.status, refusal.text
        except ConnectionAbortedError:
            self.close_connection = True
            return
        kind = fault.kind if fault is not None else ""
        if kind in ("oversize", "shuffled") and isinstance(answer, dict):
            for stream in answer["data"]["result"]:
                stream["values"] = stream["values"] * 2 if kind == "oversize" else stream["values"][::-1]
        media_type = "text/plain; charset=utf-8" if isinstance(answer, str) else "application/json; charset=UTF-8"
        content = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
        if kind == "plain":
            media_type = "text/plain"
        if kind == "html":
            media_type, content = "text/html", b"<html>log in</html>"
        if kind == "truncated":
            content = content[: len(content) // 2]
        self._reply(status, media_type if status != 204 else "", content, {}, kind)

    def _reply(self, status: int, media_type: str, content: bytes, headers: dict[str, str], kind: str) -> None:
        is_cut, writing = kind == "cut", self.wfile
        if kind == "trickle":
            self.wfile = _Trickle(writing, self.standin.released)
        self.send_response(status)
        for name, value in {"Content-Type": media_type, **headers}.items():
            if value:
                self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if kind.startswith("trickling"):
            self.wfile = _Trickle(writing, self.standin.released)
        self.wfile.write(content[: len(content) // 2] if is_cut else content)
        self.wfile = writing
        self.close_connection = self.close_connection or is_cut

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True  # idle keep-alive connections must not hold up the end of a test

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up in the middle are what some tests are about."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def running_standin(now_ns: int, tls: ssl.SSLContext | None = None, **settings: Any) -> Iterator[Standin]:
    """A stand-in that listens on a free port of the loopback address until the block is left."""
    standin = Standin(now_ns, **settings)
    handler = type("Handler", (_Handler,), {"standin": standin})
    with _Server(("127.0.0.1", 0), handler) as server:
        standin.url = f"http{'s' if tls else ''}://127.0.0.1:{server.server_port}"
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield standin
        finally:
            standin.released.set()
            server.shutdown()
            thread.join()
