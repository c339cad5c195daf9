"""The state: what the process must not forget between two cycles or two runs.

It is a cache. Loki is the record, and a state that is lost is rebuilt by reading Loki again; what only lives here is
what people said about sessions.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from sqlalchemy import Column, Select, delete, func, null, select

from analytics.events import EventTable
from analytics.familiarity import Acquaintance
from analytics.rule_occurrences import Hit
from analytics.traces import Trace
from exporter.garbage_collection import collector_at_rest
from exporter.state import schema, tables
from exporter.state.acquaintance_row import from_values
from exporter.state.announcement import Announced, Announcement
from exporter.state.chunks import unpack_events
from exporter.state.database import Database
from exporter.state.errors import DamagedValue, StateError, StateUnwritable
from exporter.state.human_verdict import HumanVerdict
from exporter.state.lease import Lease
from exporter.state.lock import FolderLock
from exporter.state.opening import FILE_NAME, open_database
from exporter.state.stored_session import StoredSession, from_row
from exporter.state.trace_bytes import unpack_trace
from exporter.state.transaction import Transaction

_ROWS_A_TIME: Final = 500
_IDS_A_QUERY: Final = 512  # well below what either database takes as parameters of one statement


class State:
    """The stored state of one deployment, for one process and any of its threads.

    Every method may raise a ``StateError``; see ``exporter.state.errors``.
    """

    def __init__(self, database: Database, lock: FolderLock | None = None, lease: Lease | None = None) -> None:
        """Made by ``open`` and ``open_read_only``."""
        self._database = database
        self._lock = lock
        self._lease = lease
        self._may_hold_deleted = True  # the log of a process that was ended early

    @classmethod
    def open(cls, directory: Path, url: str | None = None, clock: Callable[[], float] = time.time) -> State:
        """Open the state in a folder, or with its tables in the database at ``url``; made where missing.

        The folder is locked against other processes until ``close``, and a database at a URL against other folders;
        ``clock`` tells Unix seconds, for the age of such a lease.
        """
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StateUnwritable(f"{directory} cannot be made ({error.strerror}): use another --state") from error
        with ExitStack() as undone:
            lock = FolderLock(directory)
            undone.callback(lock.release)
            database = open_database(directory, url)
            undone.callback(database.close)
            lease = None if url is None else Lease.taken(database, directory, clock)
            undone.pop_all()
            return cls(database, lock, lease)

    @classmethod
    def open_read_only(cls, directory: Path, url: str | None = None) -> State:
        """Open an existing state to look at it, also while another process has it open."""
        path = directory / FILE_NAME
        if url is None and not path.is_file():
            raise StateError(f"{path} does not exist: name the folder Sigyn was run with (--state)")
        database = Database.of_url(url, read_only=True) if url else Database.of_file(path, read_only=True)
        try:
            schema.check(database)
        except BaseException:
            database.close()
            raise
        return cls(database)

    def close(self) -> None:
        """Close the database and let other processes in."""
        if self._lease is not None:
            self._lease.give_back()
            self._lease = None
        self._database.close()
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def begin(self) -> Iterator[Transaction]:
        """A transaction: committed at the end of the block, undone when an exception leaves it. They do not nest."""
        with self._database.writing() as connection:
            if self._lease is not None:
                self._lease.hold(connection)
            transaction = Transaction(connection)
            yield transaction
        self._may_hold_deleted |= transaction.has_deleted

    def renew(self) -> None:
        """Stay the one who writes, where the database could be another folder's too; to be called every minute."""
        if self._lease is not None:
            with self.begin():
                pass

    def positions(self) -> dict[str, dict[str, Any]]:
        """Where each source stands, by its name."""
        return dict(self._rows(select(tables.positions)))

    def counters(self) -> dict[str, dict[tuple[str, ...], float]]:
        """Cumulative counts by metric and label values."""
        counts: dict[str, dict[tuple[str, ...], float]] = defaultdict(dict)
        for metric, labels, value in self._rows(select(tables.counters)):
            counts[metric][tuple(labels)] = value
        return dict(counts)

    def sessions(
        self, since_ns: int | None = None, *, through_ns: int | None = None, with_checkpoints: bool = True
    ) -> list[StoredSession]:
        """The sessions last seen at or after a time, and not after another (all when None), in order of their start.

        Without their checkpoint rows, which only training reads, they come in two thirds of the time.
        """
        columns = tables.sessions.c
        query = select(*(null() if one is columns.checkpoints and not with_checkpoints else one for one in columns))
        if since_ns is not None:
            query = query.where(tables.sessions.c.last_ns >= since_ns)
        if through_ns is not None:
            query = query.where(tables.sessions.c.last_ns <= through_ns)
        with collector_at_rest(), self._database.reading() as connection:
            rows = connection.execution_options(yield_per=_ROWS_A_TIME).execute(query)
            found = [from_row(row) for row in rows]
        # Here and not in the query: the database would sort whole rows, features and all.
        return sorted(found, key=lambda session: (session.started_ns, session.session_id))

    def session(self, session_id: str) -> StoredSession | None:
        """One session, None when there is none of that id."""
        query = select(tables.sessions).where(tables.sessions.c.session_id == session_id)
        with self._database.in_words():
            return next((from_row(row) for row in self._rows(query)), None)

    def open_session_ids(self) -> set[str]:
        """The sessions that are running still."""
        columns = tables.sessions.c
        return {session_id for (session_id,) in self._rows(select(columns.session_id).where(columns.is_open))}

    def events(self, session_ids: Iterable[str]) -> EventTable:
        """The stored events of some sessions; those of one session stand in the order they were appended in."""
        columns = tables.event_chunks.c
        query = select(columns.session_id, columns.payload).order_by(columns.chunk_id)
        with self._database.in_words():
            return unpack_events(self._rows_of(query, columns.session_id, session_ids))

    def hits(self, session_ids: Iterable[str]) -> list[Hit]:
        """Where rules matched in some sessions; those of one session in the order they were added in."""
        query = select(tables.hits.c.hit).order_by(tables.hits.c.hit_id)
        with self._database.in_words():
            return [_hit(fields) for (fields,) in self._rows_of(query, tables.hits.c.session_id, session_ids)]

    def traces(self, session_ids: Iterable[str]) -> dict[str, Trace]:
        """The traces of those ended sessions that have one, by session id."""
        columns = tables.traces.c
        query = select(columns.session_id, columns.trace)
        with self._database.in_words():
            found = self._rows_of(query, columns.session_id, session_ids)
            return {session_id: unpack_trace(packed) for session_id, packed in found}

    def human_verdicts(self) -> dict[str, HumanVerdict]:
        """What people said, by session id."""
        columns = tables.human_verdicts.c
        query = select(columns.session_id, columns.verdict, columns.note, columns.at, columns.by)
        with self._database.in_words():
            return {session_id: _human_verdict(said) for session_id, *said in self._rows(query)}

    def queued_announcements(self, most: int | None = None) -> dict[int, Announcement]:
        """The lines that have waited longest for Loki (all when None), by number in the outbox, oldest first."""
        columns = tables.outbox.c
        query = select(columns.announcement_id, columns.kind, columns.time_ns, columns.line, columns.metadata)
        rows = self._rows(query.order_by(columns.announcement_id).limit(most))
        return {number: Announcement(*parts) for number, *parts in rows}

    def count_queued(self) -> int:
        """How many lines wait for Loki."""
        return int(self._rows(select(func.count()).select_from(tables.outbox))[0][0])

    def announced(self) -> dict[str, Announced]:
        """What was told about each session last, by session id."""
        return {session_id: Announced(*told) for session_id, *told in self._rows(select(tables.announced))}

    def familiar(self) -> list[Acquaintance]:
        """The users, agents, versions and tools that are known."""
        columns = [column for column in tables.familiar.c if column.name != "digest"]
        with self._database.in_words():
            return [from_values(row) for row in self._rows(select(*columns))]

    def familiar_since_ns(self) -> int | None:
        """When the first history had been read, None while it has not."""
        query = select(tables.meta.c.value).where(tables.meta.c.key == tables.FAMILIAR_SINCE)
        return next((int(value) for (value,) in self._rows(query)), None)

    def model_digests(self, analysis: str) -> dict[str, str]:
        """SHA-256 of the model files of an analysis that are this deployment's own, by version."""
        columns = tables.models.c
        query = select(columns.version, columns.sha256).where(columns.analysis == analysis)
        return dict(self._rows(query))

    def count_rows(self, session_ids: Iterable[str]) -> dict[str, int]:
        """How much some sessions have stored beside themselves, by what it is, such as ``event_chunks``."""
        wanted = list(session_ids)
        return {
            table.name.removeprefix(tables.PREFIX): len(
                self._rows_of(select(table.c.session_id), table.c.session_id, wanted)
            )
            for table in tables.OF_A_SESSION
        }

    def wipe(self) -> None:
        """See to it that nothing deleted can be read in the files any more; put off while others read."""
        if self._may_hold_deleted and self._database.empty_log():
            self._may_hold_deleted = False

    def compact(self) -> None:
        """The same at once and for every page of the file; takes as long as writing it anew."""
        self._database.compact()
        self._may_hold_deleted = False

    def prune(self, before_ns: int) -> int:
        """Remove the sessions last seen before a time, with everything of theirs; gives how many those were."""
        ids = select(tables.sessions.c.session_id).where(tables.sessions.c.last_ns < before_ns)
        with self._database.writing() as connection:
            for table in tables.OF_A_SESSION:
                connection.execute(delete(table).where(table.c.session_id.in_(ids)))
            return connection.execute(delete(tables.sessions).where(tables.sessions.c.last_ns < before_ns)).rowcount

    def _rows(self, query: Select[*tuple[Any, ...]]) -> Sequence[tuple[Any, ...]]:
        with self._database.reading() as connection:
            return connection.execute(query).all()

    def _rows_of(
        self, query: Select[*tuple[Any, ...]], key: Column[Any], session_ids: Iterable[str]
    ) -> list[tuple[Any, ...]]:
        """The rows of some sessions; a session's rows stay together in the order of the query."""
        rows: list[tuple[Any, ...]] = []
        wanted = list(dict.fromkeys(session_ids))
        with self._database.reading() as connection:
            for start in range(0, len(wanted), _IDS_A_QUERY):
                some = _padded(wanted[start : start + _IDS_A_QUERY])
                rows += connection.execute(query.where(key.in_(some)))
        return rows


def _padded(ids: list[str]) -> list[str]:
    """The ids, the last one repeated up to a power of two.

    Each number of ids is a statement of its own, and every connection keeps its last hundred prepared: with each
    number that ever occurs, that is some ten megabytes a connection.
    """
    return ids + ids[-1:] * ((1 << (len(ids) - 1).bit_length()) - len(ids))


def _hit(values: dict[str, Any]) -> Hit:
    try:
        return Hit(**values)
    except TypeError as error:
        raise DamagedValue("a rule's hit cannot be read back") from error


def _human_verdict(said: Sequence[Any]) -> HumanVerdict:
    try:
        return HumanVerdict(*said)
    except ValueError as error:
        raise DamagedValue(str(error)) from error
