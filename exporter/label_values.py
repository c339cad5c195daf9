"""Label values from telemetry, made fit for the exposition: valid UTF-8, of bounded length and bounded in number."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Final

MAX_CHARACTERS: Final = 200
OTHER: Final = "other"
"""The label value that stands for all names that got no series of their own."""

_DIGEST_CHARACTERS: Final = 12


def label_value(value: str | None) -> str:
    """A value as a label: None is "", what is too long is cut and lone surrogates are replaced.

    A changed value ends in a digest of the original, so that different values stay different series.
    """
    if value is None:
        return ""
    if len(value) <= MAX_CHARACTERS and (value.isascii() or _is_utf8(value)):
        return value
    original = value.encode("utf-8", "surrogatepass")
    digest = hashlib.sha256(original).hexdigest()[:_DIGEST_CHARACTERS]
    kept = value[: MAX_CHARACTERS - _DIGEST_CHARACTERS - 1]
    return f"{kept.encode('utf-8', 'replace').decode()}…{digest}"


def _is_utf8(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


class AdmittedNames:
    """The names that have series of their own; all others count together under ``OTHER``.

    Names are admitted by count, largest first, while there is room, and stay: were a name's own series to be folded
    later, or an old one taken out of ``OTHER``, counters would fall and Prometheus would read that as a restart.
    """

    def __init__(self, limit: int, known: Iterable[str] = ()) -> None:
        """``limit`` names beside the ``known`` ones, which always have their own series."""
        self._room = limit
        self._admitted = set(known)

    def admit(self, counts: Mapping[str, float]) -> None:
        """Give series to new names, most frequent first, while there is room."""
        for name in sorted(counts, key=lambda name: (-counts[name], name)):
            if self._room <= 0:
                return
            if name not in self._admitted and name != OTHER:
                self._admitted.add(name)
                self._room -= 1

    def series_of(self, name: str) -> str:
        """The label value under which a name is counted."""
        return label_value(name) if name in self._admitted else OTHER
