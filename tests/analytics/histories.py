"""Histories with a planted truth, measured from records like any other telemetry."""

from __future__ import annotations

import numpy as np

from analytics.analysis import History, SessionRows
from analytics.feature_matrix import measure_checkpoints, measure_features
from analytics.features import FEATURE_NAMES
from analytics.sessions import describe_sessions
from analytics.traces import trace_sessions
from tests.builders import ordinary_session, sessions_of


def rows_of(records, findings=None) -> SessionRows:
    sessions = sessions_of(*records)
    infos = describe_sessions(sessions)
    found = findings or {}
    return SessionRows(
        tuple(infos),
        measure_features(sessions).values,
        tuple(found.get(info.session_id, ()) for info in infos),
        tuple(trace_sessions(sessions)),
    )


def history_of(records, findings=None) -> History:
    sessions = sessions_of(*records)
    values, ages, numbers = [], [], []
    for age, matrix in measure_checkpoints(sessions).items():
        for session_id, row in zip(matrix.session_ids, matrix.values, strict=True):
            values.append(row)
            ages.append(age)
            numbers.append(sessions.session_ids.index(session_id))
    return History(
        rows_of(records, findings),
        np.array(values).reshape(-1, len(FEATURE_NAMES)),
        np.array(ages, dtype=np.int64),
        np.array(numbers, dtype=np.int64),
    )


def ordinary_records(count: int, seed: int = 0, users: tuple[str, ...] = ("ana", "bob")) -> list[dict]:
    rng = np.random.default_rng(seed)
    return [
        record
        for number in range(count)
        for record in ordinary_session(number + seed * 10_000, rng, user=users[number % len(users)])
    ]
