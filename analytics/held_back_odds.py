"""Odds held back: how strongly a user's own sessions speak against the user, judged by fits that did not see them.

Sessions are held back in stretches of each user's time, a session with those it started, because sessions of one day
share their tasks; each is judged as it ended and as it was at earlier ages, so that a running session can be set
against finished ones as they were at its age.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np

from analytics.age_calibration import age_bucket
from analytics.analysis import History, SessionRows
from analytics.attribution import fit_attributor

FOLDS: Final = 4


@dataclass(frozen=True)
class HeldBackOdds:
    """Odds against a user that the user's own held-back sessions reached.

    Attributes:
        odds: shape (n,).
        buckets: each one's age bucket.
        sessions: each one's session, as a number in the history.
    """

    odds: np.ndarray
    buckets: np.ndarray
    sessions: np.ndarray

    def p_value(self, odds: float, bucket: int, least: int) -> float | None:
        """Conformal p-value among rows of about that age; the window widens until it holds ``least``.

        None while even the widest window holds fewer.
        """
        if (bucket, least) not in self._windows:
            self._windows[bucket, least] = self._window(bucket, least)
        near = self._windows[bucket, least]
        if near is None:
            return None
        return float((len(near) - np.searchsorted(near, odds) + 1) / (len(near) + 1))

    @cached_property
    def _windows(self) -> dict[tuple[int, int], np.ndarray | None]:
        """Windows asked for before; many sessions ask for the same few."""
        return {}

    def _window(self, bucket: int, least: int) -> np.ndarray | None:
        """Odds of the rows of about an age, in rising order; None where they are too few at any width."""
        distance = np.abs(self.buckets - bucket)
        if len(distance) < least:
            return None
        width = np.sort(distance)[least - 1]
        return np.sort(self.odds[distance <= width])


@dataclass(frozen=True)
class AgedSessions:
    """Sessions as they ended and as they were at earlier ages, once in each age bucket.

    Attributes:
        rows: one for each session and age; the age stands in ``infos[n].events``.
        session: which of the sessions each row is, shape (n_rows,).
    """

    rows: SessionRows
    session: np.ndarray


def select(rows: SessionRows, numbers: np.ndarray) -> SessionRows:
    """Some sessions, findings left out."""
    listed = numbers.tolist()
    return SessionRows(
        tuple(rows.infos[number] for number in listed), rows.values[numbers], (),
        tuple(rows.trace(number) for number in listed),
    )  # fmt: skip


def at_several_ages(history: History, numbers: np.ndarray) -> AgedSessions:
    """Some sessions of a history at all their ages, the finished ones first."""
    place = {number: position for position, number in enumerate(numbers.tolist())}
    final, bucket = age_bucket(history.sessions.ages), age_bucket(history.checkpoint_ages)
    is_wanted = np.isin(history.checkpoint_session, numbers) & (bucket != final[history.checkpoint_session])
    earlier = np.flatnonzero(is_wanted)
    of_session, ages = history.checkpoint_session[earlier], history.checkpoint_ages[earlier].tolist()
    whole, cut = select(history.sessions, numbers), select(history.sessions, of_session)
    infos = [replace(info, events=age) for info, age in zip(cut.infos, ages, strict=True)]
    traces = [trace.until(age) for trace, age in zip(cut.traces, ages, strict=True)]
    values = np.concatenate([whole.values, history.checkpoint_values[earlier]])
    rows = SessionRows((*whole.infos, *infos), values, (), (*whole.traces, *traces))
    positions = [*range(len(numbers)), *(place[number] for number in of_session.tolist())]
    return AgedSessions(rows, np.array(positions, dtype=np.int64))


def hold_back(
    part: SessionRows, habits: np.ndarray, judged: tuple[AgedSessions, np.ndarray]
) -> dict[str, HeldBackOdds]:
    """The odds against each user in the user's own sessions, each judged by a fit on the other stretches of time.

    Args:
        part: the sessions of one agent, oldest first.
        habits: of them, shape (n_sessions, n_columns).
        judged: the same sessions at several ages, and the habits of those rows.
    """
    users, fold = [info.user_id for info in part.infos], stretches(part)
    aged, aged_habits = judged
    buckets = age_bucket(aged.rows.ages)
    odds: dict[str, list[np.ndarray]] = defaultdict(list)
    for number in range(FOLDS):
        fitted = np.flatnonzero(fold != number)
        attributor = fit_attributor(habits[fitted], [users[one] for one in fitted.tolist()], 2)
        if attributor is None:
            continue
        held = np.flatnonzero(fold[aged.session] == number)
        against = attributor.odds_against(attributor.log_probabilities(aged_habits[held]))
        owner = [users[session] for session in aged.session[held].tolist()]
        for column, user in enumerate(attributor.classes):
            own = np.array([one == user for one in owner], dtype=bool)
            rows = held[own]
            odds[user].append(np.stack([against[own, column], buckets[rows], aged.session[rows]], axis=1))
    return {user: _held_back_odds(np.concatenate(parts)) for user, parts in odds.items()}


def _held_back_odds(rows: np.ndarray) -> HeldBackOdds:
    return HeldBackOdds(rows[:, 0], rows[:, 1].astype(np.int64), rows[:, 2].astype(np.int64))


def stretches(part: SessionRows) -> np.ndarray:
    """The stretch of its user's time that each session lies in, 0…FOLDS - 1, shape (n_sessions,)."""
    started = {info.session_id: info.started_ns for info in part.infos}
    family = [info.parent_session_id or info.session_id for info in part.infos]
    begun = [started.get(name, info.started_ns) for name, info in zip(family, part.infos, strict=True)]
    members: dict[str | None, list[int]] = defaultdict(list)
    for number, info in enumerate(part.infos):
        members[info.user_id].append(number)
    fold = np.zeros(len(part), dtype=np.int64)
    for own in members.values():
        fold[_by_time(own, family, begun)] = np.arange(len(own)) * FOLDS // len(own)
    return _families_whole(fold, family)


def _by_time(numbers: Sequence[int], family: Sequence[str], begun: Sequence[int]) -> list[int]:
    return sorted(numbers, key=lambda number: (begun[number], family[number], number))


def _families_whole(fold: np.ndarray, family: Sequence[str]) -> np.ndarray:
    """The folds with every session in the one of the first of its family."""
    first: dict[str, int] = {}
    for number, name in enumerate(family):
        first.setdefault(name, int(fold[number]))
    return np.array([first[name] for name in family], dtype=np.int64)
