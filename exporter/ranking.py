"""The known verdicts in the order they are shown in, kept up while few of them change."""

from __future__ import annotations

from bisect import insort
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from analytics.verdicts import SessionVerdict
from exporter.last_answer import are_same

_FEW: Final = 1_000
"""Changed verdicts up to which each is put in its place; of more, all are sorted."""

_Verdicts = tuple[SessionVerdict, ...]


@dataclass
class Ranking:
    """Sorts anew only what changed: a cycle costs what is new, not what is kept.

    Attributes:
        known: the verdicts of the last time, in the order they were given.
        since_ns: from when they were shown.
        shown: those that were, most risky first.
    """

    known: list[SessionVerdict] = field(default_factory=list)
    since_ns: int = 0
    shown: _Verdicts = ()

    def of(self, verdicts: Mapping[str, SessionVerdict], since_ns: int) -> _Verdicts:
        """The verdicts of sessions that ended at or after a time, most risky first.

        The very same tuple as the last time while nothing changed.
        """
        known = list(verdicts.values())
        same, ordered = are_same(known, self.known), self.shown
        if since_ns < self.since_ns:  # sessions that had fallen out come in again
            same, ordered = False, ()
        if not same:
            ordered = _in_order(known, ordered)
        if any(one.ended_ns < since_ns for one in ordered):
            ordered = tuple([one for one in ordered if one.ended_ns >= since_ns])
        self.known, self.since_ns, self.shown = known, since_ns, ordered
        return ordered


def _in_order(known: list[SessionVerdict], before: _Verdicts) -> _Verdicts:
    """The known verdicts, sorted; ``before`` are some of them, perhaps, that are sorted already."""
    numbers = set(map(id, known))
    kept = [one for one in before if id(one) in numbers]
    numbers.difference_update(map(id, kept))
    changed = [one for one in known if id(one) in numbers]
    if len(changed) > _FEW:
        return tuple(sorted(known, key=by_risk))
    for one in changed:
        insort(kept, one, key=by_risk)
    return tuple(kept)


def by_risk(verdict: SessionVerdict) -> tuple[float, int, str]:
    """Sort key: most risky first, then newest; sessions without a score last."""
    return (-verdict.risk if verdict.risk is not None else 1.0, -verdict.ended_ns, verdict.session_id)
