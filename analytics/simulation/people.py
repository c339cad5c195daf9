"""The people of a simulated team and their habits: hours, tempo, agents, projects, tasks, favourite tools."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from analytics.simulation.agents import AgentProfile
from analytics.simulation.dice import Dice
from analytics.simulation.stacks import STACKS, Stack
from analytics.simulation.tasks import STATES, TASKS, Task

NAMES: Final = (
    "ana", "ben", "chloe", "dmitri", "elif", "farid", "grete", "hiro", "ines", "jonas", "kavya", "luis", "mina",
    "noor", "oskar", "priya", "quentin", "rosa", "sven", "tala", "umar", "vera", "wanda", "xavi", "yusuf", "zoe",
)  # fmt: skip
PROJECTS: Final = (
    ("shop-api", "python"), ("storefront", "node"), ("ledger", "go"), ("platform", "infra"), ("reports", "python"),
    ("mobile-web", "node"), ("ingest", "go"), ("design-system", "node"), ("ml-features", "python"),
)  # fmt: skip
OFFSETS: Final = (-8, -5, -3, 0, 1, 1, 2, 2, 3, 5, 8, 9)
"""Hours ahead of UTC that people live at."""
WORKFLOWS: Final = ("review", "plan", "sc:build", "sc:test", "sc:analyze", "sc:implement", "release:notes")
PERSONAS: Final = ("architect", "security", "backend", "frontend", "qa", "refactorer", "scribe")


@dataclass(frozen=True, slots=True)
class Project:
    """A folder someone works in, its kind and its files, relative to the root."""

    root: str
    stack: Stack
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Person:
    """One user and their habits.

    Attributes:
        user_id: as in the ``user_id`` field.
        home: home folder.
        offset: hours ahead of UTC.
        day_start, day_end: local working hours.
        weekend: share of a weekday's sessions that a weekend day has.
        share: how much of the team's work is theirs.
        tempo: multiplies every waiting time; above 1 is slow.
        caution: probability that an edit or command waits for their permission.
        agents, agent_weights: agent products and cumulative weights.
        models: preferred model by agent name.
        projects: where they work.
        task_weights: cumulative weights of ``TASKS``.
        leanings: how much more or less than others they use each of ``STATES``.
        workflow, persona: favourite slash command and persona, None for most.
    """

    user_id: str
    home: str
    offset: int
    day_start: float
    day_end: float
    weekend: float
    share: float
    tempo: float
    caution: float
    agents: tuple[AgentProfile, ...]
    agent_weights: tuple[float, ...]
    models: dict[str, str]
    projects: tuple[Project, ...]
    task_weights: tuple[float, ...]
    leanings: tuple[float, ...]
    workflow: str | None
    persona: str | None

    def task(self, dice: Dice) -> Task:
        """What they do this time."""
        return dice.pick_from(TASKS, self.task_weights)


def make_team(size: int, agents: list[AgentProfile], weights: list[float], dice: Dice) -> list[Person]:
    """That many people, with different habits, who use the agents roughly in the mix of the weights."""
    return [_person(number, agents, weights, dice) for number in range(size)]


def _person(number: int, agents: list[AgentProfile], weights: list[float], dice: Dice) -> Person:
    name = NAMES[number % len(NAMES)] + (str(number // len(NAMES) + 1) if number >= len(NAMES) else "")
    own = [weight * dice.lognormal(1.0, 0.8) for weight in weights]
    start = 7.5 + 3 * dice.uniform()
    return Person(
        user_id=name,
        home=f"/home/{name}",
        offset=dice.pick(OFFSETS),
        day_start=start,
        day_end=start + 7 + 4 * dice.uniform(),
        weekend=dice.pick((0.0, 0.05, 0.1, 0.4)),
        share=dice.lognormal(1.0, 0.6),
        tempo=dice.lognormal(1.0, 0.25),
        caution=dice.pick((0.0, 0.02, 0.05, 0.1)),
        agents=tuple(agents),
        agent_weights=cumulative(own),
        models={agent.name: dice.pick(agent.models) for agent in agents},
        projects=tuple(_project(name, *project, dice) for project in dice.sample(PROJECTS, dice.between(1, 3))),
        task_weights=cumulative([task.share * dice.lognormal(1.0, 0.6) for task in TASKS]),
        leanings=tuple(dice.lognormal(1.0, 0.2) for _ in STATES),
        workflow=dice.pick(WORKFLOWS) if dice.chance(0.4) else None,
        persona=dice.pick(PERSONAS) if dice.chance(0.25) else None,
    )


def _project(owner: str, name: str, kind: str, dice: Dice) -> Project:
    stack = STACKS[kind]
    files = [f"{folder}/{stem}{stack.suffix}" for folder in stack.folders for stem in stack.stems]
    files += ["README.md", "docs/design.md", "Makefile", ".github/workflows/ci.yml"]
    return Project(f"/home/{owner}/{name}", stack, tuple(dice.sample(files, 40)))


def cumulative(weights: list[float]) -> tuple[float, ...]:
    """Running totals of weights, the form ``Dice.pick_from`` takes."""
    totals = []
    total = 0.0
    for weight in weights:
        total += weight
        totals.append(total)
    return tuple(totals)
