"""Conditions on order: something that a rule matched, followed in time by what another rule matched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from analytics.rule_occurrences import Occurrences


@dataclass(frozen=True)
class Sequence:
    """Steps that follow one another in one session within ``within_ns`` nanoseconds, from first to last.

    ``steps`` holds for each step the ids of the rules of which any one will do. One event may be several steps: a
    single command that reads a secret and sends it away is the sequence at its shortest.
    """

    steps: tuple[tuple[str, ...], ...]
    within_ns: int

    def occurrences(self, found: Mapping[str, Occurrences]) -> Occurrences:
        """One match for each event that completes the sequence, beginning with the latest possible first step."""
        session, begin, end = _merged(self.steps[0], found)
        for step in self.steps[1:]:
            next_session, _, next_end = _merged(step, found)
            # `begin` never falls within a session, so the last earlier step is also the one that began last.
            position = _last_not_after(session, end, next_session, next_end)
            possible = position >= 0
            position, next_session, next_end = position[possible], next_session[possible], next_end[possible]
            begin = begin[position]
            same = (session[position] == next_session) & (next_end - begin <= self.within_ns)
            session, begin, end = next_session[same], begin[same], next_end[same]
        return Occurrences.ordered(session, begin, end)


def _merged(rules: tuple[str, ...], found: Mapping[str, Occurrences]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Session, begin and end of all matches of some rules, in order."""
    parts = [found[rule] for rule in rules]
    merged = Occurrences.ordered(
        np.concatenate([part.session for part in parts]),
        np.concatenate([part.time_ns for part in parts]),
        np.concatenate([part.time_ns for part in parts]),
    )
    return merged.session, merged.time_ns, merged.end_ns


def _last_not_after(
    session: np.ndarray, time_ns: np.ndarray, wanted_session: np.ndarray, wanted_ns: np.ndarray
) -> np.ndarray:
    """For each wanted moment the last earlier or equal one in order of session and time, -1 where there is none."""
    times = np.unique(np.concatenate((time_ns, wanted_ns)))
    width = len(times) + 1
    have = session * width + np.searchsorted(times, time_ns)
    want = wanted_session * width + np.searchsorted(times, wanted_ns)
    return np.searchsorted(have, want, side="right") - 1
