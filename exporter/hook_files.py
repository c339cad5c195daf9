"""What ``sigyn hook`` left on this machine about one person: lines in its file, lines that wait for Loki, its log.

Lines are overwritten with blanks where they stand, not cut out: hooks may be appending meanwhile, and who follows the
file knows by bytes how far it was read. Readers pass over blank lines.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from exporter.hook import ERROR_LOG
from exporter.sources.file_position import HEAD_BYTES, covered_bytes, fingerprint

SPOOL: Final = ".spool"
"""How the folder beside a hook's file ends in which lines wait for Loki."""


@dataclass(frozen=True)
class HookTraces:
    """What hooks keep of a person.

    Attributes:
        file: that hooks append to.
        lines: offset and length of the person's lines in it, bytes, without line ends.
        spooled: files with lines of theirs that wait for Loki.
        log: the hooks' error log where it names the person, else None.
    """

    file: Path
    lines: tuple[tuple[int, int], ...]
    spooled: tuple[Path, ...]
    log: Path | None

    def __bool__(self) -> bool:
        return bool(self.lines or self.spooled or self.log)


def find_in_hooks(file: Path, user: str) -> HookTraces:
    """Look for a user's lines in a hook's file and beside it; what does not exist holds nothing."""
    log = file.with_name(ERROR_LOG)
    spool = file.with_name(file.name + SPOOL)
    return HookTraces(
        file,
        tuple(_lines_of(file, user)) if file.is_file() else (),
        tuple([path for path in sorted(spool.glob("*")) if _is_of(_entry_line(path), user)]),
        log if log.is_file() and user.encode() in log.read_bytes() else None,
    )


def erase_in_hooks(found: HookTraces) -> None:
    """Overwrite the lines with blanks and remove the other files; raises ``OSError``."""
    if found.lines:
        descriptor = os.open(found.file, os.O_WRONLY)
        try:
            for offset, length in found.lines:
                os.pwrite(descriptor, b" " * length, offset)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    for path in (*found.spooled, *([found.log] if found.log else [])):
        path.unlink(missing_ok=True)


def refreshed(position: dict[str, Any], file: Path) -> dict[str, Any]:
    """A local source's position that knows an overwritten file again, by its new beginning."""
    with file.open("rb") as content:
        inode, head = os.fstat(content.fileno()).st_ino, content.read(HEAD_BYTES)
    files = [
        {**entry, "fingerprint": fingerprint(head, covered_bytes(entry["fingerprint"]))}
        if entry["inode"] == inode
        else entry
        for entry in position["files"]
    ]
    return {**position, "files": files}


def _lines_of(file: Path, user: str) -> Iterator[tuple[int, int]]:
    offset = 0
    with file.open("rb") as content:
        for line in content:
            if _is_of(line, user):
                yield offset, len(line.rstrip(b"\r\n"))
            offset += len(line)


def _entry_line(path: Path) -> bytes | str:
    """The line of a spooled entry; empty where the entry is torn or was shipped meanwhile."""
    try:
        entry = json.loads(path.read_bytes())
    except (ValueError, FileNotFoundError):
        return b""
    return entry[1] if isinstance(entry, list) and len(entry) > 1 and isinstance(entry[1], str) else b""


def _is_of(line: bytes | str, user: str) -> bool:
    try:
        record = json.loads(line)
    except ValueError:
        return False
    if not isinstance(record, dict) or not isinstance(record.get("user_id"), str):
        return False
    name: str = record["user_id"]
    return name.strip() == user.strip()  # blanks around an id are none of it wherever it is read
