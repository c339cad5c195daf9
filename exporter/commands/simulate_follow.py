"""``sigyn simulate --follow``: a simulated team that works from now on, its records sent as they happen.

An hour is planned at a time, with the habits of its people drawn anew. Its sessions begin within that hour and last
as long as they last; misbehaving ones begin first, so that whoever watches need not wait for the end of the hour.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from analytics.simulation import SimulatedSession, SimulationSettings, merge_in_time, simulate_team
from analytics.simulation.stamps import HOUR, milliseconds_of, stamp
from exporter.commands.terminal import say
from exporter.loki.client import LokiClient
from exporter.loki.errors import LokiError

Record = dict[str, Any]
Push = Callable[[Sequence[Record]], None]
Pending = list[tuple[int, int, Record]]
"""A heap of records by time, in milliseconds; a running number keeps the order of equal times."""

POLL_SECONDS: Final = 2.0
"""Longest time that a record waits after its moment; agents themselves send every few seconds."""


@dataclass(frozen=True, slots=True)
class FollowSettings:
    """How the team works.

    Attributes:
        seed: of the behaviour; the hour is mixed in, so that a later start makes other sessions.
        sessions: sessions that begin within an hour, those of sub-agents included.
        anomalous_ratio: share of them that misbehave, 0 … 1.
        details: whether records carry arguments and prompts.
    """

    seed: int = 0
    sessions: int = 12
    anomalous_ratio: float = 0.08
    details: bool = True


def follow(push: Push, settings: FollowSettings, clock: Callable[[], float], wait: Callable[[float], bool]) -> None:
    """Send a team's records at their times until told to stop.

    While Loki takes nothing, records are kept and nothing more is planned, so memory stays bounded.

    Args:
        push: sends records, oldest first.
        settings: how the team works.
        clock: Unix seconds now.
        wait: waits some seconds; True ends the following. ``threading.Event().wait`` fits.
    """
    pending: Pending = []
    due: list[Record] = []
    numbers = itertools.count()
    next_plan_ms = int(clock() * 1000)
    while not wait(POLL_SECONDS):
        now_ms = int(clock() * 1000)
        was_taken = not due
        if was_taken and now_ms >= next_plan_ms:
            for record in planned_hour(settings, now_ms):
                heapq.heappush(pending, (milliseconds_of(record["timestamp"]), next(numbers), record))
            next_plan_ms = now_ms + HOUR
        while pending and pending[0][0] <= now_ms:
            due.append(heapq.heappop(pending)[2])
        due = _unsent(push, due, was_taken=was_taken)


def _unsent(push: Push, due: list[Record], *, was_taken: bool) -> list[Record]:
    """Send what is due; returns what Loki did not take, and says so when that is news."""
    try:
        if due:
            push(due)
    except LokiError as error:
        if was_taken:
            say(f"kept until Loki takes events again: {error}")
        return due
    return []


def planned_hour(settings: FollowSettings, start_ms: int) -> Iterator[Record]:
    """The records of the sessions that begin within the hour after ``start_ms``, by time."""
    team = SimulationSettings(
        end_ns=(start_ms + HOUR) * 1_000_000,
        sessions=settings.sessions,
        days=1.0,
        anomalous_ratio=settings.anomalous_ratio,
        details=settings.details,
        strength="strong",
    )
    families = _families(simulate_team(team, np.random.default_rng((settings.seed, start_ms // 1000))))
    families.sort(key=lambda family: not any(session.label for session in family))
    apart = HOUR // max(1, len(families))
    moved = [_moved(family, start_ms + place * apart) for place, family in enumerate(families)]
    return merge_in_time(session for family in moved for session in family)


def _families(sessions: Iterable[SimulatedSession]) -> list[list[SimulatedSession]]:
    """Sessions with those of their sub-agents, which name their parent."""
    families: dict[str, list[SimulatedSession]] = {}
    for session in sessions:
        families.setdefault(session.records[0].get("parent_session_id", session.session_id), []).append(session)
    return list(families.values())


def _moved(family: Sequence[SimulatedSession], start_ms: int) -> list[SimulatedSession]:
    """The family as if its first record were at ``start_ms``."""
    offset = start_ms - min(milliseconds_of(session.records[0]["timestamp"]) for session in family)
    return [replace(session, records=[_later(record, offset) for record in session.records]) for session in family]


def _later(record: Record, milliseconds: int) -> Record:
    return {**record, "timestamp": stamp(milliseconds_of(record["timestamp"]) + milliseconds)}


def has_lines(client: LokiClient, labels: Mapping[str, str], begin_ns: int, end_ns: int) -> bool:
    """Whether Loki holds any line of a stream from a stretch of time.

    A stream that goes on takes no older lines, so history is pushed only where there is none.

    Raises:
        LokiError: from the client.
    """
    matchers = ", ".join(f'{name}="{value}"' for name, value in labels.items())
    return bool(client.query_range(f"{{{matchers}}}", begin_ns, end_ns, 1, "backward").entries)
