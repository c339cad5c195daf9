"""Sessions of settling agents measured with their new tools in known ones' roles, to be judged as the models know it.

Only the judgement sees them so: stored features and traces, from which the next training learns, are as they were.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Final

from analytics.analyses.risk import RiskModel
from analytics.events import EventTable
from analytics.familiarity import TOOL
from analytics.retooling import Retooling
from analytics.tool_roles import Roles, find_roles, in_roles, strangeness
from exporter.label_values import label_value
from exporter.measuring import Measured, measure, session_rows
from exporter.world import World

MOST_EXAMPLES: Final = 12
"""Sessions by which a role is chosen, the first ones with the tool."""
MOST_LOOKED_AT: Final = 60
"""Sessions among which those are looked for."""
_BLOCK: Final = 100


@dataclass(frozen=True)
class Judging:
    """Sessions to be judged while agents may be settling.

    Attributes:
        measured: as they are judged.
        settling: the re-toolings of settling agents, by agent.
        roles: what their new tools are taken for, by agent.
    """

    measured: Sequence[Measured]
    settling: Mapping[str, list[Retooling]] = field(default_factory=dict)
    roles: Mapping[str, Roles] = field(default_factory=dict)


def judging_of(world: World, measured: Sequence[Measured], settling: Mapping[str, list[Retooling]]) -> Judging:
    """The sessions as they are to be judged; those without a new tool of a settling agent as they are."""
    affected: dict[str, list[str]] = {}
    for one in measured:
        agent = label_value(one.info.agent)
        if agent in settling and _uses_any(one, settling[agent]):
            affected.setdefault(agent, []).append(one.info.session_id)
    roles = {agent: _roles(world, agent, settling[agent]) for agent in affected}
    again: dict[str, Measured] = {}
    for agent, session_ids in affected.items():
        if roles[agent]:
            again |= {one.info.session_id: one for one in _measured_in(world, session_ids, roles[agent])}
    return Judging([_judged_as(one, again) for one in measured], settling, roles)


def _judged_as(one: Measured, again: Mapping[str, Measured]) -> Measured:
    other = again.get(one.info.session_id)
    return one if other is None else replace(one, values=other.values, trace=other.trace)


def _uses_any(one: Measured, found: Iterable[Retooling]) -> bool:
    """Whether a session has steps of one of the new tools."""
    used = set(one.trace.symbols)
    tools = tuple(each.tool for each in found)
    return any(symbol == tool or symbol.startswith(f"{tool}:") for symbol in used for tool in tools)


def _measured_in(world: World, session_ids: Sequence[str], roles: Roles) -> Iterator[Measured]:
    waiting = iter(session_ids)
    while some := list(islice(waiting, _BLOCK)):
        yield from _measure(world, in_roles(world.state.events(some), roles))


def _measure(world: World, table: EventTable) -> list[Measured]:
    """Features and traces; findings are those of the events as they are."""
    return measure(table, (), world.rules, world.settings.working_hours)


def _roles(world: World, agent: str, found: Sequence[Retooling]) -> Roles:
    """The roles of an agent's new tools: chosen once for a model, which is what sessions are strange to."""
    new = tuple(one.tool for one in found)
    key = (agent, new, world.models.version)
    if key not in world.roles:
        world.roles = {other: roles for other, roles in world.roles.items() if other[0] != agent}
        world.roles[key] = _found_roles(world, agent, found)
    return world.roles[key]


def _found_roles(world: World, agent: str, found: Sequence[Retooling]) -> Roles:
    model = world.models.fitted.get("risk")
    if not isinstance(model, RiskModel):
        return {}
    new, since_ns = [one.tool for one in found], min(one.first_ns for one in found)
    known = sorted(
        (one for one in world.familiarity.of_kind(TOOL) if one.name[0] == agent and one.first_ns < since_ns),
        key=lambda one: (-one.sessions, one.name),
    )
    examples = _examples(world, agent, found, since_ns)
    return find_roles(
        new,
        [one.name[1] for one in known],
        lambda roles: strangeness(session_rows(_measure(world, in_roles(examples, roles))), model),
    )


def _examples(world: World, agent: str, found: Sequence[Retooling], since_ns: int) -> EventTable:
    """The events of the first sessions that use the new tools."""
    verdicts = [one for one in world.verdicts.values() if label_value(one.agent) == agent and one.ended_ns >= since_ns]
    first = sorted(verdicts, key=lambda one: (one.started_ns, one.session_id))[:MOST_LOOKED_AT]
    table = world.state.events([one.session_id for one in first])
    using = table.take(table.is_one_of("tool_name", {one.tool for one in found}))
    wanted = dict.fromkeys(using.categories("session_id")[code] for code in using.codes("session_id"))
    return table.take(table.is_one_of("session_id", list(wanted)[:MOST_EXAMPLES]))
