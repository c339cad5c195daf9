"""How to reach Loki and how to read it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

DAY_SECONDS: Final = 86_400.0
MOST_COUNTED_SECONDS: Final = 31 * DAY_SECONDS
"""Entries are counted by hour no further back than this: each hour is a number in the position that is stored."""


@dataclass(frozen=True, slots=True)
class LokiTls:
    """TLS of the connection.

    Attributes:
        ca_file: certificates to trust instead of the system's.
        cert_file: the client's certificate; may hold the key as well.
        key_file: the client's key.
        insecure_skip_verify: accept any certificate.
    """

    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    insecure_skip_verify: bool = False


@dataclass(frozen=True, slots=True)
class LokiSettings:
    """Where Loki is, who we are to it and how much to ask for at a time.

    Attributes:
        url: base address such as ``https://loki.example:3100``, without user name or password.
        selectors: LogQL stream selectors or whole log queries; each is read on its own.
        tenant: value of the header ``X-Scope-OrgID``.
        basic: user name and password. Never shown.
        bearer_token: instead of ``basic``. Never shown.
        tls: certificates.
        timeout_seconds: to connect; from then on for the whole reply. The second is longer than Loki's own
            ``query_timeout`` (1 min), so that Loki can say that it timed out.
        page_limit: entries asked for in one request.
        max_reply_bytes: a longer reply is not read to its end.
        slice_seconds: longest stretch of time read in one piece during a back-fill.
        threads: slices read at the same time; Loki is the bottleneck, more than four make it slower.
        overlap_seconds: how much late an entry may arrive in Loki and be read by the next read.
        late_seconds: how much late an entry may arrive and be found by counting, every ``late_check_seconds``; 0 for
            not counting.
        late_check_seconds: from one count to the next.
        lost_check_seconds: from one count to the next of entries that came later than that.
        lookback_seconds: how far the first read goes back.
        max_attempts: tries of one request, the first included.
        backoff_base_seconds: longest wait after the first failure; doubles with each further one.
        backoff_max_seconds: longest wait, also of a ``Retry-After``.

    Raises:
        ValueError: a value that cannot work; the message names the setting and never a secret.
    """

    url: str
    selectors: tuple[str, ...] = ('{service_name="claude-code"}',)
    tenant: str | None = None
    basic: tuple[str, str] | None = field(default=None, repr=False)
    bearer_token: str | None = field(default=None, repr=False)
    tls: LokiTls = LokiTls()
    timeout_seconds: tuple[float, float] = (5.0, 75.0)
    page_limit: int = 5000
    max_reply_bytes: int = 64 * 2**20
    slice_seconds: float = 3600.0
    threads: int = 3
    overlap_seconds: float = 300.0
    late_seconds: float = DAY_SECONDS
    late_check_seconds: float = 900.0
    lost_check_seconds: float = DAY_SECONDS
    lookback_seconds: float = 30 * DAY_SECONDS
    max_attempts: int = 5
    backoff_base_seconds: float = 0.5
    backoff_max_seconds: float = 30.0

    def __post_init__(self) -> None:
        self._check_address()
        self._check_credentials()
        self._check_numbers()

    @property
    def counted_seconds(self) -> float:
        """How far back entries are counted by hour: as late ones are read, and lost ones noticed."""
        if not self.late_seconds:
            return 0.0
        return max(self.late_seconds, min(self.lookback_seconds, MOST_COUNTED_SECONDS))

    def _check_address(self) -> None:
        parts = urlsplit(self.url)
        if parts.username is not None or parts.password is not None:
            raise ValueError("url: holds a user name or password; give them as basic")
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError(f"url: {self.url!r} is no base address such as http://localhost:3100")
        if not self.selectors:
            raise ValueError('selectors: none given; name at least one, such as {service_name="claude-code"}')
        for selector in self.selectors:
            if not selector.strip().startswith("{"):
                raise ValueError(f"selectors: {selector!r} is no log query; it must start with a stream selector")

    def _check_credentials(self) -> None:
        if self.basic is not None and self.bearer_token is not None:
            raise ValueError("basic: bearer_token is given as well; keep one of them")
        for name, value in (("tenant", self.tenant), ("bearer_token", self.bearer_token)):
            if value is not None and not (value and value.isascii() and value.isprintable()):
                raise ValueError(f"{name}: must be one line of plain ASCII text")

    def _check_numbers(self) -> None:
        for name in ("page_limit", "max_reply_bytes", "slice_seconds", "threads", "lookback_seconds", "max_attempts"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name}: must be above 0")
        waits = ("backoff_base_seconds", "backoff_max_seconds")
        for name in ("overlap_seconds", "late_seconds", "late_check_seconds", "lost_check_seconds", *waits):
            if getattr(self, name) < 0:
                raise ValueError(f"{name}: must not be below 0")
        if min(self.timeout_seconds) <= 0:
            raise ValueError("timeout_seconds: must be above 0")
