"""Users of basic authentication, whose passwords are kept as bcrypt hashes.

bcrypt is slow on purpose: some 50 ms at cost 10. What it found right is remembered under a keyed hash, so that a scrape
every few seconds costs one check in the life of the configuration; what it found wrong is not remembered.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from typing import Final

import bcrypt

MOST_REMEMBERED: Final = 256
"""Right pairs of name and password that are remembered; far more than there are users."""

_LONGEST: Final = 72
"""Bytes of a password that bcrypt looks at. Tools that make hashes cut there, so the check does as well."""

_NOBODY: Final = b"." * 53
"""Salt and digest of a hash that no password has."""


class BasicUsers:
    """Checks names and passwords.

    Args:
        hashes: bcrypt hash by user name.
    """

    def __init__(self, hashes: Mapping[str, str]) -> None:
        self.hashes: Final = dict(hashes)
        self._hashes = {name: value.encode("ascii") for name, value in hashes.items()}
        cost = max((value.split(b"$")[2] for value in self._hashes.values()), default=b"10")
        # A name that nobody has costs as much as the dearest that somebody has.
        self._nobody = b"$2b$" + cost + b"$" + _NOBODY
        self._key = secrets.token_bytes(32)
        self._right: OrderedDict[bytes, None] = OrderedDict()

    def remembers(self, name: str, password: bytes) -> bool:
        """Whether this pair has been found right before; takes microseconds."""
        return self._digest(name, password) in self._right

    def check(self, name: str, password: bytes) -> bool:
        """Whether the password is the user's; takes as long as bcrypt does, for unknown names too."""
        known = self._hashes.get(name)
        is_right = bcrypt.checkpw(password[:_LONGEST], known or self._nobody) and known is not None
        if is_right:
            self._right[self._digest(name, password)] = None
            while len(self._right) > MOST_REMEMBERED:
                self._right.popitem(last=False)
        return is_right

    def _digest(self, name: str, password: bytes) -> bytes:
        subject = name.encode("utf-8", "surrogatepass")
        return hmac.new(self._key, len(subject).to_bytes(8, "big") + subject + password, hashlib.sha256).digest()
