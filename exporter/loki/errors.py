"""Everything that can go wrong with Loki, each with a one-line message that says what to do.

::

    LokiError
    ├── LokiUnavailable   network, 429 and 5xx, time-outs, after the last attempt
    ├── LokiRefused       401, 403, a missing tenant
    ├── LokiBadQuery      LogQL that Loki cannot read
    ├── LokiBadPush       a push body that Loki cannot read
    ├── LokiLimit         a limit of the server, named in ``limit``
    └── LokiBadReply      an answer that is not Loki's: content type, JSON, size, redirects
"""

# ruff: noqa: N818 - the names say what is wrong; the common prefix says that they are Loki's errors

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Outlook:
    """Whether asking again may help.

    Attributes:
        is_transient: the same request may succeed a little later.
        is_overload: a smaller page may succeed.
        retry_after: seconds the server asked to wait, None where it did not say.
    """

    is_transient: bool = False
    is_overload: bool = False
    retry_after: float | None = None


HOPELESS: Final = Outlook()


class LokiError(Exception):
    """Loki cannot do what was asked; ``outlook`` says whether asking again may help."""

    def __init__(self, message: str, outlook: Outlook = HOPELESS) -> None:
        super().__init__(message)
        self.outlook = outlook


class LokiUnavailable(LokiError):
    """Loki does not answer, or answers that it cannot serve now."""


class LokiRefused(LokiError):
    """Loki, or a proxy before it, does not accept the credentials or the tenant."""


class LokiBadQuery(LokiError):
    """Loki does not understand the query."""


class LokiBadPush(LokiError):
    """Loki does not understand the body of a push."""


class LokiBadReply(LokiError):
    """The answer is not one that Loki gives."""


class LokiLimit(LokiError):
    """A limit of the server stands in the way.

    Attributes:
        limit: the server's setting, such as ``max_entries_limit_per_query``.
        maximum: the server's number where it named one and it counts entries, else None.
    """

    def __init__(self, message: str, limit: str, maximum: int | None = None, outlook: Outlook = HOPELESS) -> None:
        super().__init__(message, outlook)
        self.limit = limit
        self.maximum = maximum
