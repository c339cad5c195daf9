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

    def taken_at(self, age: int) -> FeatureMatrix:
        """The rows of one age."""
        rows = np.flatnonzero(self.ages == age)
        return FeatureMatrix(self.values[rows], tuple(self.session_ids[row] for row in rows), self.ages[rows])


def measure_features(sessions: SessionEvents, working_hours: WorkingHours | None = None) -> FeatureMatrix:
    """The features of whole sessions, one row each."""
    return measure_activity(Activity.of(sessions, working_hours))


def measure_activity(activity: Activity) -> FeatureMatrix:
    """The same where the tool uses are paired already."""
    values = np.empty((len(activity), len(FEATURES)))
    for column, feature in enumerate(FEATURES):
        values[:, column] = feature.measure(activity)
    return FeatureMatrix(values, activity.sessions.session_ids, activity.sessions.lengths)


def measure_checkpoints(sessions: SessionEvents, working_hours: WorkingHours | None = None) -> dict[int, FeatureMatrix]:
    """The features of the sessions as they were at each checkpoint age they have passed, by age."""
    matrix = measure_features(sessions.at_ages(CHECKPOINTS), working_hours)
    return {age: matrix.taken_at(age) for age in CHECKPOINTS if age in matrix.ages}
