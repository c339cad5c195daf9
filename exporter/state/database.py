"""The database behind the state: SQLite or PostgreSQL, its transactions, and its errors in the state's words.

SQLite keeps a write-ahead log. With ``synchronous=NORMAL`` a commit is handed to the operating system before it
returns, so that the death of the process loses nothing committed; only a power failure may lose the last commits,
and then it loses them whole, with the positions they hold, and the telemetry is read again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from exporter.state.errors import (
    DamagedValue,
    StateCorrupt,
    StateError,
    StateLocked,
    StateUnwritable,
)

BUSY_SECONDS: Final = 30.0
"""How long a SQLite transaction waits for another one before it fails."""

_WRITES: Final = "sigyn_writes"
_CORRUPT: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_BUSY: Final = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_UNWRITABLE: Final = (
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PERM,
)


class Database:
    """A database and its place: the file or URL (without its password) that messages name.

    Safe for several threads: each transaction has a connection of its own, readers see the last commit while
    another thread writes, and writers wait for each other.
    """

    def __init__(self, url: URL, place: str, *, read_only: bool = False) -> None:
        self.place = place
        self.read_only = read_only
        try:
            self._engine = _engine(url, read_only=read_only)
        except (SQLAlchemyError, ModuleNotFoundError) as error:
            raise self._translated(error) from error
        self._writer = self._engine.execution_options(**{_WRITES: True})

    @classmethod
    def of_file(cls, path: Path, *, read_only: bool = False) -> Database:
        """The SQLite database in a file; made when missing, unless it is opened for reading only."""
        if not read_only:
            return cls(URL.create("sqlite", database=str(path)), str(path))
        address = URL.create("sqlite", database=f"file:{quote(str(path))}", query={"mode": "ro", "uri": "true"})
        return cls(address, str(path), read_only=True)

    @classmethod
    def of_url(cls, text: str, *, read_only: bool = False) -> Database:
        """The database at an SQLAlchemy URL."""
        try:
            url = make_url(text)
        except SQLAlchemyError:
            # Without its cause, which repeats the URL and so perhaps a password.
            raise StateError("state.url is no SQLAlchemy URL: write postgresql+psycopg://user@host/database") from None
        return cls(url, url.render_as_string(hide_password=True), read_only=read_only)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees one state of the database throughout."""
        with self.in_words(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A connection whose changes are committed at the end, or all undone when an exception passes."""
        if self.read_only:
            raise StateUnwritable(f"{self.place} was opened for reading only: open it with State.open to write")
        with self.in_words(), self._writer.begin() as connection:
            yield connection

    @contextmanager
    def in_words(self) -> Iterator[None]:
        """Errors of the database and of decoding become the state's; those of the caller pass."""
        try:
            yield
        except DamagedValue as error:
            raise self.damaged(str(error)) from error
        except (SQLAlchemyError, sqlite3.Error) as error:
            raise self._translated(error) from error

    def close(self) -> None:
        """Close all connections; SQLite then moves its write-ahead log into the file."""
        self._engine.dispose()

    def empty_log(self) -> bool:
        """Move SQLite's write-ahead log into the file and empty it: what was deleted may still stand there.

        Waits for nobody; False while somebody reads. Other databases look after their log themselves.
        """
        return not self._is_sqlite or not self._alone("PRAGMA busy_timeout = 0", "PRAGMA wal_checkpoint(TRUNCATE)")[0]

    def compact(self) -> None:
        """Write SQLite's file anew, without the pages that nothing is stored in any more."""
        if self._is_sqlite:
            self._alone("VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)")

    @property
    def _is_sqlite(self) -> bool:
        return self._engine.dialect.name == "sqlite"

    def _alone(self, *statements: str) -> tuple[Any, ...]:
        """Run statements that no transaction may surround; gives the first row of the last one's answer."""
        with self.in_words():
            connection = self._engine.raw_connection()
            try:
                cursor = connection.cursor()
                for statement in statements:
                    row = cursor.execute(statement).fetchone()
                cursor.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000:.0f}")
                cursor.close()
            finally:
                connection.close()
        return tuple(row or ())

    def damaged(self, what: str) -> StateCorrupt:
        """The error for something stored that makes no sense."""
        return StateCorrupt(
            f"{self.place} is damaged ({what}): move it away and start again; Loki is the record and will be read again"
        )

    def _translated(self, error: Exception) -> StateError:
        cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
        words = (str(cause).strip() or type(cause).__name__).splitlines()[0]
        code = getattr(cause, "sqlite_errorcode", 0) & 0xFF  # the upper bits say more than anybody needs
        if code in _CORRUPT:
            return self.damaged(words)
        if code in _BUSY:
            return StateLocked(f"{self.place} is kept busy by another transaction ({words}): try again later")
        if code in _UNWRITABLE:
            return StateUnwritable(f"{self.place} cannot be used ({words}): check disk space and permissions")
        if isinstance(error, ModuleNotFoundError):
            return StateError(
                f"{self.place} needs a driver that is not installed ({words}): "
                "install sigyn[postgresql] and write postgresql+psycopg://…"
            )
        return StateError(f"{self.place} does not answer as it should ({words}): check the database and its driver")


def _engine(url: URL, *, read_only: bool) -> Engine:
    # Values are kept out of messages: they are what the telemetry said.
    if url.get_backend_name() != "sqlite":
        return create_engine(url, hide_parameters=True, pool_pre_ping=True)
    engine = create_engine(
        url, hide_parameters=True, connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False}
    )
    event.listen(engine, "connect", _prepare_reader if read_only else _prepare_connection)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare_connection(connection: Any, record: Any) -> None:
    _prepare_reader(connection, record)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA secure_delete=ON")  # what is deleted is overwritten, not only given free


def _prepare_reader(connection: Any, _record: Any) -> None:
    # Python's driver would begin transactions by itself, and only before some statements; _begin does it for all.
    connection.isolation_level = None


def _begin(connection: Connection) -> None:
    # A transaction that turns into a writing one half-way fails when another wrote meanwhile: claim it at once.
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
