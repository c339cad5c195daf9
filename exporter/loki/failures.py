"""What a failure of the connection means: from an exception of requests to an error that says what to do.

The library's own text is never repeated: it may hold a proxy's password or a header.
"""

from __future__ import annotations

import socket
from typing import Final

from requests import RequestException
from requests.exceptions import (
    ChunkedEncodingError,
    ConnectionError,  # noqa: A004 - requests' own, which is not the built-in one
    ConnectTimeout,
    ContentDecodingError,
    ReadTimeout,
    SSLError,
)
from urllib3.exceptions import NameResolutionError, ProtocolError, ReadTimeoutError

from exporter.loki.errors import HOPELESS, LokiUnavailable, Outlook

_LATER: Final = Outlook(is_transient=True)
_SMALLER: Final = Outlook(is_transient=True, is_overload=True)


def error_of_failure(url: str, error: OSError) -> LokiUnavailable:
    """The error that a failed request to ``url`` (without credentials) stands for."""
    if not isinstance(error, RequestException):
        return LokiUnavailable(f"{url}: a TLS file cannot be read; check ca_file, cert_file and key_file")
    what, remedy, outlook = _meaning(error)
    return LokiUnavailable(f"{url}: {what}; {remedy}", outlook)


def _meaning(error: RequestException) -> tuple[str, str, Outlook]:
    """What happened, what to do about it, and whether asking again may help."""
    cause = next(iter(error.args), None)
    if isinstance(error, SSLError):
        return "the TLS handshake fails", "check ca_file, cert_file, key_file and the server's name", HOPELESS
    if isinstance(error, ConnectTimeout):
        return "no connection in time", "check url and network, or raise sources.loki.timeout", _LATER
    if isinstance(error, ReadTimeout) or isinstance(cause, ReadTimeoutError):
        return "no whole reply in time", "lower sources.loki.page_limit or raise sources.loki.timeout", _SMALLER
    if isinstance(error, (ChunkedEncodingError, ContentDecodingError)):
        return "the reply is cut", "check what lies between here and Loki", _LATER
    if isinstance(error, ConnectionError):
        # A page that outruns Loki's write time-out ends in a closed connection without any reply.
        outlook = _SMALLER if isinstance(cause, ProtocolError) else _LATER
        return _system_reason(error), "check that Loki runs and url is right", outlook
    return f"the request cannot be sent ({type(error).__name__})", "check url and proxies", HOPELESS


def _system_reason(error: BaseException) -> str:
    """The operating system's words for the failure beneath, such as ``Connection refused``."""
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, (NameResolutionError, socket.gaierror)):
            return "the host name cannot be resolved"
        if isinstance(found, OSError) and not isinstance(found, RequestException) and found.strerror:
            return found.strerror
        found = found.__cause__ or found.__context__
    return "the connection was closed without a reply"
