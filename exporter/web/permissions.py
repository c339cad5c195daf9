"""What a request needs, and what whoever sends it may do."""

from __future__ import annotations

from enum import Flag, auto
from typing import Final


class Permission(Flag):
    """READ: exposition, pages, API. JUDGE: verdicts. OPERATE: reload."""

    READ = auto()
    JUDGE = auto()
    OPERATE = auto()


NOTHING: Final = Permission(0)
EVERYTHING: Final = Permission.READ | Permission.JUDGE | Permission.OPERATE

_OPEN: Final = ("/-/healthy", "/-/ready")
"""What load balancers and orchestrators ask, which have no credentials; neither answer tells of sessions."""

_READING: Final = ("GET", "HEAD", "OPTIONS")


def needed(method: str, path: str) -> Permission:
    """What a request with this method and (decoded) path needs."""
    if method in _READING:
        return NOTHING if path in _OPEN else Permission.READ
    return Permission.OPERATE if path == "/-/reload" else Permission.JUDGE
