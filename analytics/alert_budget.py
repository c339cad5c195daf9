"""Alert budget: how strange a session must be to alert by its anomaly alone, so that false alarms stay few a week.

A calibrated anomaly is a promise about one look at one session. An alarm is held once it is raised
(``analytics.latching``), and many sessions are looked at many times: what comes of that in a week is counted on the
held-back sessions at all their ages, however much one look at a session is like the next. The line is the order
statistic that a new session like those exceeds with a chance of at most the budget over the sessions of a week
(split-conformal: V. Vovk, A. Gammerman, G. Shafer, "Algorithmic Learning in a Random World", 2005).

Sessions were held back at ages that double, and are looked at all the time. A session that reaches the line at a single
one of its k looks tells of others that reach it between theirs only: it counts as 2 - 1 / k (first-order jackknife for
the kinds seen on k occasions: K. P. Burnham, W. S. Overton, "Estimation of the size of a closed population when capture
probabilities vary among animals", Biometrika 65, 1978).

No line is promised beyond the strangest of n held-back sessions, as no calibrated score is: nothing is known there
but that a chance of 1 / (n + 1) remains. A budget that asks for less gets that line, and ``expected`` tells the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from analytics.analysis import MetricSpec
from analytics.calibration import surprise
from analytics.risk_score import HIGH_AT

WEEK_NS: Final = 7 * 86_400_000_000_000
EXPECTED: Final = MetricSpec(
    "sigyn_expected_false_alarms_per_week",
    "Healthy sessions a week that are expected to reach the level high by their anomaly alone, by those held back when "
    "the model was trained.",
)
ALLOWED: Final = MetricSpec(
    "sigyn_false_alarm_budget_per_week",
    "Healthy sessions a week that may reach the level high by their anomaly alone, by the settings that the model was "
    "trained with.",
)
_ABOVE: Final = 1e-6
"""How far above a held-back session the line is drawn: rounding must not lift the session itself to ``high``."""


@dataclass(frozen=True)
class Looks:
    """Looks at held-back sessions: each one's anomaly and the number of its session, shape (n_looks,) each."""

    anomaly: np.ndarray
    session: np.ndarray


@dataclass(frozen=True, slots=True)
class AlertBudget:
    """What comes of a budget.

    Attributes:
        allowed: false alarms a week that may be, None for any number.
        sessions_per_week: healthy sessions that are judged in a week.
        high_at: surprise (orders of magnitude of the false-alarm chance) from which an anomaly alone is ``high``.
        expected: false alarms a week at that line.
        expected_without: false alarms a week at the line that holds without a budget.
    """

    allowed: float | None
    sessions_per_week: float
    high_at: float
    expected: float
    expected_without: float

    @property
    def readings(self) -> Mapping[str, Mapping[tuple[str, ...], float]]:
        """Gauges by metric name; without a budget that of the budget has no series."""
        return {EXPECTED.name: {(): self.expected}, ALLOWED.name: {} if self.allowed is None else {(): self.allowed}}


def fit_alert_budget(looks: Looks, sessions_per_week: float, allowed: float | None) -> AlertBudget:
    """Draw the line.

    Args:
        looks: at held-back sessions.
        sessions_per_week: healthy sessions that are judged in a week.
        allowed: false alarms a week that may be, more than 0; None for any number.
    """
    alarms = _Alarms.of(looks)
    high_at = HIGH_AT
    if allowed is not None and allowed < sessions_per_week:
        high_at = max(HIGH_AT, alarms.line(allowed / sessions_per_week))
    return AlertBudget(
        allowed,
        sessions_per_week,
        high_at,
        sessions_per_week * alarms.chance(high_at),
        sessions_per_week * alarms.chance(HIGH_AT),
    )


def weekly(ended_ns: Sequence[int]) -> float:
    """How many sessions end in a week, from the ends of some; what lies within one week counts as a whole one."""
    return len(ended_ns) / max(1.0, (max(ended_ns) - min(ended_ns)) / WEEK_NS) if ended_ns else 0.0


@dataclass(frozen=True)
class _Alarms:
    """How many held-back sessions raise an alarm, by the line it is raised at.

    Attributes:
        reached: surprises at which the number changes as the line falls, falling, shape (n,).
        change: by how much it does, shape (n,).
        sessions: held back.
    """

    reached: np.ndarray
    change: np.ndarray
    sessions: int

    @classmethod
    def of(cls, looks: Looks) -> _Alarms:
        """Count: 2 - 1 / k where one of a session's k looks reaches the line, 1 where several do."""
        order = np.lexsort((-looks.anomaly, looks.session))
        seen = surprise(looks.anomaly[order])
        _, first, count = np.unique(looks.session[order], return_index=True, return_counts=True)
        again = first[count > 1] + 1
        between = 1.0 - 1.0 / count
        reached = np.concatenate([seen[first], seen[again]])
        falling = np.argsort(-reached, kind="stable")
        change = np.concatenate([1.0 + between, -between[count > 1]])
        return cls(reached[falling], change[falling], len(first))

    def line(self, share: float) -> float:
        """The surprise that a new session reaches with a chance of at most ``share``, there and above."""
        most = np.maximum.accumulate(np.cumsum(self.change)) + 1.0
        beyond = np.flatnonzero(most > share * (self.sessions + 1))
        return float(self.reached[beyond[0]]) + _ABOVE if len(beyond) else 0.0

    def chance(self, line: float) -> float:
        """Bound of the chance that a new session reaches the line."""
        return float((self.change[self.reached >= line].sum() + 1.0) / (self.sessions + 1))
