"""How much is read of a text that is too long: what only fills is made short, then the middle goes.

Whoever writes a command decides where in it the deed stands; keeping the beginning alone would let a page of blank
lines hide it. Standard library only, because ``sigyn hook`` cuts with it too and must start in milliseconds.
"""

from __future__ import annotations

import re
from typing import Final

DETAILS_CUT: Final = "details_cut"
"""Field of an event that names those of its details whose middle was not kept, such as ``["command"]``."""

CUT_MARK: Final = "\n[…]\n"
"""Stands where the middle of a text was, on a line of its own so that no two words become one."""

_NEWLINES: Final = re.compile(r"(?<!\\)\n\s+")
"""Blank lines and indentation; a newline that a backslash takes away ends no command, so the next one must stay."""
_BLANKS: Final = re.compile(r"[^\S\n]+")


def shortened(text: str, limit: int) -> tuple[str, bool]:
    """A text of at most ``limit`` characters, and whether something of it is missing.

    A text that fits stays as it is. Of a longer one every run of blanks becomes one blank and every run of blank lines
    one line end; inside quotes and here-documents that changes a text, not what is run. If it is too long even then,
    beginning and end stay, half each, with ``CUT_MARK`` between them.
    """
    if len(text) <= limit:
        return text, False
    text = _BLANKS.sub(" ", _NEWLINES.sub("\n", text))
    if len(text) <= limit:
        return text, False
    half = (limit - len(CUT_MARK)) // 2
    return f"{text[:half]}{CUT_MARK}{text[len(text) - half :]}", True


def readings(command: str) -> tuple[str, ...]:
    """A command, and if it was cut its end once more: alone, and as it reads if the cut was made between quotes.

    The middle may have opened quotes that nobody sees any more; read in one way alone the end could pass for a text.
    """
    _, mark, end = command.rpartition(CUT_MARK)
    return (command, end, f"'{end}", f'"{end}') if mark else (command,)
