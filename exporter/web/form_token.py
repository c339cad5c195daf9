"""Tokens that tie a form to this process and to what it is about."""

from __future__ import annotations

import hashlib
import hmac


def form_token(secret: bytes, subject: str) -> str:
    """The token a form about ``subject`` carries."""
    return hmac.new(secret, subject.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def is_form_token(secret: bytes, subject: str, given: str) -> bool:
    """Whether ``given`` is the token of a form about ``subject``; takes the same time whatever it is."""
    return hmac.compare_digest(form_token(secret, subject).encode(), given.encode("utf-8", "surrogatepass"))
