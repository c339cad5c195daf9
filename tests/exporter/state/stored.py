"""Things to store, each different from the next, and what makes two of them equal."""

from __future__ import annotations

from dataclasses import fields

import numpy as np

from analytics.events import COLUMNS, EventTable
from analytics.findings import Finding
from analytics.verdicts import FingerprintView, Reason, SessionVerdict
from exporter.state import StoredSession


def full_verdict(session_id: str = "s1") -> SessionVerdict:
    return SessionVerdict(
        session_id=session_id,
        started_ns=1_772_442_000_000_000_001,
        ended_ns=1_772_442_000_000_000_007,
        events=41,
        agent="claude-code",
        user_id=None,
        project="/home/ana/shöp\u2603",
        status="scored",
        risk=0.1 + 0.2,
        level="low",
        parts={"anomaly": 0.1, "findings": 0.2},
        detectors={"lof": 1e-300},
        reasons=(
            Reason("tool_uses", float("nan"), float("-inf"), 3.0, 0.31, "more than usual"),
            Reason("errors", 2.0, 0.0, 1.0, -0.0),
        ),
        findings=(Finding(session_id, "reads-secrets", "high", 2, 5, 2**62),),
        fingerprint=FingerprintView("ab12", "c3", None),
        is_final=True,
        model_version="20260301T000000000000Z-00000000",
    )


def full_session(session_id: str = "s1", *, started_ns: int = 10, last_ns: int = 20) -> StoredSession:
    return StoredSession(
        session_id=session_id,
        started_ns=started_ns,
        last_ns=last_ns,
        events=41,
        is_open=False,
        closed_ns=30,
        has_events=True,
        feature_schema="f1",
        features=np.array([0.5, np.nan, -0.0, np.inf]),
        checkpoints={8: np.array([1.0, 2.0]), 16: np.array([]), 32: np.array([np.nan, 4.0])},
        verdict=full_verdict(session_id),
    )


def bare_session(session_id: str, *, last_ns: int = 20, is_open: bool = True) -> StoredSession:
    return StoredSession(session_id, 10, last_ns, 3, is_open)


def same_array(first: np.ndarray | None, second: np.ndarray | None) -> bool:
    """Bit for bit."""
    if first is None or second is None:
        return first is second
    return first.dtype == second.dtype and first.shape == second.shape and first.tobytes() == second.tobytes()


def same_session(first: StoredSession, second: StoredSession) -> bool:
    plain = [field.name for field in fields(first) if field.name not in ("features", "checkpoints", "verdict")]
    return (
        all(getattr(first, name) == getattr(second, name) for name in plain)
        # By text: a verdict may hold NaN, which equals nothing.
        and repr(first.verdict) == repr(second.verdict)
        and same_array(first.features, second.features)
        and list(first.checkpoints) == list(second.checkpoints)
        and all(same_array(values, second.checkpoints[age]) for age, values in first.checkpoints.items())
    )


def assert_same_events(found: EventTable, expected: EventTable) -> None:
    assert list(found.frame.columns) == [column.name for column in COLUMNS]
    for column in COLUMNS:
        ours, theirs = found.frame[column.name], expected.frame[column.name]
        if column.kind in ("text", "object"):
            assert str(ours.dtype) == {"text": "category", "object": "object"}[column.kind], column.name
            assert _texts(ours) == _texts(theirs), column.name
        else:
            assert same_array(_one_nan(ours.to_numpy()), _one_nan(theirs.to_numpy())), column.name


def _texts(series) -> list[str | None]:
    return [value if isinstance(value, str) else None for value in series.astype(object)]


def _one_nan(values: np.ndarray) -> np.ndarray:
    """There are many bit patterns of NaN, and all of them mean missing."""
    return np.where(np.isnan(values), np.nan, values) if values.dtype.kind == "f" else values
