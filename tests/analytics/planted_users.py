"""Users with planted habits: which tools they use, when they begin, how long their commands and prompts are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.builders import record

DAY = 86_400.0


@dataclass(frozen=True)
class Habit:
    """What one user does: tools and their chances, hours after START of the day, typical size of what they write."""

    user: str
    tools: dict[str, float]
    hour: float
    chars: int


SHELL = Habit("cat", {"Bash": 0.8, "Read": 0.2}, 12.0, 900)
READER = Habit("ana", {"Read": 0.5, "Grep": 0.4, "Edit": 0.1}, 1.0, 60)
WRITER = Habit("bob", {"Edit": 0.5, "Write": 0.3, "Read": 0.2}, 5.0, 250)
USERS = (SHELL, READER, WRITER)
STRANGER = Habit("eve", {"WebFetch": 0.6, "WebSearch": 0.4}, 18.0, 4_000)


def sessions_by(
    habit: Habit, count: int, seed: int = 0, *, claimed: str | None = None, first_day: int = 0
) -> list[dict[str, Any]]:
    """Records of ``count`` sessions, one a day, that follow the habit; ``claimed`` is the user they bear."""
    rng = np.random.default_rng((seed, sum(map(ord, habit.user))))
    names, chances = list(habit.tools), list(habit.tools.values())
    records = []
    for day in range(first_day, first_day + count):
        clock = day * DAY + (habit.hour + rng.normal(0, 0.7)) * 3600.0
        who = {
            "session_id": f"{habit.user}-{seed}-{day}",
            "user_id": claimed or habit.user,
            "agent": "claude-code",
        }
        records.append(record("user_prompt", clock, prompt_length=int(habit.chars * rng.uniform(0.5, 1.5)), **who))
        for step in range(int(rng.integers(12, 30))):
            clock += float(rng.lognormal(2.0, 0.5))
            records.append(
                record(
                    "tool_result",
                    clock,
                    tool_name=str(rng.choice(names, p=chances)),
                    tool_use_id=f"{day}-{step}",
                    success=True,
                    tool_input_chars=int(habit.chars * rng.uniform(0.5, 1.5)),
                    tool_output_chars=int(rng.lognormal(6, 1)),
                    duration_ms=float(rng.lognormal(5, 1)),
                    **who,
                )
            )
    return records


def team(count: int = 30, seed: int = 0, habits: tuple[Habit, ...] = USERS) -> list[dict[str, Any]]:
    return [one for habit in habits for one in sessions_by(habit, count, seed)]
