"""The lease on a database that several folders could name: whoever holds it writes, all others are refused.

A folder's lock keeps others away from that folder only. The lease is a row in the database, renewed while its holder
lives. Each transaction that writes looks whose it is first, so that a holder that was given up as dead, and was only
suspended, writes no more. The holder is the folder: a process that follows a dead one in the same folder goes on.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Final, Self

from sqlalchemy import Connection, delete, insert, select, update

from exporter.state.database import Database
from exporter.state.errors import DamagedValue, StateError, StateLocked, StateUnwritable
from exporter.state.tables import meta

logger = logging.getLogger(__name__)

STALE_SECONDS: Final = 300.0
"""Age at which a lease that was not given back is anybody's; machines' clocks must agree better than that."""
RENEW_SECONDS: Final = 30.0
HOLDER_NAME: Final = "state.holder"
_KEY: Final = "lease"


class Lease:
    """One folder's hold on one database, made by ``taken``."""

    def __init__(self, database: Database, holder: str, clock: Callable[[], float]) -> None:
        self._database, self._holder, self._clock = database, holder, clock
        self._renewed = 0.0

    @classmethod
    def taken(cls, database: Database, directory: Path, clock: Callable[[], float]) -> Self:
        """The lease of a folder that is locked; ``clock`` tells Unix seconds.

        Raises:
            StateLocked: another folder's lease is not stale.
        """
        lease = cls(database, holder_of(directory), clock)
        with database.writing() as connection:
            lease._take(connection)
        return lease

    def hold(self, connection: Connection) -> None:
        """Make sure of it before a transaction writes, and renew it where that is due.

        Raises:
            StateLocked: another one has taken over.
        """
        found, now = _read(connection), self._clock()
        if found is None or found[0] != self._holder:
            raise StateLocked(
                f"{self._database.place} was taken over by a Sigyn with another state.directory while this one was "
                "silent: stop one of them"
            )
        if not 0 <= now - self._renewed < RENEW_SECONDS:
            self._write(connection, now)

    def give_back(self) -> None:
        """Let others in at once, where it is still held; where that cannot be written, it has to run out."""
        try:
            with self._database.writing() as connection:
                found = _read(connection)
                if found is not None and found[0] == self._holder:
                    connection.execute(delete(meta).where(meta.c.key == _KEY))
        except StateError as error:
            logger.warning("the lease is not given back, others have to wait %.0f s: %s", STALE_SECONDS, error)

    def _take(self, connection: Connection) -> None:
        found, now = _read(connection), self._clock()
        if found is not None and found[0] != self._holder:
            age, place = now - found[1], self._database.place
            if age < STALE_SECONDS:
                raise StateLocked(
                    f"{place} is in use by a Sigyn with another state.directory: stop it, or give this one a "
                    f"state.url of its own; if the other has crashed, start this one {STALE_SECONDS:.0f} s after it"
                )
            logger.warning("%s: the Sigyn that used it has been silent for %.0f s; this one takes over", place, age)
        self._write(connection, now)

    def _write(self, connection: Connection, now: float) -> None:
        value = json.dumps([self._holder, now])
        # In place: who waits for the row sees what it became; of a row removed and made anew they would see nothing.
        changed = connection.execute(update(meta).where(meta.c.key == _KEY).values(value=value))
        if not changed.rowcount:
            connection.execute(insert(meta).values(key=_KEY, value=value))
        self._renewed = now


def holder_of(directory: Path) -> str:
    """The id of a folder that is locked, made at first.

    Raises:
        StateUnwritable: it cannot be kept.
    """
    path = directory / HOLDER_NAME
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "r+", encoding="ascii") as file:
            holder = file.read().strip()
            if not holder:  # new, or its maker was ended before it wrote
                holder = secrets.token_hex(16)
                file.write(holder)
    except (OSError, UnicodeDecodeError) as error:
        raise StateUnwritable(f"{path} cannot be used: check the folder, or remove the file") from error
    return holder


def _read(connection: Connection) -> tuple[str, float] | None:
    """Holder and time of the last renewal, None while nobody holds it; locked until the transaction ends."""
    query = select(meta.c.value).where(meta.c.key == _KEY).with_for_update()
    told = connection.execute(query).scalar_one_or_none()
    if told is None:
        return None
    try:
        holder, renewed = json.loads(told)
        return str(holder), float(renewed)
    except (TypeError, ValueError) as error:
        raise DamagedValue("the lease cannot be read back") from error
