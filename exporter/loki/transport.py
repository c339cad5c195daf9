"""One HTTP request to Loki: sessions, credentials, bounds of time and size; what goes wrong is a ``LokiError``."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Final

import requests
from requests.auth import AuthBase, HTTPBasicAuth

from exporter.loki.errors import LokiBadReply, LokiError, Outlook
from exporter.loki.failures import error_of_failure
from exporter.loki.refusals import Refusal, error_of
from exporter.loki.settings import LokiSettings
from exporter.loki.timed_reply import TimedAdapter

CHUNK_BYTES: Final = 256 * 1024
MAX_REFUSAL_BYTES: Final = 16 * 1024
"""Bytes read of the body of a refusal."""


@dataclass(frozen=True, slots=True)
class LokiRequest:
    """One request.

    Attributes:
        operation: ``query_range``, ``labels``, ``label_values``, ``ready`` or ``push``.
        method: HTTP method.
        path: path below the base address.
        params: query parameters.
        headers: further headers.
        body: what to send.
    """

    operation: str
    method: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class LokiReply:
    """A successful answer: status, media type and body."""

    status: int
    content_type: str
    body: bytes


class _Bearer(AuthBase):
    """A bearer token, or nothing at all; either way requests does not look into a .netrc file."""

    def __init__(self, token: str | None) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token is not None:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class Transport:
    """Sends single requests; safe to share between threads, each of which gets a session of its own.

    Args:
        settings: address, credentials, TLS and bounds.
        clock: Unix seconds now, to read a ``Retry-After`` that is a date.
    """

    def __init__(self, settings: LokiSettings, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._clock = clock
        self._idle: deque[requests.Session] = deque()

    def url(self, path: str) -> str:
        """The address of a path, without credentials and parameters."""
        return self._settings.url.rstrip("/") + path

    def send(self, request: LokiRequest) -> LokiReply:
        """Send once.

        Raises:
            LokiError: no answer, one that is not whole in time, a refusal, or a body that is cut or too large.
        """
        with self._session() as session:
            try:
                return self._exchange(session, request)
            except OSError as error:  # of requests too: its own exceptions are OSErrors, and it lets some through
                raise error_of_failure(self.url(request.path), error) from error

    def close(self) -> None:
        """Close idle connections; the transport stays usable."""
        while self._idle:
            self._idle.pop().close()

    def _exchange(self, session: requests.Session, request: LokiRequest) -> LokiReply:
        tls = self._settings.tls
        with session.request(
            request.method,
            self.url(request.path),
            params=request.params,
            data=request.body,
            headers=request.headers,
            timeout=self._settings.timeout_seconds,
            allow_redirects=False,  # a redirect would carry the tenant, perhaps the credentials, elsewhere
            stream=True,
            # With each request: the session's own setting gives way to REQUESTS_CA_BUNDLE.
            verify=False if tls.insecure_skip_verify else tls.ca_file or True,
            cert=(tls.cert_file, tls.key_file) if tls.cert_file and tls.key_file else tls.cert_file,
        ) as response:
            if not 200 <= response.status_code < 300:
                raise self._refusal(request, response)
            body = self._read_body(request, response)
            return LokiReply(response.status_code, response.headers.get("Content-Type", ""), body)

    def _read_body(self, request: LokiRequest, response: requests.Response) -> bytes:
        """The whole body, decompressed, unless it is larger than allowed."""
        body = bytearray()
        for chunk in response.iter_content(CHUNK_BYTES):
            body += chunk
            if len(body) > self._settings.max_reply_bytes:
                raise LokiBadReply(
                    f"{self.url(request.path)}: the reply is larger than {self._settings.max_reply_bytes} bytes;"
                    " lower sources.loki.page_limit",
                    Outlook(is_transient=True, is_overload=True),
                )
        return bytes(body)

    def _refusal(self, request: LokiRequest, response: requests.Response) -> LokiError:
        text = next(response.iter_content(MAX_REFUSAL_BYTES), b"").decode("utf-8", "replace")
        if 300 <= response.status_code < 400:
            text = "a redirect"
        return error_of(
            Refusal(
                url=self.url(request.path),
                operation=request.operation,
                status=response.status_code,
                text=text,
                retry_after=self._retry_after(response.headers.get("Retry-After")),
            )
        )

    def _retry_after(self, value: str | None) -> float | None:
        """Seconds to wait from a ``Retry-After`` in seconds or as a date; None where there is no good one."""
        if value is None:
            return None
        if value.strip().isdecimal():
            return float(value[:10])
        try:
            return max(0.0, parsedate_to_datetime(value).timestamp() - self._clock())
        except ValueError:
            return None

    @contextlib.contextmanager
    def _session(self) -> Iterator[requests.Session]:
        """A session that no other thread uses meanwhile."""
        try:
            session = self._idle.pop()
        except IndexError:
            session = self._open_session()
        try:
            yield session
        finally:
            self._idle.append(session)

    def _open_session(self) -> requests.Session:
        settings = self._settings
        session = requests.Session()
        for scheme in ("http://", "https://"):
            session.mount(scheme, TimedAdapter())
        session.auth = _Bearer(settings.bearer_token)
        if settings.basic is not None:
            user, password = settings.basic
            session.auth = HTTPBasicAuth(user.encode(), password.encode())
        if settings.tenant is not None:
            session.headers["X-Scope-OrgID"] = settings.tenant
        return session
