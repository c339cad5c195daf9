"""Which schema a database holds, and making it where there is none."""

from __future__ import annotations

from sqlalchemy import Connection, insert, inspect, select

from exporter.state.database import Database
from exporter.state.errors import StateError, StateNewer
from exporter.state.tables import SCHEMA_VERSION, TABLES, meta

_VERSION_KEY = "schema_version"


def prepare(database: Database) -> None:
    """Make the tables in an empty database, or check those of an existing one.

    Raises ``StateNewer`` and ``StateCorrupt``, before anything is written.
    """
    with database.writing() as connection:
        if _is_empty(connection, database):
            TABLES.create_all(connection)
            connection.execute(insert(meta).values(key=_VERSION_KEY, value=str(SCHEMA_VERSION)))
        _check_version(connection, database)


def check(database: Database) -> None:
    """Check the tables and write nothing. Raises as ``prepare``, and ``StateError`` where there are none."""
    with database.reading() as connection:
        if _is_empty(connection, database):
            raise StateError(f"{database.place} holds no state yet: let Sigyn train or serve with it first")
        _check_version(connection, database)


def _is_empty(connection: Connection, database: Database) -> bool:
    missing = set(TABLES.tables) - set(inspect(connection).get_table_names())
    if missing and len(missing) < len(TABLES.tables):
        raise database.damaged(f"table {min(missing)} is missing")
    return bool(missing)


def _check_version(connection: Connection, database: Database) -> None:
    found = connection.execute(select(meta.c.value).where(meta.c.key == _VERSION_KEY)).scalar_one_or_none()
    if found is None or not found.isdecimal():
        raise database.damaged("its schema version cannot be read")
    if int(found) > SCHEMA_VERSION:
        raise StateNewer(
            f"{database.place} was written by a newer Sigyn (schema {found}, this one knows {SCHEMA_VERSION}): "
            "upgrade or use another --state"
        )
