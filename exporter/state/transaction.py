"""What can be written, all in one transaction: a batch's events, what came of them, and the position after them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from sqlalchemy import Connection, Table, bindparam, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from analytics.events import EventTable
from analytics.familiarity import Acquaintance, Key
from analytics.rule_occurrences import Hit
from analytics.traces import Trace
from exporter.state.acquaintance_row import key_of, to_values
from exporter.state.announcement import Announced, Announcement
from exporter.state.chunks import pack_events
from exporter.state.human_verdict import HumanVerdict
from exporter.state.json_text import JsonText
from exporter.state.stored_session import StoredSession, to_row
from exporter.state.tables import (
    FAMILIAR_SINCE,
    OF_A_SESSION,
    announced,
    counters,
    event_chunks,
    familiar,
    hits,
    human_verdicts,
    meta,
    models,
    outbox,
    positions,
    sessions,
    traces,
)
from exporter.state.trace_bytes import pack_trace

_INSERTS: Final[dict[str, Callable[[Table], sqlite.Insert | postgresql.Insert]]] = {
    "sqlite": sqlite.insert,
    "postgresql": postgresql.insert,
}


class Transaction:
    """Changes that are stored together or not at all; made by ``State.begin`` and valid until its block ends.

    Attributes:
        has_deleted: whether anything was removed for good.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.has_deleted = False

    def set_position(self, source: str, position: Mapping[str, Any]) -> None:
        """Where a source stands once the events of this transaction are stored."""
        self._upsert(positions, [{"source": source, "position": dict(position)}])

    def add_counts(self, metric: str, counts: Mapping[tuple[str, ...], float]) -> None:
        """Add to a metric's cumulative counts, by label values in the metric's label order."""
        rows = [{"metric": metric, "labels": labels, "value": float(count)} for labels, count in counts.items()]
        self._upsert(counters, rows, adds=True)

    def remove_counts(self, metric: str, labels: Iterable[tuple[str, ...]]) -> None:
        """Remove counts of a metric by label values; counted again, they begin at nought."""
        rows = [{"wanted": list(values)} for values in labels]
        if rows:
            self.has_deleted = True
            chosen = (counters.c.metric == metric) & (counters.c.labels == bindparam("wanted", type_=JsonText()))
            self._connection.execute(delete(counters).where(chosen), rows)

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

    def put_traces(self, found: Mapping[str, Trace]) -> None:
        """Store the traces of ended sessions, by session id; they stay when the events are dropped."""
        rows = [{"session_id": session_id, "trace": pack_trace(trace)} for session_id, trace in found.items()]
        self._upsert(traces, rows)

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

    def queue_announcements(self, lines: Iterable[Announcement]) -> None:
        """Put lines for Loki into the outbox, behind those that wait there."""
        rows = [
            {"kind": line.kind, "time_ns": line.time_ns, "line": line.line, "metadata": dict(line.metadata)}
            for line in lines
        ]
        self._insert(outbox, rows)

    def remove_announcements(self, numbers: Iterable[int]) -> None:
        """Take lines out of the outbox, by their numbers from ``State.queued_announcements``."""
        rows = [{"wanted": number} for number in numbers]
        if rows:
            self.has_deleted = True
            self._connection.execute(delete(outbox).where(outbox.c.announcement_id == bindparam("wanted")), rows)

    def trim_announcements(self, most: int) -> Counter[str]:
        """Leave only the newest lines in the outbox; gives how many were dropped, by kind."""
        number = outbox.c.announcement_id
        first_dropped = select(number).order_by(number.desc()).offset(most).limit(1).scalar_subquery()
        dropped = self._connection.execute(delete(outbox).where(number <= first_dropped).returning(outbox.c.kind))
        return Counter(dropped.scalars())

    def rewrite_announcements(self, lines: Mapping[int, str]) -> None:
        """Put other words into lines that wait, by their numbers; they keep their place."""
        rows = [{"wanted": number, "changed": line} for number, line in lines.items()]
        if rows:
            changed = update(outbox).where(outbox.c.announcement_id == bindparam("wanted"))
            self._connection.execute(changed.values(line=bindparam("changed")), rows)

    def put_announced(self, told: Mapping[str, Announced]) -> None:
        """Remember what was told about sessions, by session id."""
        rows = [
            {
                "session_id": session_id,
                "risk": last.risk,
                "level": last.level,
                "is_final": last.is_final,
                "findings": dict(last.findings),
            }
            for session_id, last in told.items()
        ]
        self._upsert(announced, rows)

    def put_familiar(self, known: Iterable[Acquaintance]) -> None:
        """Store known things, each in place of what was known of it."""
        self._upsert(familiar, [to_values(one) for one in known])

    def remove_familiar(self, keys: Iterable[Key]) -> None:
        """Know some things no more."""
        rows = [{"wanted": key_of(key)} for key in keys]
        if rows:
            self.has_deleted = True
            self._connection.execute(delete(familiar).where(familiar.c.digest == bindparam("wanted")), rows)

    def set_familiar_since(self, time_ns: int) -> None:
        """Remember when the first history had been read."""
        self._upsert(meta, [{"key": FAMILIAR_SINCE, "value": str(time_ns)}])

    def put_model_digest(self, analysis: str, version: str, sha256: str) -> None:
        """Remember that a model file is this deployment's own; see ``ModelStore.load_latest``."""
        self._upsert(models, [{"analysis": analysis, "version": version, "sha256": sha256}])

    def forget_models(self) -> None:
        """Take no model file for this deployment's own any more."""
        self._connection.execute(delete(models))

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
            self.has_deleted = True
            self._connection.execute(delete(table).where(table.c.session_id == bindparam("wanted")), ids)


def _parameters(session_ids: Iterable[str]) -> list[dict[str, str]]:
    return [{"wanted": session_id} for session_id in dict.fromkeys(session_ids)]
