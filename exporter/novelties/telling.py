"""What is new is told once: a count, a line for Loki and a line in the log for each of the first ones of a batch.

A hostile client can make up any number of names; of one batch, ``MOST_TOLD`` are told one by one and the rest counted.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from analytics.familiarity import AGENT, AGENT_VERSION, TOOL, USER, Meeting, Sighting
from exporter.announcements import Announcements
from exporter.announcements.announcer import News
from exporter.announcements.lines import novelty_line
from exporter.logs import one_line
from exporter.state import Transaction

logger = logging.getLogger(__name__)

MOST_TOLD: Final = 20
"""Novelties of one batch that have lines of their own."""
COUNTED: Final = "sigyn_novelties_total"
CROWDED_OUT: Final = "sigyn_unremembered_names_total"
_WHAT: Final = {USER: "user", AGENT: "agent", AGENT_VERSION: "version", TOOL: "tool"}


def store_meeting(meeting: Meeting, transaction: Transaction, announcements: Announcements | None, now_ns: int) -> None:
    """Store what a batch shows together with its events: what is known, how much of it is new, and the lines."""
    transaction.put_familiar(meeting.changed.values())
    new = Counter((one.kind,) for one in meeting.novelties)
    transaction.add_counts(COUNTED, {labels: float(count) for labels, count in new.items()})
    transaction.add_counts(CROWDED_OUT, {(kind,): float(count) for kind, count in meeting.crowded_out.items()})
    if announcements is not None:
        told = meeting.novelties[:MOST_TOLD]
        News([novelty_line(one, detail_of(one), announcements.page(one.session_id), now_ns) for one in told]).store(
            transaction
        )


def log_novelties(novelties: Sequence[Sighting]) -> None:
    """Say in the log what is new, once it is stored; people's names stay out of the log, from which none is erased."""
    for one in novelties[:MOST_TOLD]:
        what = "New user" if one.kind == USER else detail_of(replace(one, user=""))
        logger.info("%s", one_line(what), extra={"session": one_line(one.session_id)})
    if len(novelties) > MOST_TOLD:
        logger.info("and %d more users, agents, versions and tools are new", len(novelties) - MOST_TOLD)


def detail_of(one: Sighting) -> str:
    """A novelty in words."""
    of_agent = f" of {one.name[0] or 'an unknown agent'}" if one.kind in (AGENT_VERSION, TOOL) else ""
    by = f", first used by {one.user}" if one.user and one.kind != USER else ""
    return f"New {_WHAT[one.kind]} {one.name[-1]}{of_agent}{by}"
