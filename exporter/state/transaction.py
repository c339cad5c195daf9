"""What can be written, all in one transaction: a batch's events, what came of them, and the position after them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from sqlalchemy import Connection, Table, bindparam, delete, insert, update
from sqlalchemy.dialects import postgresql, sqlite

from analytics.events import EventTable
from analytics.rule_occurrences import Hit
from exporter.state.chunks import pack_events
from exporter.state.human_verdict import HumanVerdict
from exporter.state.stored_session import StoredSession, to_row
from exporter.state.tables import (
    OF_A_SESSION,
    counters,
    event_chunks,
    hits,
    human_verdicts,
    models,
    positions,
    sessions,
)

_INSERTS: Final[dict[str, Callable[[Table], sqlite.Insert | postgresql.Insert]]] = {
    "sqlite": sqlite.insert,
    "postgresql": postgresql.insert,
}


class Transaction:
    """Changes that are stored together or not at all; made by ``State.begin`` and valid until its block ends."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def set_position(self, source: str, position: Mapping[str, Any]) -> None:
        """Where a source stands once the events of this transaction are stored."""
        self._upsert(positions, [{"source": source, "position": dict(position)}])

    def add_counts(self, metric: str, counts: Mapping[tuple[str, ...], float]) -> None:
        """Add to a metric's cumulative counts, by label values in the metric's label order."""
        rows = [{"metric": metric, "labels": labels, "value": float(count)} for labels, count in counts.items()]
        self._upsert(counters, rows, adds=True)

    def append_events(self, table: EventTable) -> None:
        """Store events, without details, behind those their sessions have: one chunk for each session."""
        self._insert(
            event_chunks,
            [{"session_id": chunk.session_id, "payload": chunk.payload} for chunk in pack_events(table)],
        )

    def add_hits(self, found: Iterable[Hit]) -> None:
        """Store where rules matched."""
        self._insert(hits, [{"session_id": hit.session_id, "hit": hit} for hit in found])

    def put_sessions(self, stored: Iterable[StoredSession]) -> None:
        """Store sessions, each in place of what was stored under its id."""
        self._upsert(sessions, [to_row(session) for session in stored])

    def drop_events(self, session_ids: Iterable[str]) -> None:
        """Remove events and hits of sessions and mark them as having no events; scores and features stay."""
        ids = _parameters(session_ids)
        for table in (event_chunks, hits):
            self._delete(table, ids)
        if ids:
            has_none = update(sessions).where(sessions.c.session_id == bindparam("wanted")).values(has_events=False)
            self._connection.execute(has_none, ids)

    def delete_sessions(self, session_ids: Iterable[str]) -> None:
        """Remove sessions and everything of theirs."""
        ids = _parameters(session_ids)
        for table in (*OF_A_SESSION, sessions):
            self._delete(table, ids)

    def put_human_verdict(self, session_id: str, verdict: HumanVerdict) -> None:
        """Store what a person said about a session, in place of what was said before."""
        row = {
            "session_id": session_id,
            "verdict": verdict.verdict,
            "note": verdict.note,
            "at": float(verdict.at),
            "by": verdict.by,
        }
        self._upsert(human_verdicts, [row])

    def put_model_digest(self, analysis: str, version: str, sha256: str) -> None:
        """Remember that a model file is this deployment's own; see ``ModelStore.load_latest``."""
        self._upsert(models, [{"analysis": analysis, "version": version, "sha256": sha256}])

    def _insert(self, table: Table, rows: list[dict[str, Any]]) -> None:
        if rows:
            self._connection.execute(insert(table), rows)

    def _upsert(self, table: Table, rows: list[dict[str, Any]], *, adds: bool = False) -> None:
        """Insert rows; where the key exists, replace the other columns, or add to them."""
        if not rows:
            return
        statement = _INSERTS[self._connection.dialect.name](table)
        changed = {
            column.name: column + statement.excluded[column.name] if adds else statement.excluded[column.name]
            for column in table.columns
            if not column.primary_key
        }
        self._connection.execute(statement.on_conflict_do_update(index_elements=table.primary_key, set_=changed), rows)

    def _delete(self, table: Table, ids: list[dict[str, str]]) -> None:
        if ids:
            self._connection.execute(delete(table).where(table.c.session_id == bindparam("wanted")), ids)


def _parameters(session_ids: Iterable[str]) -> list[dict[str, str]]:
    return [{"wanted": session_id} for session_id in dict.fromkeys(session_ids)]
