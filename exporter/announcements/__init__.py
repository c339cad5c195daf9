"""Announcements: what the exporter writes back into Loki, one JSON line for each thing worth knowing.

Three streams, told apart by the label ``kind``: ``session`` (a session's verdict), ``finding`` (a rule matched) and
``event`` (the exporter itself). A line is put into the state's outbox in the transaction that stores what it tells,
and leaves it when Loki has taken it: at least once, in order. What is sent twice after a crash is the same line at
the same time in the same stream, which Loki keeps once.

Reading order: ``changes`` (what is worth a line) → ``lines`` (what the lines say) → ``announcer`` (the news of a
cycle) → ``delivery`` (from the outbox into Loki) → ``announcements`` (all of it for one exporter).
"""

from exporter.announcements.announcements import Announcements
from exporter.announcements.announcer import News
from exporter.announcements.delivery import OUTCOMES
from exporter.announcements.lines import KINDS, SERVICE_NAME

__all__ = ["KINDS", "OUTCOMES", "SERVICE_NAME", "Announcements", "News"]
