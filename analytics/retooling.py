"""Re-tooling: an agent whose sessions have begun to use another tool, and when it counts as normal again.

A tool that a single session brings is that session's oddity. One that most sessions of an agent use since it was
first seen, and more than one person's where several use the agent, is a change of the agent. Until ``settle`` after
its first sighting the agent is settling: that is said, and the tool is judged in a known one's role
(``analytics.tool_roles``). Then a training is due, and the agent is normal again. Tools that come while the first one
settles, as one update brings several, settle together with it, so that one training learns them all.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from analytics.familiarity import AGENT, AGENT_VERSION, TOOL, Acquaintance, Familiarity

LEAST_SESSIONS: Final = 5
"""Sessions that must have used a tool, and that the agent must have had before: a new agent is not a re-tooled one."""
LEAST_SHARE: Final = 0.5
"""Share of the agent's sessions, or of those of a new version, that must have used the tool since it was first seen."""
LONGEST_WAIT_NS: Final = 86_400_000_000_000
"""How long an agent goes on settling when the training that is due does not come about."""
MOST_TOLD: Final = 3
"""Tools of one agent that are named; the others are counted."""


@dataclass(frozen=True, slots=True)
class Retooling:
    """A tool that has come to an agent.

    Attributes:
        agent: whose.
        tool: which.
        version: the new version of the agent it came with, "" where it came to all.
        first_ns: when it was seen first, nanoseconds since the epoch.
        until_ns: when the agent counts as normal again; of all tools that came together, that of the last one.
        sessions: that have used it since, of ``among``.
    """

    agent: str
    tool: str
    version: str
    first_ns: int
    until_ns: int
    sessions: int
    among: int


def retoolings(known: Familiarity, settle_ns: int) -> list[Retooling]:
    """Every re-tooling that is known, those that are over included, in order of their tools' first sighting."""
    since_ns = known.since_ns
    if since_ns is None or settle_ns <= 0:
        return []
    young = sorted((one for one in known.of_kind(TOOL) if one.first_ns >= since_ns), key=lambda one: one.first_ns)
    found = (_retooling(one, known, settle_ns) for one in young)
    return _together([one for one in found if one is not None], settle_ns)


def _together(found: list[Retooling], settle_ns: int) -> list[Retooling]:
    """The same, each with the end of the last one that came while the first of its group was settling."""
    groups: dict[str, list[list[Retooling]]] = defaultdict(list)
    for one in found:
        if not groups[one.agent] or one.first_ns >= groups[one.agent][-1][0].first_ns + settle_ns:
            groups[one.agent].append([])
        groups[one.agent][-1].append(one)
    ends = {one: group[-1].until_ns for parts in groups.values() for group in parts for one in group}
    return [replace(one, until_ns=ends[one]) for one in found]


def _retooling(tool: Acquaintance, known: Familiarity, settle_ns: int) -> Retooling | None:
    name, arrival = tool.name[0], tool.arrival
    agent = known.get(AGENT, (name,))
    if agent is None or arrival is None or arrival.agent_before < LEAST_SESSIONS:
        return None
    if agent.is_shared and not tool.is_shared:
        return None
    until_ns = tool.first_ns + settle_ns
    among = max(agent.sessions - arrival.agent_before, tool.sessions)
    if _is_most(tool.sessions, among):
        return Retooling(name, tool.name[1], "", tool.first_ns, until_ns, tool.sessions, among)
    version = known.get(AGENT_VERSION, (name, arrival.version)) if arrival.version else None
    if version is None or version.first_ns < tool.first_ns - settle_ns:
        return None
    used = arrival.version_sessions
    among = max(version.sessions - arrival.version_before, used)
    if not _is_most(used, among):
        return None
    return Retooling(name, tool.name[1], arrival.version, tool.first_ns, until_ns, used, among)


def _is_most(sessions: int, among: int) -> bool:
    return sessions >= LEAST_SESSIONS and sessions >= LEAST_SHARE * among


def by_agent(found: Iterable[Retooling], now_ns: int, taught_ns: int) -> dict[str, list[Retooling]]:
    """The re-toolings of the agents that are settling now: their time is not over, or not learnt from yet.

    ``taught_ns`` is when the models in use were trained.
    """
    settling: dict[str, list[Retooling]] = defaultdict(list)
    for one in found:
        is_waiting = taught_ns < one.until_ns and now_ns < one.until_ns + LONGEST_WAIT_NS
        if now_ns < one.until_ns or is_waiting:
            settling[one.agent].append(one)
    return dict(settling)


def last_settled_ns(found: Iterable[Retooling], now_ns: int) -> int | None:
    """When the time of an agent was last over, None where none was yet."""
    return max((one.until_ns for one in found if one.until_ns <= now_ns), default=None)


def note_of(settling: list[Retooling], roles: dict[str, str]) -> str:
    """What is said about the sessions of a settling agent.

    Args:
        settling: the agent's re-toolings, at least one.
        roles: the known tools that the new ones are taken for.
    """
    first = settling[0]
    told = "; ".join(_told(one, roles) for one in settling[:MOST_TOLD])
    others = f" and {len(settling) - MOST_TOLD} more" if len(settling) > MOST_TOLD else ""
    until = _moment(max(one.until_ns for one in settling))
    return f"Agent {first.agent or 'unknown'} has been re-tooled ({told}{others}); normal again after {until}"


def _told(one: Retooling, roles: dict[str, str]) -> str:
    whose = f" of version {one.version}" if one.version else ""
    role = f", judged as {roles[one.tool]}" if one.tool in roles else ""
    return f"tool {one.tool} since {_moment(one.first_ns)}, in {one.sessions} of {one.among} sessions{whose}{role}"


def _moment(time_ns: int) -> str:
    return f"{datetime.fromtimestamp(time_ns // 1_000_000_000, UTC):%Y-%m-%d %H:%M} UTC"
