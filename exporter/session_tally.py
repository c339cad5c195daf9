"""Sessions counted by level and by what the detectors call them, kept up while few of them change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from analytics.verdicts import SCORED, SessionVerdict

JOINT = "joint"
"""Value of the label ``detector`` for the detectors' joint verdict."""


def scores_by_detector(verdict: SessionVerdict) -> dict[str, float]:
    """Each detector's calibrated score and the joint one, of a scored session."""
    joint = {} if verdict.anomaly is None else {JOINT: verdict.anomaly}
    return {**verdict.detectors, **joint}


class SessionTally:
    """Counts of some sessions; ``take`` adds those that came and takes off those that went.

    Args:
        line: the calibrated score from which a detector calls a session anomalous.
    """

    def __init__(self, line: float) -> None:
        self._line = line
        self._sessions: tuple[SessionVerdict, ...] = ()
        self._states: Counter[str] = Counter()
        self._judged: Counter[str] = Counter()
        self._above: Counter[str] = Counter()

    def take(self, sessions: tuple[SessionVerdict, ...]) -> None:
        """Count these sessions, and only these; verdicts are told apart as objects, which nobody changes."""
        counted, wanted = ({id(one): one for one in each} for each in (self._sessions, sessions))
        for number in wanted.keys() - counted.keys():
            self._count(wanted[number], 1)
        for number in counted.keys() - wanted.keys():
            self._count(counted[number], -1)
        self._sessions = sessions

    def states(self) -> Mapping[str, int]:
        """Sessions by level of risk, and by status where they have none."""
        return self._states

    def anomalous_ratios(self) -> dict[str, float]:
        """By detector the share of the scored sessions it judged whose score is at or above the line."""
        return {name: self._above[name] / count for name, count in self._judged.items() if count}

    def _count(self, verdict: SessionVerdict, times: int) -> None:
        if verdict.status != SCORED or verdict.level is None:
            self._states[verdict.status] += times
            return
        self._states[verdict.level] += times
        for name, score in scores_by_detector(verdict).items():
            self._judged[name] += times
            if score >= self._line:
                self._above[name] += times
