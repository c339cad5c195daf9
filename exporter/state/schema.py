"""Which schema a database holds, making it where there is none, and adding to one of an earlier version."""

from __future__ import annotations

from sqlalchemy import Connection, insert, inspect, select, update

from exporter.state.database import Database
from exporter.state.errors import StateError, StateNewer
from exporter.state.tables import ADDED, SCHEMA_VERSION, TABLES, meta

_VERSION_KEY = "schema_version"


def prepare(database: Database) -> None:
    """Make the tables in an empty database, or check those of an existing one and add what came since.

    Raises ``StateNewer`` and ``StateCorrupt``, before anything is written.
    """
    with database.writing() as connection:
        if not _found(connection):
            TABLES.create_all(connection)
            connection.execute(insert(meta).values(key=_VERSION_KEY, value=str(SCHEMA_VERSION)))
        if _checked_version(connection, database) < SCHEMA_VERSION:
            TABLES.create_all(connection)
            now = update(meta).where(meta.c.key == _VERSION_KEY).values(value=str(SCHEMA_VERSION))
            connection.execute(now)


def check(database: Database) -> None:
    """Check the tables and write nothing. Raises as ``prepare``, and ``StateError`` where there are none."""
    with database.reading() as connection:
        if not _found(connection):
            raise StateError(f"{database.place} holds no state yet: let Sigyn train or serve with it first")
        _checked_version(connection, database)


def _found(connection: Connection) -> set[str]:
    return set(TABLES.tables) & set(inspect(connection).get_table_names())


def _checked_version(connection: Connection, database: Database) -> int:
    """The version of the schema; every table of that version is there."""
    found = _found(connection)
    if meta.name not in found:
        raise database.damaged(f"table {meta.name} is missing")
    told = connection.execute(select(meta.c.value).where(meta.c.key == _VERSION_KEY)).scalar_one_or_none()
    if told is None or not told.isdecimal():
        raise database.damaged("its schema version cannot be read")
    version = int(told)
    if version > SCHEMA_VERSION:
        raise StateNewer(
            f"{database.place} was written by a newer Sigyn (schema {version}, this one knows {SCHEMA_VERSION}): "
            "upgrade or use another --state"
        )
    later = {table.name for since, added in ADDED.items() if since > version for table in added}
    missing = set(TABLES.tables) - later - found
    if missing:
        raise database.damaged(f"table {min(missing)} is missing")
    return version
