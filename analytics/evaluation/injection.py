"""Misbehaviour put into recorded sessions: which are fitted on, which set the threshold, which go wrong and how."""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from analytics.evaluation.scenario import Scenario
from analytics.evaluation.truth import codes_of
from analytics.sessions import SessionInfo
from analytics.simulation import MISBEHAVIOURS, STRENGTHS, Injection, UnusableSessionError, inject
from analytics.simulation.dice import Dice
from analytics.simulation.scene import Dose
from analytics.simulation.splice import splice

Record = dict[str, Any]

FIT: Final = 0
THRESHOLD: Final = 1
TEST: Final = 2
_ONCE: Final = Dose(1, 1)
_UPTO: Final = (0.5, 0.75)
"""Shares of a user's sessions at which the fit part ends and the threshold part ends."""


@dataclass(frozen=True, slots=True)
class Deed:
    """A kind of misbehaviour at a strength.

    Attributes:
        kind: for tables; where no scenarios are given, one the simulator knows.
        strength: ``mild`` or ``strong``.
        scenarios: of which one at random is played in each session.
    """

    kind: str
    strength: str
    scenarios: tuple[Scenario, ...] = ()

    def __str__(self) -> str:
        return f"{self.kind} {self.strength}"


DEEDS: Final = tuple(Deed(kind, strength) for kind in MISBEHAVIOURS for strength in STRENGTHS)


def families(infos: Sequence[SessionInfo]) -> np.ndarray:
    """Which sessions belong together: one with all it started or was resumed from, shape (n_sessions,)."""
    parent = {info.session_id: info.parent_session_id for info in infos}
    return codes_of([_root(info.session_id, parent) for info in infos])


def _root(session_id: str, parent: Mapping[str, str | None]) -> str:
    """The first ancestor; of sessions that name each other in a ring, the least id."""
    seen = [session_id]
    while (above := parent.get(seen[-1])) is not None:
        if above in seen:
            return min(seen[seen.index(above) :])
        seen.append(above)
    return seen[-1]


def part_by_user(infos: Sequence[SessionInfo], family: np.ndarray, rng: np.random.Generator | None) -> np.ndarray:
    """FIT, THRESHOLD or TEST for each session, shape (n_sessions,): half, a quarter and a quarter of each user's.

    Args:
        infos: the sessions.
        family: which belong together, and so stay together, under the user of the first.
        rng: deals the families at random; None parts them by the time they began.
    """
    members: dict[int, list[int]] = defaultdict(list)
    for number, code in enumerate(family):
        members[int(code)].append(number)
    by_user: dict[str, list[list[int]]] = defaultdict(list)
    for numbers in members.values():
        by_user[infos[numbers[0]].user_id or ""].append(numbers)
    part = np.empty(len(infos), dtype=np.int64)
    for user in sorted(by_user):
        own = sorted(by_user[user], key=lambda numbers: min(infos[number].started_ns for number in numbers))
        order = range(len(own)) if rng is None else rng.permutation(len(own))
        total, done = sum(map(len, own)), 0
        for place in order:
            middle = (done + len(own[place]) / 2) / total
            part[own[place]] = int(np.searchsorted(_UPTO, middle, side="right"))
            done += len(own[place])
    return part


@dataclass(frozen=True)
class Donors:
    """Sessions by user and agent."""

    by_user: Mapping[tuple[str, str], Sequence[Sequence[Record]]]

    def for_session(self, records: Sequence[Record], rng: np.random.Generator) -> Sequence[Record] | None:
        """A session of another user of the same agent, where there is one."""
        agent, user = _who(records)
        others = [key for key in sorted(self.by_user) if key[0] == agent and key[1] != user]
        if not others:
            return None
        theirs = self.by_user[others[int(rng.integers(len(others)))]]
        return theirs[int(rng.integers(len(theirs)))]


def donors_of(sessions: Mapping[str, Sequence[Record]]) -> Donors:
    """Sessions to take strangers' behaviour from."""
    by_user: dict[tuple[str, str], list[Sequence[Record]]] = defaultdict(list)
    for records in sessions.values():
        by_user[_who(records)].append(records)
    return Donors(by_user)


def _who(records: Sequence[Record]) -> tuple[str, str]:
    first = records[0]
    return str(first.get("agent") or ""), str(first.get("user_id") or "")


def misbehaving(sessions: Mapping[str, Sequence[Record]], deed: Deed, seed: int, others: Donors) -> list[Record]:
    """The records of some sessions, in each of which the deed is done once.

    Sessions it cannot be put into are left out.

    Args:
        sessions: records by session id.
        deed: what goes wrong.
        seed: of where and how; a session's injection does not depend on the other sessions.
        others: whose sessions stand in for a stranger's.
    """
    return [record for _, injection in injections(sessions, deed, seed, others) for record in injection.records]


def injections(
    sessions: Mapping[str, Sequence[Record]], deed: Deed, seed: int, others: Donors
) -> Iterator[tuple[str, Injection]]:
    """The same with where the deed begins, session by session."""
    for session_id, own in sessions.items():
        rng = np.random.default_rng((seed, zlib.crc32(f"{deed} {session_id}".encode())))
        try:
            yield session_id, _injected(own, deed, rng, others)
        except UnusableSessionError:
            continue


def _injected(own: Sequence[Record], deed: Deed, rng: np.random.Generator, others: Donors) -> Injection:
    if deed.scenarios:
        chosen = deed.scenarios[int(rng.integers(len(deed.scenarios)))]
        return splice(own, chosen.act, _ONCE, Dice(rng), ())
    donor = others.for_session(own, rng) if deed.kind == "wrong_user" else None
    return inject(own, deed.kind, deed.strength, rng, donor)


def without_details(records: Sequence[Record]) -> list[Record]:
    """The records as most deployments log them: no tool arguments."""
    return [{name: value for name, value in record.items() if name != "tool_input"} for record in records]
