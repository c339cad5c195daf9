"""The files that pages load: one style sheet and one icon, kept in memory."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

_MEDIA_TYPES: Final = {"sigyn.css": "text/css", "icon.svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file with its media type; ``version`` changes with its content."""

    content: bytes
    media_type: str

    @property
    def version(self) -> str:
        """Short digest of the content, for addresses that may be cached."""
        return hashlib.sha256(self.content).hexdigest()[:10]

    @staticmethod
    def find(name: str) -> StaticFile | None:
        """The file of that name; None for any name that is not ours."""
        return _load(name) if name in _MEDIA_TYPES else None


@cache
def _load(name: str) -> StaticFile:
    return StaticFile((files("exporter.web") / "static" / name).read_bytes(), _MEDIA_TYPES[name])
