"""How often a session is attributed to the right user, agent or model, beside what simpler means achieve.

Sessions are judged by fits that saw neither them nor their family (a session with those it started, the runs of one
task): in five folds dealt at random, or, for users, the later sessions of each by a fit on the earlier ones.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from threadpoolctl import threadpool_limits

from analytics.analysis import SessionRows
from analytics.attribution import LEAST_SESSIONS, fit_attributor, newest_of_each
from analytics.evaluation.bootstrap import Estimate, group_weights
from analytics.habits import fit_habit_space
from analytics.held_back_odds import select

FOLDS: Final = 5
FIT_SHARE: Final = 0.6
"""Share of each user's sessions, the earliest, that a split by time fits on."""
OURS: Final = "logistic regression (Sigyn)"
PICKED: Final = "picked by nested folds"
Split = tuple[np.ndarray, np.ndarray]
"""Numbers of the sessions fitted on and of those judged."""


@dataclass(frozen=True)
class Problem:
    """Classes to tell apart.

    Attributes:
        name: what is attributed, among which sessions.
        rows: the sessions, oldest first, of classes with at least LEAST_SESSIONS.
        labels: class of each.
        family: which belong together, shape (n_sessions,).
        has_clock: whether the hour of the day may count: a habit of people, not of agents and models.
    """

    name: str
    rows: SessionRows
    labels: tuple[str, ...]
    family: np.ndarray
    has_clock: bool

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes."""
        return tuple(sorted(set(self.labels)))


@dataclass(frozen=True)
class AttributionRow:
    """Figures of one method on one problem under one split."""

    problem: str
    split: str
    method: str
    classes: int
    sessions: int
    top_1: Estimate
    top_3: Estimate
    macro: Estimate


def problem_of(
    name: str, rows: SessionRows, labels: Sequence[str | None], family: np.ndarray, *, has_clock: bool
) -> Problem | None:
    """The problem without rare classes; None where fewer than two are left."""
    order = np.argsort([info.started_ns for info in rows.infos], kind="stable")
    kept = order[newest_of_each([labels[number] for number in order.tolist()], LEAST_SESSIONS)]
    chosen = tuple(str(labels[number]) for number in kept.tolist())
    return Problem(name, select(rows, kept), chosen, family[kept], has_clock) if len(set(chosen)) > 1 else None


def random_folds(problem: Problem, seed: int) -> list[Split]:
    """Families dealt to folds, classes spread evenly."""
    dealt = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    return list(dealt.split(problem.labels, problem.labels, problem.family))


def time_split(problem: Problem) -> list[Split]:
    """The earlier sessions of each class to fit on, the later ones to judge; a family lies where its middle does."""
    begun: dict[int, int] = {}
    for number, family in enumerate(problem.family.tolist()):
        begun.setdefault(family, number)
    fitted = np.zeros(len(problem.labels), dtype=bool)
    for name in problem.classes:
        own = [number for number, label in enumerate(problem.labels) if label == name]
        families: dict[int, list[int]] = defaultdict(list)
        for number in own:
            families[int(problem.family[number])].append(number)
        done = 0
        for family in sorted(families, key=lambda one: begun[one]):
            members = families[family]
            fitted[members] = done + len(members) / 2 <= FIT_SHARE * len(own)
            done += len(members)
    return [(np.flatnonzero(fitted), np.flatnonzero(~fitted))]


# Methods: habits fitted on, their classes and the habits judged give log-probabilities, shape (n_judged, n_classes)

Method = Callable[[np.ndarray, np.ndarray, np.ndarray, int], np.ndarray]


def _ours(fitted: np.ndarray, codes: np.ndarray, judged: np.ndarray, count: int) -> np.ndarray:
    attributor = fit_attributor(fitted, [str(code) for code in codes.tolist()], 1)
    result = np.full((len(judged), count), -np.inf)
    if attributor is None:
        return _majority(fitted, codes, judged, count)
    result[:, [int(name) for name in attributor.classes]] = attributor.log_probabilities(judged)
    return result


def _majority(fitted: np.ndarray, codes: np.ndarray, judged: np.ndarray, count: int) -> np.ndarray:
    del fitted
    with np.errstate(divide="ignore"):
        return np.tile(np.log(np.bincount(codes, minlength=count) / len(codes)), (len(judged), 1))


def _by(make: Callable[[], object]) -> Method:
    """A classifier of scikit-learn."""

    def judge(fitted: np.ndarray, codes: np.ndarray, judged: np.ndarray, count: int) -> np.ndarray:
        classifier = make()
        with threadpool_limits(1, "blas"), np.errstate(divide="ignore"):
            classifier.fit(fitted, codes)  # type: ignore[attr-defined]  # scikit-learn publishes no types
            chances = np.log(classifier.predict_proba(judged))  # type: ignore[attr-defined]  # as above
        result = np.full((len(judged), count), -np.inf)
        result[:, classifier.classes_] = chances  # type: ignore[attr-defined]  # as above
        return result

    return judge


CANDIDATES: Final[Mapping[str, Method]] = {
    OURS: _ours,
    "linear discriminant": _by(lambda: LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")),
    "extremely randomised trees": _by(lambda: ExtraTreesClassifier(200, min_samples_leaf=2, random_state=0)),
    "nearest neighbours": _by(lambda: KNeighborsClassifier(5, weights="distance")),
    "naive Bayes": _by(lambda: GaussianNB(var_smoothing=0.1)),
}


def judge_problem(problem: Problem, split: str, splits: Sequence[Split], seed: int) -> list[AttributionRow]:
    """The figures of every method.

    Args:
        problem: what is told apart.
        split: what the splits are called.
        splits: from ``random_folds`` or ``time_split``.
        seed: of the nested folds and the bootstrap.
    """
    place = {name: code for code, name in enumerate(problem.classes)}
    codes = np.array([place[label] for label in problem.labels])
    ranks: dict[str, list[np.ndarray]] = defaultdict(list)
    for fitted, judged in splits:
        for method, chances in _chances(problem, codes, (fitted, judged), seed).items():
            own = chances[np.arange(len(judged)), codes[judged]]
            # A tie counts against the method.
            ranks[method].append((chances >= own[:, None]).sum(axis=1) - 1)
    numbers = np.concatenate([judged for _, judged in splits])
    return [_row((problem, split, method), numbers, np.concatenate(found), seed) for method, found in ranks.items()]


def _chances(problem: Problem, codes: np.ndarray, split: Split, seed: int) -> dict[str, np.ndarray]:
    """Log-probabilities of the judged sessions by method; columns are learnt from those fitted on alone."""
    fitted, judged = split
    space, count = fit_habit_space(select(problem.rows, fitted)), len(problem.classes)
    columns = np.ones(len(space.centre), dtype=bool) if problem.has_clock else ~space.is_clock
    habits = space.habits(problem.rows)
    parts = habits[fitted][:, columns], codes[fitted], habits[judged][:, columns], count
    tools = habits[fitted][:, space.is_tool_share], codes[fitted], habits[judged][:, space.is_tool_share], count
    result = {name: method(*parts) for name, method in CANDIDATES.items()}
    best = _pick(habits[fitted][:, columns], codes[fitted], problem.family[fitted], seed)
    return {"majority class": _majority(*parts), "tool histogram": _ours(*tools), **result, PICKED: result[best]}


def _pick(habits: np.ndarray, codes: np.ndarray, family: np.ndarray, seed: int) -> str:
    """The candidate that is right most often in folds of the fitted sessions alone; the first of equals."""
    right: dict[str, int] = dict.fromkeys(CANDIDATES, 0)
    count = int(codes.max()) + 1
    dealt = StratifiedGroupKFold(3, shuffle=True, random_state=seed)
    for fitted, judged in dealt.split(codes, codes, family):
        for name, method in CANDIDATES.items():
            chances = method(habits[fitted], codes[fitted], habits[judged], count)
            right[name] += int((chances.argmax(axis=1) == codes[judged]).sum())
    return max(right, key=lambda name: right[name])


def _row(names: tuple[Problem, str, str], numbers: np.ndarray, ranks: np.ndarray, seed: int) -> AttributionRow:
    """The figures from the rank of each judged session's class, 0 for the most probable."""
    problem, split, method = names
    _, family = np.unique(problem.family[numbers], return_inverse=True)
    weights = group_weights(int(family.max()) + 1, seed)[:, family]
    labels = np.array(problem.labels, dtype=object)[numbers]
    by_class = np.stack([_mean(weights * (labels == name), ranks == 0) for name in problem.classes])
    known = ~np.isnan(by_class)
    macro = np.where(known, by_class, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return AttributionRow(
        problem.name,
        split,
        method,
        len(problem.classes),
        len(numbers),
        Estimate.of(_mean(weights, ranks == 0)),
        Estimate.of(_mean(weights, ranks < 3)),
        Estimate.of(macro),
    )


def _mean(weights: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Weighted mean in each resample, shape (n_resamples,), NaN where nothing counts."""
    total = weights.sum(axis=1)
    return np.divide((weights * values).sum(axis=1), total, out=np.full(len(total), np.nan), where=total > 0)
