"""Bearer tokens and what each may do."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable

from exporter.web.permissions import NOTHING, Permission


class BearerTokens:
    """Recognises tokens; keeps their digests only.

    Args:
        tokens: each token with what its bearer may do.
    """

    def __init__(self, tokens: Iterable[tuple[str, Permission]] = ()) -> None:
        self._tokens = tuple((_digest(token.encode()), may) for token, may in tokens)

    def __len__(self) -> int:
        return len(self._tokens)

    def permissions(self, given: bytes) -> Permission:
        """What the bearer of a token may do; takes the same time whatever is given."""
        digest, may = _digest(given), NOTHING
        for known, allowed in self._tokens:
            may |= allowed if hmac.compare_digest(known, digest) else NOTHING
        return may


def _digest(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()
