"""The truth beside simulated telemetry, and the telemetry of many sessions as one stream."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from typing import Any, Final

from analytics.simulation.recorder import Record
from analytics.simulation.stamps import milliseconds_of
from analytics.simulation.team import SimulatedSession

LABEL_COLUMNS: Final = (
    "session_id", "label", "label_name", "onset_sequence", "group", "model", "agent", "events", "clock",
)  # fmt: skip
HEALTHY: Final = "healthy"


def labels_rows(sessions: Iterable[SimulatedSession]) -> list[dict[str, Any]]:
    """One row a session with the columns of ``LABEL_COLUMNS``.

    ``label`` is 1 for misbehaviour, ``label_name`` its kind or ``healthy``; ``onset_sequence`` is None where there
    is none; sub-agents share the ``group`` of the session that started them; ``clock`` says that times are simulated.
    """
    return [_row(session) for session in sessions]


def _row(session: SimulatedSession) -> dict[str, Any]:
    first = session.records[0]
    values = (
        session.session_id,
        int(session.label is not None),
        session.label or HEALTHY,
        session.onset_sequence,
        first.get("parent_session_id", session.session_id),
        first.get("model"),
        first.get("agent"),
        len(session.records),
        "simulated",
    )
    return dict(zip(LABEL_COLUMNS, values, strict=True))


def merge_in_time(sessions: Iterable[SimulatedSession]) -> Iterator[Record]:
    """All records by time, so that sessions interleave; at one time by session, then sequence.

    Holds the sessions it is given, and little besides.
    """
    return heapq.merge(*(session.records for session in sessions), key=_moment)


def _moment(record: Record) -> tuple[int, str, int]:
    return milliseconds_of(record["timestamp"]), record["session_id"], record["sequence"]
