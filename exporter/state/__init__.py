"""The state: a cache of what was read and said, on SQLite or PostgreSQL.

Reading order: ``store`` (opening and reading) → ``transaction`` (writing) → ``tables`` and ``schema`` → ``chunks``,
``stored_session`` and ``json_text`` (how things are stored) → ``database``, ``lock`` and ``errors``.
"""

from exporter.state.announcement import Announced, Announcement
from exporter.state.errors import StateCorrupt, StateError, StateLocked, StateNewer, StateUnwritable
from exporter.state.human_verdict import HUMAN_VERDICTS, HumanVerdict
from exporter.state.store import State
from exporter.state.stored_session import StoredSession
from exporter.state.transaction import Transaction

__all__ = [
    "HUMAN_VERDICTS",
    "Announced",
    "Announcement",
    "HumanVerdict",
    "State",
    "StateCorrupt",
    "StateError",
    "StateLocked",
    "StateNewer",
    "StateUnwritable",
    "StoredSession",
    "Transaction",
]
