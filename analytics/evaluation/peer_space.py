"""The features as other detectors get them: the very rows that our own three detectors see.

Standardised by age and scope, unknown values set to what is typical, clipped, deviations in a harmless direction
halved. Other detectors so start from the same ground, age matching included.
"""

from __future__ import annotations

import numpy as np

from analytics.analysis import History, SessionRows
from analytics.baseline import fit_baseline
from analytics.reasons import direct


def peer_rows(history: History, rows: SessionRows) -> tuple[np.ndarray, np.ndarray]:
    """Rows to fit on and rows to judge, shape (n_sessions, n_features) each, without missing values."""
    sessions = history.sessions
    who = sessions.who
    baseline = fit_baseline(
        np.concatenate([sessions.values, history.checkpoint_values]),
        np.concatenate([sessions.ages, history.checkpoint_ages]),
        np.arange(len(history) + len(history.checkpoint_ages)) < len(history),
        [*who, *(who[int(number)] for number in history.checkpoint_session)],
    )
    return (
        direct(baseline.standardise(sessions.values, sessions.ages, who)),
        direct(baseline.standardise(rows.values, rows.ages, rows.who)),
    )
