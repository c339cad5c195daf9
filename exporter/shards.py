"""Shards: several exporters share the sessions of one deployment; each has those whose id falls to it.

One character of the id decides: the last of its head, which is what stands before the first ``/``, eight characters at
most. The eighth character of a UUID is as good as random whatever its version, while the first ones of version 7, which
Codex uses, are the date and would send everybody to one exporter. A sub-agent of a Claude Code transcript is called
``<session>/<agent>`` and so stays with its parent. A key depends on nothing but the id's text, so that Loki can tell it
by a regular expression (``exporter.loki.shard_queries``).
"""

from __future__ import annotations

import re
import string
from dataclasses import dataclass
from typing import Final

HEAD_CHARACTERS: Final = 8
ALPHABET: Final = string.digits + string.ascii_lowercase
"""The keys, dealt to the shards in turn; an upper case letter has the key of the lower case one."""
OTHER: Final = "*"
"""The key of ids with any other deciding character, or none. It is the first shard's, as is what has no id at all."""
KEYS: Final = frozenset((*ALPHABET, OTHER))
MOST_SHARDS: Final = 16
"""Hexadecimal digits, which most ids are made of: a further shard would have next to nothing."""

_KEY_OF: Final = {character: character.lower() for character in string.digits + string.ascii_letters}
_WRITTEN: Final = re.compile(r"([0-9]{1,2})/([0-9]{1,2})")


def key_of(session_id: str) -> str:
    """The key of a session id, one of ``KEYS``."""
    head = session_id[: HEAD_CHARACTERS + 1].partition("/")[0][:HEAD_CHARACTERS]
    return _KEY_OF.get(head[-1:], OTHER)


@dataclass(frozen=True, slots=True)
class Shard:
    """One of several equal parts of all sessions, written ``number/count``.

    Attributes:
        number: which one, 1 … ``count``.
        count: how many there are, 1 … ``MOST_SHARDS``.

    Raises:
        ValueError: numbers outside those bounds.
    """

    number: int = 1
    count: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.count <= MOST_SHARDS:
            raise ValueError(f"must lie between 1/1 and {MOST_SHARDS}/{MOST_SHARDS}, counted from 1")

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    @classmethod
    def parse(cls, text: str) -> Shard:
        """The shard that a text such as ``2/3`` names.

        Raises:
            ValueError: any other text, and numbers out of bounds.
        """
        match = _WRITTEN.fullmatch(text)
        if match is None:
            raise ValueError("must be a number, a slash and how many there are")
        return cls(int(match[1]), int(match[2]))

    @property
    def is_whole(self) -> bool:
        """Whether there is nobody to share with."""
        return self.count == 1

    @property
    def is_first(self) -> bool:
        """Whether it has what belongs to no session."""
        return self.number == 1

    @property
    def keys(self) -> frozenset[str]:
        """The keys of its sessions."""
        dealt = ALPHABET[self.number - 1 :: self.count]
        return frozenset((*dealt, OTHER) if self.is_first else dealt)

    def has(self, session_id: str) -> bool:
        """Whether a session is this shard's."""
        return key_of(session_id) in self.keys


WHOLE: Final = Shard()
