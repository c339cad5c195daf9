"""Everything that can go wrong with the state, each with a one-line message that says what to do.

::

    StateError            there is no state, the database cannot be reached, or it refused for another reason
    ├── StateLocked       another process or transaction uses it
    ├── StateNewer        a newer Sigyn wrote it
    ├── StateCorrupt      it cannot be read back
    └── StateUnwritable   folder, permissions or disk do not let it be written
"""

# ruff: noqa: N818 - the names say what is wrong; the common prefix says that they are the state's errors
from __future__ import annotations


class StateError(Exception):
    """The state cannot do what was asked; nothing of the transaction at hand is stored."""


class StateLocked(StateError):
    """Another process holds the state's folder, or another transaction kept the database for too long."""


class StateNewer(StateError):
    """The state has a schema that only a newer version knows."""


class StateCorrupt(StateError):
    """What is stored cannot be read back. Nothing is lost for good: Loki is the record."""


class StateUnwritable(StateError):
    """The folder cannot be made or written, the disk is full, or the state was opened for reading only."""


class DamagedValue(ValueError):
    """A stored value cannot be decoded. It never leaves this room: the state turns it into ``StateCorrupt``."""
