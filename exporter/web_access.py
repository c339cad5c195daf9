"""Who may reach the web server, from the configuration and the web configuration file, and how it follows both.

The files are looked at when somebody asks, at most once a second. A change that cannot be used leaves in force what
was before, and the log says so: nothing opens by mistake.
"""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from exporter.config_file import ConfigError, Problem
from exporter.config_values import ListenAddress
from exporter.config_web import WebSettings, is_loopback
from exporter.logs import one_line
from exporter.web.access import Access
from exporter.web.basic_users import BasicUsers
from exporter.web.bearer_tokens import BearerTokens
from exporter.web.permissions import Permission
from exporter.web.rate_limit import Rate
from exporter.web.tls import Clients, FollowingContext, TlsError, TlsFiles, Version, server_context
from exporter.web_config_file import TlsServer, WebConfig, load_web_config

logger = logging.getLogger(__name__)

LOOK_SECONDS: Final = 1.0
"""From one look at the files to the next."""

_CLIENTS: Final[dict[str, Clients]] = {
    "NoClientCert": "none",
    "VerifyClientCertIfGiven": "optional",
    "RequireAndVerifyClientCert": "required",
}
_UNPROTECTED: Final = (
    "is not a loopback address, and nobody would have to authenticate (set web.config_file with basic_auth_users, "
    "or a token; set web.allow_unauthenticated: true where something else protects the port)"
)
_SWITCHED: Final = "TLS cannot be switched on or off while the exporter runs (restart it)"

Stamp = tuple[Path, tuple[int, ...] | None]
"""A file with its time of change, size and number; None where it is not there."""


@dataclass(frozen=True, slots=True)
class WebSecurity:
    """What is in force: who may do what, the context of new connections (None without TLS), and the files' states."""

    access: Access
    context: ssl.SSLContext | None
    stamp: tuple[Stamp, ...]

    def is_fresh(self) -> bool:
        """Whether the files are what they were when they were read."""
        return _stamps(path for path, _ in self.stamp) == self.stamp

    def keeping(self, earlier: WebSecurity) -> WebSecurity:
        """The same, with the users of an earlier one where they are the same: their passwords are known already."""
        if self.access.users.hashes != earlier.access.users.hashes:
            return self
        return replace(self, access=replace(self.access, users=earlier.access.users))


def load_web_security(web: WebSettings, address: ListenAddress) -> WebSecurity:
    """What a configuration says about an address that is listened on.

    Raises:
        ConfigError: the web configuration file cannot be used, or the address is open to other machines.
    """
    stamp = _stamps(() if web.config_file is None else (web.config_file,))
    config = WebConfig() if web.config_file is None else load_web_config(web.config_file)
    tokens = BearerTokens(_tokens(web))
    is_open = not config.basic_auth_users and not len(tokens)
    is_protected = not is_open or config.requires_certificate or web.allow_unauthenticated
    if not is_protected and not is_loopback(address):
        raise ConfigError([f"web.listen: {address} {_UNPROTECTED}"])
    access = Access(
        users=BasicUsers(config.basic_auth_users),
        tokens=tokens,
        # A browser shows a certificate, a password or a token to the name it belongs to only.
        hosts=_hosts(web, address) if is_open and not config.requires_certificate else None,
        headers=config.http_server_config.headers.given(),
        rate=Rate(config.rate_limit.interval.total_seconds(), config.rate_limit.burst),
    )
    tls = config.tls_server_config
    stamp += _stamps(() if tls is None else tls.files)
    return WebSecurity(access, None if tls is None else _context(web.config_file, tls), stamp)


def _tokens(web: WebSettings) -> list[tuple[str, Permission]]:
    given = ((web.read_token, Permission.READ), (web.verdict_token, Permission.READ | Permission.JUDGE))
    return [(token.get_secret_value(), may) for token, may in given if token is not None]


def _hosts(web: WebSettings, address: ListenAddress) -> frozenset[str]:
    external = urlsplit(web.external_url).hostname if web.external_url else None
    return frozenset({address.host.lower(), *web.allowed_hosts, *([external] if external else [])})


def _context(file: Path | None, tls: TlsServer) -> ssl.SSLContext:
    versions: tuple[Version, Version] = (tls.min_version, tls.max_version)
    files = TlsFiles(tls.cert_file, tls.key_file, tls.client_ca_file, _CLIENTS[tls.client_auth_type], versions)
    try:
        return server_context(files)
    except TlsError as error:
        key = "cert_file" if error.file == tls.cert_file else "client_ca_file"
        problem = Problem(("tls_server_config", key), one_line(str(error)))
        raise ConfigError([problem.line(one_line(str(file)))]) from None


def _stamps(files: Iterable[Path]) -> tuple[Stamp, ...]:
    """What changes when one of the files does."""
    return tuple((path, _state_of(path)) for path in files)


def _state_of(path: Path) -> tuple[int, ...] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size, found.st_ino)


class WebAccess:
    """Follows the configuration and the files it names.

    Args:
        web: the part of the configuration in force now; a new object after each reload.
        address: that is listened on.
        clock: seconds that never go back.

    Raises:
        ConfigError: see ``load_web_security``.
    """

    def __init__(
        self, web: Callable[[], WebSettings], address: ListenAddress, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._web, self._address, self._clock = web, address, clock
        self._seen = web()
        self._security = load_web_security(self._seen, address)
        self._looked = clock()
        self._problem: str | None = None

    def current(self) -> Access:
        """Who may do what now."""
        self._follow()
        return self._security.access

    def context(self) -> ssl.SSLContext | None:
        """A context for the server that follows the files; None where the server starts without TLS."""
        return None if self._security.context is None else FollowingContext.following(self._current_context)

    def check(self, web: WebSettings) -> None:
        """Raise ``ConfigError`` where a new configuration could not be followed."""
        self._load(web)

    def _current_context(self) -> ssl.SSLContext:
        self._follow()
        assert self._security.context is not None, "TLS is never switched off while it runs"
        return self._security.context

    def _load(self, web: WebSettings) -> WebSecurity:
        security = load_web_security(web, self._address)
        if (security.context is None) != (self._security.context is None):
            raise ConfigError([f"web.config_file: {_SWITCHED}"])
        return security

    def _follow(self) -> None:
        """Look whether something has changed; keep what is in force where the change cannot be used."""
        web, now = self._web(), self._clock()
        is_new = web is not self._seen
        if not is_new and now - self._looked < LOOK_SECONDS:
            return
        self._looked = now
        if not is_new and self._problem is None and self._security.is_fresh():
            return
        try:
            security = self._load(web)
        except ConfigError as error:
            self._tell("; ".join(error.errors))
            return
        self._security, self._seen, self._problem = security.keeping(self._security), web, None
        logger.info("web access loaded")

    def _tell(self, problem: str) -> None:
        """Log a problem once, and again when it is another."""
        if problem != self._problem:
            logger.error("web access not reloaded, the one before stays: %s", problem)
        self._problem = problem
