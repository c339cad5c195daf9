"""What a rule found in a session, and the severities in their order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SEVERITIES: Final = ("info", "low", "medium", "high", "critical")
"""Least to most severe. ``info`` is worth knowing, ``critical`` is worth waking up for."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule that matched in one session.

    Attributes:
        session_id: where.
        rule: the rule's id.
        severity: one of SEVERITIES.
        count: how many events (or runs of events) matched.
        first_ns: time of the first match, nanoseconds since the epoch.
        last_ns: time of the last match.
    """

    session_id: str
    rule: str
    severity: str
    count: int
    first_ns: int
    last_ns: int
