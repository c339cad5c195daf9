"""Opening the database of a state: which one it is, that nobody else reads its file, and that its tables are there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from exporter.state import schema
from exporter.state.database import Database
from exporter.state.errors import StateUnwritable

FILE_NAME: Final = "state.db"


def open_database(directory: Path, url: str | None) -> Database:
    """The database, with its tables there and of the right version."""
    database = Database.of_url(url) if url else Database.of_file(_private_file(directory / FILE_NAME))
    try:
        schema.prepare(database)
    except BaseException:
        database.close()
        raise
    return database


def _private_file(path: Path) -> Path:
    """The file, made readable for its owner only; SQLite gives the files beside it the same mode."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise StateUnwritable(f"{path} cannot be written ({error.strerror}): check the folder and the file") from error
    return path
