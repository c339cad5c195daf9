"""A session as the state keeps it, and how it becomes a row and comes back.

Feature rows are stored as their raw little-endian float64, verdicts as JSON with every field by name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from analytics.findings import Finding
from analytics.verdicts import FingerprintView, Peak, Reason, SessionVerdict
from exporter.state.errors import DamagedValue
from exporter.state.json_text import from_json, to_json

_FLOAT: Final = np.dtype("<f8")
_INTEGER: Final = np.dtype("<i8")


# Arrays have no single answer to ==, so that the generated comparison would raise.
@dataclass(frozen=True, slots=True, eq=False)
class StoredSession:
    """A session without its events.

    Attributes:
        session_id: as the agent names it.
        started_ns: time of its first event, nanoseconds since the epoch.
        last_ns: time of its last event.
        events: how many it has had.
        is_open: whether it is running still.
        closed_ns: when it was found to have ended, None while it runs.
        has_events: whether its events are stored.
        feature_schema: the version of the features in ``features`` and ``checkpoints``.
        features: the final or latest feature row, shape (n_features,); read-only when it comes from the state.
        checkpoints: feature rows at earlier ages, by number of events; read-only as above.
        verdict: what the analyses said last.
    """

    session_id: str
    started_ns: int
    last_ns: int
    events: int
    is_open: bool
    closed_ns: int | None = None
    has_events: bool = True
    feature_schema: str | None = None
    features: np.ndarray | None = None
    checkpoints: Mapping[int, np.ndarray] = field(default_factory=dict)
    verdict: SessionVerdict | None = None


def to_row(session: StoredSession) -> dict[str, Any]:
    """The values of the columns of ``tables.sessions``."""
    return {
        "session_id": session.session_id,
        "started_ns": int(session.started_ns),
        "last_ns": int(session.last_ns),
        "events": int(session.events),
        "is_open": bool(session.is_open),
        "closed_ns": None if session.closed_ns is None else int(session.closed_ns),
        "has_events": bool(session.has_events),
        "feature_schema": session.feature_schema,
        "features": None if session.features is None else _row_bytes(session.features),
        "checkpoints": _pack_checkpoints(session.checkpoints),
        "verdict": None if session.verdict is None else to_json(session.verdict),
    }


def from_row(row: Sequence[Any]) -> StoredSession:
    """The session of a row with the columns of ``tables.sessions``, in their order. Raises ``DamagedValue``."""
    session_id, started_ns, last_ns, events, is_open, closed_ns, has_events, schema, features, checkpoints, verdict = (
        row
    )
    try:
        return StoredSession(
            session_id=session_id,
            started_ns=started_ns,
            last_ns=last_ns,
            events=events,
            is_open=is_open,
            closed_ns=closed_ns,
            has_events=has_events,
            feature_schema=schema,
            features=None if features is None else np.frombuffer(features, _FLOAT),
            checkpoints={} if checkpoints is None else _unpack_checkpoints(checkpoints),
            verdict=None if verdict is None else _verdict_from_json(verdict),
        )
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise DamagedValue(f"session {row[0]!r} cannot be read back") from error


def _row_bytes(values: np.ndarray) -> bytes:
    if values.ndim != 1:
        raise ValueError(f"a feature row has one dimension, not {values.ndim}")
    return values.astype(_FLOAT, copy=False).tobytes()


def _pack_checkpoints(checkpoints: Mapping[int, np.ndarray]) -> bytes | None:
    """The number of rows, their ages and their lengths as int64, then the rows."""
    if not checkpoints:
        return None
    lengths = [len(values) for values in checkpoints.values()]
    head = np.array([len(checkpoints), *checkpoints, *lengths], dtype=_INTEGER)
    return head.tobytes() + b"".join(_row_bytes(values) for values in checkpoints.values())


def _unpack_checkpoints(packed: bytes) -> dict[int, np.ndarray]:
    count = int.from_bytes(packed[: _INTEGER.itemsize], "little", signed=True)
    ages_and_lengths = np.frombuffer(packed, _INTEGER, 2 * count, _INTEGER.itemsize).tolist()
    values = np.frombuffer(packed, _FLOAT, offset=_INTEGER.itemsize * (1 + 2 * count))
    checkpoints: dict[int, np.ndarray] = {}
    start = 0
    for age, length in zip(ages_and_lengths[:count], ages_and_lengths[count:], strict=True):
        checkpoints[age] = values[start : start + length]
        start += length
    if start != len(values):
        raise ValueError("feature rows are cut short")
    return checkpoints


def _verdict_from_json(text: str) -> SessionVerdict:
    """The verdict with all its parts; a field it was written without has its default."""
    values = from_json(text)
    values["reasons"] = _reasons(values["reasons"])
    values["notes"] = tuple(values.get("notes", ()))
    values["findings"] = tuple([Finding(**finding) for finding in values["findings"]])
    if values["fingerprint"] is not None:
        values["fingerprint"] = FingerprintView(**values["fingerprint"])
    peak = values.get("peak")
    if peak is not None:
        values["peak"] = Peak(**{**peak, "reasons": _reasons(peak["reasons"])})
    return SessionVerdict(**values)


def _reasons(values: Sequence[Mapping[str, Any]]) -> tuple[Reason, ...]:
    return tuple([Reason(**reason) for reason in values])
