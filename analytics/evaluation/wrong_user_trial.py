"""How well a session under the wrong user is found: user labels swapped between sessions of one agent and project."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from sklearn.metrics import roc_auc_score

from analytics.analysis import History
from analytics.evaluation.attribution import Problem, Split
from analytics.evaluation.bootstrap import Estimate, group_weights
from analytics.held_back_odds import select
from analytics.wrong_user import UserEvidence, fit_user_model, wrong_user_evidence

FALSE_ALARMS: Final = 0.05
KNOWN: Final = "another known user"
UNKNOWN: Final = "a user not fitted on"
RESAMPLES: Final = 200

Histories = Callable[[Sequence[str]], History]
"""Gives some sessions, by id, with their checkpoints."""


@dataclass(frozen=True)
class WrongUserRow:
    """How well swapped sessions are told from untouched ones.

    Attributes:
        other: who is really at work in the swapped sessions.
        users: told apart.
        genuine, swapped: judged sessions under their own and under a wrong user.
        auroc: of the odds against the user, over all pairs.
        found: share of the swapped with a p-value of at most 0.05.
        false_alarms: the same of the genuine; promised 0.05.
    """

    problem: str
    split: str
    other: str
    users: int
    genuine: int
    swapped: int
    auroc: Estimate
    found: Estimate
    false_alarms: Estimate


@dataclass
class _Judged:
    """Odds, p-values and families of judged sessions."""

    odds: list[float]
    p_values: list[float]
    family: list[int]

    def add(self, evidence: UserEvidence | None, family: int) -> None:
        if evidence is not None and evidence.odds_against is not None and evidence.p_value is not None:
            self.odds.append(evidence.odds_against)
            self.p_values.append(evidence.p_value)
            self.family.append(family)


def judge_wrong_users(
    problem: Problem, split: str, splits: Sequence[Split], histories: Histories, seed: int
) -> list[WrongUserRow]:
    """The figures for swaps with known users, and with users whose sessions were kept out of the fit.

    Args:
        problem: users of one agent.
        split: what the splits are called.
        splits: sessions fitted on and judged.
        histories: of sessions by id.
        seed: of the bootstrap.
    """
    judged: dict[str, _Judged] = defaultdict(lambda: _Judged([], [], []))
    for part in splits:
        _judge(problem, part, problem.classes, histories, judged)
        for user in problem.classes:
            _judge(problem, part, [one for one in problem.classes if one != user], histories, judged)
    genuine = judged.pop("genuine", _Judged([], [], []))
    return [
        _row((problem, split, other), genuine, swapped, seed)
        for other, swapped in judged.items()
        if genuine.odds and swapped.odds
    ]


def _judge(
    problem: Problem, split: Split, users: Sequence[str], histories: Histories, judged: dict[str, _Judged]
) -> None:
    """Fit on some users' sessions and judge the others' under each of those users.

    With all users fitted on, every judged session counts under its own name and under each other one; with one kept
    out, that one's sessions count under each of the others' names.
    """
    is_whole = len(users) == len(problem.classes)
    fitted = [problem.rows.infos[number].session_id for number in split[0] if problem.labels[number] in users]
    model = fit_user_model(histories(fitted))
    if model is None:
        return
    numbers = split[1] if is_whole else np.array([one for one in split[1] if problem.labels[one] not in users], int)
    rows = select(problem.rows, numbers)
    for claimed in users:
        infos = tuple(replace(info, user_id=claimed) for info in rows.infos)
        for number, evidence in zip(numbers, wrong_user_evidence(model, replace(rows, infos=infos)), strict=True):
            is_own = problem.labels[number] == claimed
            kind = "genuine" if is_own else KNOWN if is_whole else UNKNOWN
            judged[kind].add(evidence, int(problem.family[number]))


def _row(names: tuple[Problem, str, str], genuine: _Judged, swapped: _Judged, seed: int) -> WrongUserRow:
    problem, split, other = names
    family = np.unique(np.array(genuine.family + swapped.family), return_inverse=True)[1]
    weights = group_weights(int(family.max()) + 1, seed, RESAMPLES)[:, family]
    is_swapped = np.arange(len(family)) >= len(genuine.odds)
    odds = np.array(genuine.odds + swapped.odds)
    alarmed = np.array(genuine.p_values + swapped.p_values) <= FALSE_ALARMS
    return WrongUserRow(
        problem.name, split, other, len(problem.classes), len(genuine.odds), len(swapped.odds),
        Estimate.of(np.array([_auroc(is_swapped, odds, each) for each in weights])),
        Estimate.of(_share(weights[:, is_swapped], alarmed[is_swapped])),
        Estimate.of(_share(weights[:, ~is_swapped], alarmed[~is_swapped])),
    )  # fmt: skip


def _auroc(is_swapped: np.ndarray, odds: np.ndarray, weights: np.ndarray) -> float:
    drawn = weights > 0
    if not is_swapped[drawn].any() or is_swapped[drawn].all():
        return float("nan")
    return float(roc_auc_score(is_swapped[drawn], odds[drawn], sample_weight=weights[drawn]))


def _share(weights: np.ndarray, alarmed: np.ndarray) -> np.ndarray:
    total = weights.sum(axis=1)
    return np.divide((weights * alarmed).sum(axis=1), total, out=np.full(len(total), np.nan), where=total > 0)
