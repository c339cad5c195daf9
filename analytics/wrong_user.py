"""Wrong user: whether a session's habits are those of the user whose name it bears.

Of the users of one agent with enough history, the odds that a session is another's are set against the odds that the
user's own sessions reached when the attribution was fitted without them: a conformal p-value of that user (Mondrian
conformal prediction: V. Vovk, A. Gammerman, G. Shafer, "Algorithmic Learning in a Random World", 2005, section 4.5).
Sessions are held back in stretches of each user's time, a session with those it started, because sessions of one day
share their tasks; a running session is set against finished ones as they were at its age.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from analytics.age_calibration import bucket_of
from analytics.analysis import History, SessionRows
from analytics.attribution import LEAST_SESSIONS, MOST_SESSIONS, Attributor, fit_attributor, newest_of_each
from analytics.habits import HabitSpace, fit_habit_space
from analytics.held_back_odds import HeldBackOdds, at_several_ages, hold_back, select

TYPICAL: Final = 0.05
"""p-value under a user from which a session is called theirs; below, it is nobody's that is known."""

_Odds = tuple[str, float]
"""A user, and the logarithm of the odds that a session is another user's."""


@dataclass(frozen=True, slots=True)
class UserEvidence:
    """What a session's habits say of its user.

    Attributes:
        likely_user: the most probable user of that agent, None when the session is typical of none ("unknown").
        probability: of the most probable user among those known, 0…1.
        odds_against: logarithm of the odds that it is not its own user's but another's; higher is stranger. None
            when its own user is not among those known.
        p_value: chance that a session of its own user has odds as high, in (0, 1]; None likewise.
    """

    likely_user: str | None
    probability: float
    odds_against: float | None
    p_value: float | None


@dataclass(frozen=True)
class UserModel:
    """Habits of the users of each agent.

    Attributes:
        space: what the habits are measured in.
        attributors: by agent; an agent with fewer than two users with enough sessions has none.
        held_back: by agent and user.
        least: sessions a user needs before anything is claimed of them.
    """

    space: HabitSpace
    attributors: Mapping[str, Attributor]
    held_back: Mapping[tuple[str, str], HeldBackOdds]
    least: int

    def p_value(self, agent: str, user: str, odds: float, age: int) -> float | None:
        """How usual such odds are in the user's own sessions; None for a user with too little history."""
        own = self.held_back.get((agent, user))
        return None if own is None else own.p_value(odds, bucket_of(age), self.least)

    def held_back_odds(self, agent: str) -> np.ndarray:
        """Odds against their own user in all held-back sessions of an agent, at all ages, shape (n,).

        To calibrate ``odds_against`` over all users: finer than one user's p-value, and so stricter, but a promise to
        the users together, not to each.
        """
        own = [held.odds for (name, _), held in self.held_back.items() if name == agent]
        return np.concatenate(own) if own else np.zeros(0)


def wrong_user_evidence(model: UserModel, rows: SessionRows) -> list[UserEvidence | None]:
    """What the habits of some sessions say of their users, in the order of ``rows``.

    The evidence for a joint anomaly is ``odds_against`` where it is not None, calibrated on
    ``UserModel.held_back_odds``, or ``-log10(p_value)``, which is calibrated already but no finer than the user's
    history is long. No evidence is 0, not suspicion.

    Args:
        model: from ``fit_user_model``.
        rows: sessions with features, traces, agent and user.

    Returns:
        None for a session of an agent for which users cannot be told apart.
    """
    evidence: list[UserEvidence | None] = [None] * len(rows)
    habits = model.space.habits(rows)
    by_agent: dict[str, list[int]] = defaultdict(list)
    for number, info in enumerate(rows.infos):
        if (info.agent or "") in model.attributors:
            by_agent[info.agent or ""].append(number)
    for agent, numbers in by_agent.items():
        attributor = model.attributors[agent]
        chances = attributor.log_probabilities(habits[numbers])
        odds = attributor.odds_against(chances)
        best, row = chances.argmax(axis=1), np.arange(len(numbers))
        probability, strongest = np.exp(chances[row, best]), odds[row, best]
        column = {user: place for place, user in enumerate(attributor.classes)}
        for place, number in enumerate(numbers):
            user, age = rows.infos[number].user_id, rows.infos[number].events
            own = None if user not in column else (user, float(odds[place, column[user]]))
            nearest = (attributor.classes[best[place]], float(strongest[place]))
            evidence[number] = _evidence(model, (agent, age), nearest, float(probability[place]), own)
    return evidence


def _evidence(
    model: UserModel, session: tuple[str, int], nearest: _Odds, probability: float, own: _Odds | None
) -> UserEvidence:
    """The evidence of one session, given by agent and age.

    Args:
        model: of the users.
        session: agent and age.
        nearest: the most probable user, and the odds against that user.
        probability: of the most probable user.
        own: the session's own user, and the odds against that user; None where the user is not among those known.
    """
    agent, age = session
    typical = model.p_value(agent, *nearest, age)
    likely = nearest[0] if typical is not None and typical >= TYPICAL else None
    if own is None:
        return UserEvidence(likely, probability, None, None)
    return UserEvidence(likely, probability, own[1], typical if own == nearest else model.p_value(agent, *own, age))


def fit_user_model(history: History, least: int = LEAST_SESSIONS) -> UserModel | None:
    """Learn the users' habits and how odd their own sessions look; None where no agent has two users to tell apart.

    Args:
        history: finished sessions with their traces.
        least: sessions a user needs with an agent.
    """
    rows, order = history.sessions, np.argsort([info.started_ns for info in history.sessions.infos], kind="stable")
    by_agent: dict[str, list[int]] = defaultdict(list)
    for number in order.tolist():
        by_agent[rows.infos[number].agent or ""].append(number)
    chosen = {agent: _told_apart(rows, np.array(own), least) for agent, own in by_agent.items()}
    if not any(len(own) for own in chosen.values()):
        return None
    space = fit_habit_space(select(rows, _evenly(order)))
    attributors: dict[str, Attributor] = {}
    held_back: dict[tuple[str, str], HeldBackOdds] = {}
    for agent, own in chosen.items():
        part = select(rows, own)
        habits = space.habits(part)
        attributor = fit_attributor(habits, [info.user_id for info in part.infos], least)
        if attributor is not None:
            attributors[agent] = attributor
            aged = at_several_ages(history, own)
            of_user = hold_back(part, habits, (aged, space.habits(aged.rows)))
            held_back.update(
                {(agent, user): replace(odds, sessions=own[odds.sessions]) for user, odds in of_user.items()}
            )
    return UserModel(space, attributors, held_back, least) if attributors else None


def held_back_odds(history: History) -> dict[tuple[int, int], float]:
    """Odds against their own user of the training sessions, each judged by a fit that did not see it.

    By number of the session and its age bucket; empty where users cannot be told apart.
    """
    model = fit_user_model(history)
    return {
        (session, bucket): odds
        for held in (model.held_back.values() if model else ())
        for session, bucket, odds in zip(held.sessions.tolist(), held.buckets.tolist(), held.odds.tolist(), strict=True)
    }


def _told_apart(rows: SessionRows, numbers: np.ndarray, least: int) -> np.ndarray:
    """Those of one agent's sessions, oldest first, whose users have enough of them and that are fitted on."""
    return numbers[newest_of_each([rows.infos[number].user_id for number in numbers.tolist()], least)]


def _evenly(order: np.ndarray) -> np.ndarray:
    """At most MOST_SESSIONS of the sessions, evenly over time."""
    return order[np.linspace(0, len(order) - 1, min(len(order), MOST_SESSIONS)).astype(np.int64)]
