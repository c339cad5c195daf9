"""Everything that files hold, as bytes to search in: as they are, and what is compressed in the state's database."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterator
from pathlib import Path


def kept_bytes(folder: Path) -> dict[str, bytes]:
    """Content of every file below a folder by its name, free pages and the write-ahead log included."""
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for database in folder.rglob("state.db"):
        found.update(_unpacked(database))
    return found


def holders(folder: Path, *texts: str) -> dict[str, list[str]]:
    """The files (and unpacked values) that hold a text, in any case, by text; those that nothing holds are left out."""
    kept = {name: content.lower() for name, content in kept_bytes(folder).items()}
    found = {text: [name for name, content in kept.items() if text.lower().encode() in content] for text in texts}
    return {text: names for text, names in found.items() if names}


def _unpacked(database: Path) -> Iterator[tuple[str, bytes]]:
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        chunks = connection.execute("SELECT session_id, payload FROM sigyn_event_chunks").fetchall()
        traces = connection.execute("SELECT session_id, trace FROM sigyn_traces").fetchall()
    finally:
        connection.close()
    for number, (session_id, payload) in enumerate(chunks):
        yield f"chunk {number} of {session_id}", zlib.decompress(payload[1:])
    for session_id, trace in traces:
        yield f"trace of {session_id}", zlib.decompress(trace)
