"""What is told about sessions to those who read Loki: lines that wait to be written, and what was told last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Announcement:
    """A line for Loki that waits in the outbox until Loki has taken it.

    Attributes:
        kind: the stream's label of that name, one of ``exporter.announcements.KINDS``.
        time_ns: when what it tells happened to be known, nanoseconds since the epoch.
        line: one JSON object.
        metadata: structured metadata.
    """

    kind: str
    time_ns: int
    line: str
    metadata: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Announced:
    """What was told about a session last.

    Attributes:
        risk: None while no score was told.
        level: of that risk.
        is_final: whether the score was told as final.
        findings: how often each rule had matched.
    """

    risk: float | None = None
    level: str | None = None
    is_final: bool = False
    findings: Mapping[str, int] = field(default_factory=dict)
