"""What a session is for, and how that shapes the order of its tools.

A session walks a Markov chain over ``STATES``, what the agent does next. ``HABIT`` holds the transitions that all
work shares (shares measured on recorded sessions, rounded); a task and a person's leanings weigh its columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

STATES: Final = (
    "look", "test", "build", "git", "odd", "poll", "read", "edit", "write", "search", "find", "plan", "web", "ask",
)  # fmt: skip
"""What an agent does: the first five by the shell."""

ROLE_OF: Final = dict.fromkeys(STATES[:5], "shell") | {state: state for state in STATES[5:]}
"""The tool role (``agents.ROLES``) of each state."""

# From each state (row) to each state (column, in the order of STATES), in per mille.
HABIT: Final = np.array([
    [330,  90,  50,  60, 35,  15, 200,  80, 10,  70, 25, 20,  5,  3],  # look
    [120, 180,  60,  80, 25,  30, 190, 210, 10,  50, 10, 25,  5,  3],  # test
    [150, 170, 120,  70, 40,  60, 130, 140, 10,  40, 10, 25, 10,  3],  # build
    [180,  70,  40, 350, 40,  10, 110,  60, 10,  40, 10, 40,  5,  3],  # git
    [260,  90,  80,  70, 90,  40, 140,  80, 10,  50, 10, 20,  5,  3],  # odd
    [220, 100,  60,  60, 30, 260, 110,  70,  5,  30,  5, 20,  5,  3],  # poll
    [ 40,  20,  10,   8,  6,   2, 380, 320, 20, 165, 22, 12,  5,  2],  # read
    [ 40, 130,  40,  25,  7,   3, 180, 430, 20,  60,  8, 60,  3,  2],  # edit
    [ 90, 110,  50,  35, 10,   5, 130, 130, 210, 40, 10, 70,  5,  5],  # write
    [ 40,  15,  10,   5,  5,   2, 400, 100, 15, 365, 25, 12,  5,  2],  # search
    [ 60,  20,  10,  10,  5,   2, 500,  30, 15, 140, 190, 15, 5,  3],  # find
    [ 80,  50,  30,  25,  5,   3, 190, 190, 30,  50, 20, 300, 5,  5],  # plan
    [ 60,  20,  10,   5,  5,   2, 130,  60, 40,  50, 10, 20, 560, 5],  # web
    [ 90,  40,  20,  30,  5,   2, 200, 160, 40,  70, 20, 80, 10, 60],  # ask
], dtype=np.float64)  # fmt: skip

START: Final = np.array([200, 30, 20, 60, 10, 2, 300, 10, 5, 170, 90, 60, 20, 5], dtype=np.float64)
"""What a prompt's work begins with, in the order of STATES."""


@dataclass(frozen=True, slots=True)
class Task:
    """A purpose of a session.

    Attributes:
        name: for the reader; not written into telemetry.
        share: how frequent it is.
        prompts: median number of prompts.
        steps: median number of tool uses a prompt.
        weights: by state, how much likelier than in ``HABIT``.
    """

    name: str
    share: float
    prompts: float
    steps: float
    weights: dict[str, float] = field(default_factory=dict)


TASKS: Final = (
    Task("feature", 0.34, 4.5, 9.0, {"edit": 1.1, "write": 1.5, "plan": 1.4}),
    Task("bug fix", 0.30, 3.5, 8.5, {"search": 1.3, "test": 1.6, "look": 1.2, "write": 0.4}),
    Task("review", 0.15, 2.5, 9.0, {"edit": 0.2, "write": 0.2, "git": 1.8, "test": 0.8, "poll": 0.3}),
    Task("docs", 0.09, 2.5, 6.5, {"write": 2.5, "test": 0.2, "build": 0.4, "web": 2.5, "poll": 0.2}),
    Task("ops", 0.12, 3.5, 9.0, {"look": 1.4, "odd": 2.5, "build": 2.0, "poll": 2.0, "edit": 0.6, "test": 0.5}),
)  # fmt: skip
HELPER_TASK: Final = Task(
    "research", 0.0, 1.0, 18.0,
    {"edit": 0.06, "write": 0.3, "read": 1.4, "find": 1.5, "plan": 0.05, "poll": 0.1, "git": 0.4, "test": 0.3,
     "ask": 0.0},
)  # fmt: skip
"""What sub-agents do: mostly reading."""


@dataclass(frozen=True, slots=True)
class Chain:
    """The cumulative transition weights of one session, ready to draw from."""

    start: list[float]
    rows: dict[str, list[float]]


def chain_of(task: Task, leanings: Sequence[float]) -> Chain:
    """The chain of a person at a task; ``leanings`` has one factor a state."""
    factors = np.array([task.weights.get(state, 1.0) for state in STATES]) * np.asarray(leanings)
    table = np.cumsum(HABIT * factors, axis=1).tolist()
    return Chain(np.cumsum(START * factors).tolist(), dict(zip(STATES, table, strict=True)))
