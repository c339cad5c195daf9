"""Where a hook's line goes: appended to a file, pushed to Loki, and spooled while Loki does not take it.

Many hooks run at once, and each may be ended at any moment. So a line is one write; a spooled line is one file; it
is claimed by renaming, which only one process can win; and the own line is spooled before it is pushed. A claim
whose process was ended is taken over later, so nothing is lost; a line that reaches Loki twice keeps its
``event_id`` and counts once. Standard library only.

Errors: ``OSError`` for files and the network, ``LokiRefusalError`` when Loki answers but does not take a line.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import unquote, urlsplit

Entry = list[Any]
"""One entry of a Loki push: time in nanoseconds as text, line, structured metadata."""

PUSH_PATH: Final = "/loki/api/v1/push"
SERVICE_NAME: Final = "claude-code-hooks"
MAX_SPOOLED: Final = 10_000
"""Lines kept for Loki; beyond, new ones are refused, so that a long outage cannot fill the disk."""
MAX_SHIPPED: Final = 50
"""Spooled lines that one hook ships besides its own."""
CLAIM_SECONDS: Final = 30
"""A claim that is older was left by a process that was ended."""

_CLAIMED: Final = ".claimed-"
_LOST_FOR_GOOD: Final = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
)
"""Answers that a second try cannot change, such as a line that is too old; Loki has taken the others of the push."""


class LokiRefusalError(Exception):
    """Loki answered and did not take the lines; ``is_final`` says that it never will."""

    def __init__(self, url: str, status: int) -> None:
        super().__init__(f"{url}: Loki answered {status}; check the URL, the tenant and Loki's limits")
        self.is_final = status in _LOST_FOR_GOOD


class SpoolFullError(OSError):
    """The spool holds as many lines as it may."""


def append_line(path: Path, line: bytes) -> None:
    """Append a line in one write, so that lines of hooks that run at once never mix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        whole = line + b"\n"
        written = os.write(descriptor, whole)
        if written < len(whole):
            os.write(descriptor, b"\n")  # keeps the torn line from swallowing the next one
            raise OSError(f"{path}: only {written} of {len(whole)} bytes were written; free some space")
    finally:
        os.close(descriptor)


