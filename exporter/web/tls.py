"""TLS of the web server: contexts from files, and a context that follows them while the server runs."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

_VERSIONS: Final = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
_CERTIFICATES: Final = {"none": ssl.CERT_NONE, "optional": ssl.CERT_OPTIONAL, "required": ssl.CERT_REQUIRED}

Version = Literal["TLS12", "TLS13"]
Clients = Literal["none", "optional", "required"]
"""Whether clients show a certificate."""


class TlsError(Exception):
    """A file of TLS cannot be used; ``file`` is which, the message says why."""

    def __init__(self, file: Path, message: str) -> None:
        super().__init__(message)
        self.file = file


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """What a context is made of.

    Attributes:
        certificate: PEM, with the chain behind the server's own.
        key: PEM, not encrypted.
        authorities: PEM; who may sign clients' certificates.
        clients: whether clients show a certificate.
        versions: oldest and newest version spoken.
    """

    certificate: Path
    key: Path
    authorities: Path | None = None
    clients: Clients = "none"
    versions: tuple[Version, Version] = ("TLS12", "TLS13")


def server_context(files: TlsFiles) -> ssl.SSLContext:
    """A context for a server, with OpenSSL's own choice of ciphers.

    Raises:
        TlsError: a file holds no certificate or key, or the key is not the certificate's.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _fill(context, files)
    return context


def _fill(context: ssl.SSLContext, files: TlsFiles) -> None:
    context.minimum_version, context.maximum_version = (_VERSIONS[version] for version in files.versions)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    try:
        # Without a password callback OpenSSL would ask for one on the terminal.
        context.load_cert_chain(files.certificate, files.key, password=_no_password)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise TlsError(files.certificate, f"cannot be used with its key: {_reason(error)}") from None
    if files.authorities is not None:
        try:
            context.load_verify_locations(files.authorities)
        except OSError as error:
            raise TlsError(files.authorities, f"cannot be used: {_reason(error)}") from None
    context.verify_mode = _CERTIFICATES[files.clients]


def _no_password() -> str:
    raise ValueError("the key is encrypted (write it without a password)")


def _reason(error: Exception) -> str:
    reason = getattr(error, "reason", None)
    return str(reason).lower().replace("_", " ") if reason else str(getattr(error, "strerror", None) or error)


class FollowingContext(ssl.SSLContext):
    """A context that hands each new connection to the context in force; connections that stand keep theirs.

    Its own certificates are never used: the event loop asks it for nothing but ``wrap_bio``.
    """

    _current: Callable[[], ssl.SSLContext]

    @classmethod
    def following(cls, current: Callable[[], ssl.SSLContext]) -> FollowingContext:
        """A context that asks ``current`` at every handshake."""
        context = cls(ssl.PROTOCOL_TLS_SERVER)
        context._current = current
        return context

    def wrap_bio(self, *arguments: Any, **named: Any) -> ssl.SSLObject:
        """The connection of the context in force."""
        return self._current().wrap_bio(*arguments, **named)
