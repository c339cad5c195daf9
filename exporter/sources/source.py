"""The contract of a source: where telemetry comes from.

A source reads forward from a position it hands out itself. The position (a JSON object) is stored in the same
transaction as the events it covers, so a crash repeats work and loses none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from analytics.events import EventTable

Position = dict[str, Any]
"""Where a source stands, as a JSON object of its own making; {} before the first read."""


class SourceError(Exception):
    """A source cannot be read now; the message names the file or URL and what to do."""


@dataclass(frozen=True)
class Batch:
    """Some events and the position that covers them.

    Attributes:
        table: the events, in the order read.
        position: where the source stands once these events are stored.
        dropped: records that could not be used, and values lost from others, by reason.
        progress: share of the present read that is done, 0…1, for progress bars.
        is_repeated: the source reads this stretch once more, so that known events in it are no news.
    """

    table: EventTable
    position: Position
    dropped: Counter[str] = field(default_factory=Counter)
    progress: float = 1.0
    is_repeated: bool = False


class Source(Protocol):
    """Anything the cycle can read events from."""

    @property
    def name(self) -> str:
        """Key of the source's position in the state, such as ``loki`` or ``local``."""

    def read(self, position: Position, now_ns: int) -> Iterator[Batch]:
        """Yield what is new since ``position`` up to ``now_ns``, oldest first, in batches of bounded size.

        When there is nothing new it yields nothing, or a batch without events that only moves the position.
        Raises ``SourceError`` when it cannot be read; batches yielded before that stand.
        """

    @property
    def problems(self) -> tuple[str, ...]:
        """What could not be read although the source as a whole could, one line each; for people."""

    def close(self) -> None:
        """Let go of connections."""
