"""Feature rows: all features of all sessions at once, now and at earlier ages."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analytics.activity import Activity, WorkingHours
from analytics.features import FEATURES
from analytics.sessions import CHECKPOINTS, SessionEvents


@dataclass(frozen=True)
class FeatureMatrix:
    """Features of sessions at one or several ages.

    Attributes:
        values: float64, shape (n_rows, n_features), columns in the order of ``FEATURES``; NaN where the telemetry
            does not tell.
        session_ids: the session of each row.
        ages: events the session had when the row was taken, shape (n_rows,).
    """

    values: np.ndarray
    session_ids: tuple[str, ...]
    ages: np.ndarray

    def __len__(self) -> int:
        return len(self.session_ids)


def measure_features(sessions: SessionEvents, working_hours: WorkingHours | None = None) -> FeatureMatrix:
    """The features of whole sessions, one row each."""
    activity = Activity.of(sessions, working_hours)
    values = np.empty((len(sessions), len(FEATURES)))
    for column, feature in enumerate(FEATURES):
        values[:, column] = feature.measure(activity)
    return FeatureMatrix(values, sessions.session_ids, sessions.lengths)


def measure_checkpoints(sessions: SessionEvents, working_hours: WorkingHours | None = None) -> dict[int, FeatureMatrix]:
    """The features of the sessions as they were at each checkpoint age they have passed, by age."""
    result: dict[int, FeatureMatrix] = {}
    for age in CHECKPOINTS:
        part, chosen = sessions.at_age(age)
        if not len(chosen):
            break
        result[age] = measure_features(part, working_hours)
    return result