class Spool:
    """Lines that wait for Loki, each a file named by its time and event id, so that names sort oldest first.

    Args:
        folder: where they wait; made when needed.
        now_ns: nanoseconds since the epoch.
    """

    def __init__(self, folder: Path, now_ns: int) -> None:
        self._folder = folder
        self._now_ns = now_ns

    def add_claimed(self, event_id: str, entry: Entry) -> str:
        """Store an entry as one that this process is pushing; returns its name."""
        self._folder.mkdir(parents=True, exist_ok=True)
        if len(os.listdir(self._folder)) >= MAX_SPOOLED:  # noqa: PTH208 - names are all that is needed
            raise SpoolFullError(f"{self._folder}: holds {MAX_SPOOLED} lines that Loki has not taken")
        name = f"{self._now_ns:020}-{event_id}{_CLAIMED}{self._now_ns}"
        # Readers may meet the file before it is whole only after CLAIM_SECONDS, when its writer has long ended.
        descriptor = os.open(self._folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as file:
            json.dump(entry, file, ensure_ascii=False)
        return name

    def claim(self) -> dict[str, Entry]:
        """The oldest entries that wait and no other process has, at most ``MAX_SHIPPED``, by their claimed names."""
        if not self._folder.is_dir():
            return {}
        claimed: dict[str, Entry] = {}
        for name in sorted(os.listdir(self._folder)):  # noqa: PTH208 - names are all that is needed
            if len(claimed) == MAX_SHIPPED:
                break
            if not self._is_free(name):
                continue
            taken = f"{name.partition(_CLAIMED)[0]}{_CLAIMED}{self._now_ns}"
            try:
                (self._folder / name).rename(self._folder / taken)
            except FileNotFoundError:
                continue  # another process was faster
            entry = self._entry(taken)
            if entry is not None:
                claimed[taken] = entry
        return claimed

    def _is_free(self, name: str) -> bool:
        _, mark, claimed_ns = name.partition(_CLAIMED)
        if not mark:
            return True
        return claimed_ns.isdecimal() and self._now_ns - int(claimed_ns) > CLAIM_SECONDS * 1_000_000_000

    def _entry(self, name: str) -> Entry | None:
        """A stored entry; a torn one, left by a full disk or a power cut, is removed."""
        try:
            entry = json.loads((self._folder / name).read_bytes())
        except ValueError:
            self.remove([name])
            return None
        return entry if isinstance(entry, list) else None

    def release(self, names: Sequence[str]) -> None:
        """Give claimed entries back, to be shipped by a later hook."""
        for name in names:
            (self._folder / name).rename(self._folder / name.partition(_CLAIMED)[0])

    def remove(self, names: Sequence[str]) -> None:
        """Forget entries: Loki has them, or never will."""
        for name in names:
            (self._folder / name).unlink(missing_ok=True)


class LokiPush(NamedTuple):
    """Loki's push endpoint.

    Attributes:
        url: of Loki, with or without the push path; user and password in it become basic authentication.
        tenant: sent as ``X-Scope-OrgID`` when there is one.
        timeout: of connecting and of each answer, seconds.
    """

    url: str
    tenant: str | None
    timeout: float

    def send(self, fresh: Entry, late: Sequence[Entry]) -> None:
        """Push an entry, and late ones before it; raises ``OSError`` or ``LokiRefusalError``."""
        streams = [_stream([fresh], {})]
        if late:
            import socket  # noqa: PLC0415 - only a push needs it, and every hook pays for what is loaded

            # Loki refuses lines far older than their stream's newest: late ones need a stream of their own.
            streams.insert(0, _stream(late, {"delivery": "late", "host": socket.gethostname()}))
        status = self._post(json.dumps({"streams": streams}).encode())
        if status >= HTTPStatus.MULTIPLE_CHOICES:
            raise LokiRefusalError(self._shown_url(), status)

    def _post(self, body: bytes) -> int:
        import http.client  # noqa: PLC0415 - takes longer to load than all the rest; only a push needs it

        parts = urlsplit(self.url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        path = parts.path.rstrip("/")
        try:
            connection = kind(parts.hostname or "", parts.port, timeout=self.timeout)
        except (http.client.InvalidURL, ValueError) as error:
            raise OSError(f"{self._shown_url()}: is no URL; write one such as http://localhost:3100") from error
        try:
            connection.request("POST", path if path.endswith(PUSH_PATH) else path + PUSH_PATH, body, self._headers())
            return connection.getresponse().status
        except (http.client.HTTPException, ValueError) as error:
            raise OSError(f"{self._shown_url()}: no HTTP answer ({type(error).__name__})") from error
        finally:
            connection.close()

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json"}
        if self.tenant:
            headers["X-Scope-OrgID"] = self.tenant
        parts = urlsplit(self.url)
        if parts.username is not None:
            login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            headers["Authorization"] = "Basic " + base64.b64encode(login.encode()).decode()
        return headers

    def _shown_url(self) -> str:
        """The URL without user and password."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _stream(entries: Sequence[Entry], labels: dict[str, str]) -> dict[str, Any]:
    return {"stream": {"service_name": SERVICE_NAME, **labels}, "values": list(entries)}


def push_or_spool(push: LokiPush, spool: Spool, event_id: str, entry: Entry) -> None:
    """Push an entry with some that wait; what Loki does not take waits on.

    Raises:
        OSError, LokiRefusalError: why Loki has not taken them, or the spool not the entry. Spooled entries wait on,
            unless Loki never will take them.
    """
    try:
        own = [spool.add_claimed(event_id, entry)]
    except OSError:
        push.send(entry, [])
        raise
    waiting = spool.claim()
    names = [*waiting, *own]
    try:
        push.send(entry, list(waiting.values()))
    except LokiRefusalError as refusal:
        (spool.remove if refusal.is_final else spool.release)(names)
        raise
    except OSError:
        spool.release(names)
        raise
    spool.remove(names)
