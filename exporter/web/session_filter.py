"""Which sessions somebody wants to see."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from analytics.verdicts import SessionVerdict


@dataclass(frozen=True, slots=True)
class SessionFilter:
    """Conditions that must all hold; None asks for nothing.

    Attributes:
        level: level of risk.
        status: ``scored``, ``initializing`` or ``insufficient``.
        user: whole user id.
        agent: whole name of the agent.
        since_ns: sessions with an event at or after this time.
    """

    level: str | None = None
    status: str | None = None
    user: str | None = None
    agent: str | None = None
    since_ns: int | None = None

    @property
    def is_empty(self) -> bool:
        """Whether every session passes."""
        return self == SessionFilter()

    def matches(self, verdict: SessionVerdict) -> bool:
        """Whether a session passes."""
        return (
            self.level in (None, verdict.level)
            and self.status in (None, verdict.status)
            and self.user in (None, verdict.user_id)
            and self.agent in (None, verdict.agent)
            and (self.since_ns is None or verdict.ended_ns >= self.since_ns)
        )

    def select(self, verdicts: Iterable[SessionVerdict]) -> list[SessionVerdict]:
        """The sessions that pass, in their order."""
        return [verdict for verdict in verdicts if self.matches(verdict)]
