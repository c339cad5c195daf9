"""Agents that settle after a re-tooling: what their sessions' verdicts say, a gauge, and when a training is due."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from analytics.analysis import MetricSpec
from analytics.retooling import Retooling, by_agent, last_settled_ns, note_of, retoolings
from analytics.verdicts import SCORED, SessionVerdict
from exporter.label_values import label_value
from exporter.novelties.in_role import Judging
from exporter.world import Models, World

SETTLING: Final = MetricSpec(
    "sigyn_agent_settling_until_timestamp_seconds",
    "When an agent that has been re-tooled counts as normal again, in Unix time; an agent that is normal has none.",
    ("agent",),
)
MOST_AGENTS: Final = 50
"""Settling agents that have series, those that take longest."""


def settling_now(world: World, now_ns: int) -> dict[str, list[Retooling]]:
    """The re-toolings of the agents that are settling."""
    found = retoolings(world.familiarity, world.settings.settle_ns)
    return by_agent(found, now_ns, int(_trained_at(world.models) * 1e9))


def with_notes(verdicts: Sequence[SessionVerdict], judging: Judging) -> list[SessionVerdict]:
    """Scored sessions of settling agents with the note that says so."""
    notes = {agent: note_of(found, dict(judging.roles.get(agent, {}))) for agent, found in judging.settling.items()}
    begun = {agent: found[0].first_ns for agent, found in judging.settling.items()}
    return [
        replace(one, notes=(notes[agent],))
        if (agent := label_value(one.agent)) in notes and one.status == SCORED and one.ended_ns >= begun[agent]
        else one
        for one in verdicts
    ]


def settling_readings(world: World, now_ns: int) -> dict[str, Mapping[tuple[str, ...], float]]:
    """The gauge of settling agents."""
    until = {agent: max(one.until_ns for one in found) for agent, found in settling_now(world, now_ns).items()}
    longest = sorted(until, key=lambda agent: (-until[agent], agent))[:MOST_AGENTS]
    return {SETTLING.name: {(agent,): until[agent] / 1e9 for agent in longest}}


def is_settled_since(models: Models, world: World, now_ns: int) -> bool:
    """Whether an agent has become normal again since the models in use were trained, so that they are to learn it."""
    settled_ns = last_settled_ns(retoolings(world.familiarity, world.settings.settle_ns), now_ns)
    return settled_ns is not None and bool(models.states) and _trained_at(models) < settled_ns / 1e9


def _trained_at(models: Models) -> float:
    """When the newest model in use was trained, Unix seconds; 0 without any."""
    return max((state.trained_at for state in models.states.values()), default=0.0)
