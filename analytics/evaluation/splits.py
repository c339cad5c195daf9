"""Which sessions are fitted on, which set the threshold, which are judged: parts that share no group."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np

FOLDS: Final = 6
"""A sixth is judged, a sixth sets the threshold, two thirds are fitted on."""
LEAST_THRESHOLD: Final = 20
"""Good sessions a threshold should rest on; with fewer in a fold, every pair of folds is left out in turn."""


@dataclass(frozen=True)
class Split:
    """Two folds left out of a fit; each is judged with the threshold that the other's good sessions set.

    Attributes:
        folds: their numbers.
        fit: sessions to fit on.
        held: the sessions of either fold.
    """

    folds: tuple[int, int]
    fit: np.ndarray
    held: tuple[np.ndarray, np.ndarray]


def deal(groups: np.ndarray, is_good: np.ndarray, rng: np.random.Generator, folds: int = FOLDS) -> np.ndarray:
    """The fold of each session, shape (n_sessions,): whole groups, dealt at random so that good sessions spread evenly.

    The groups with most good sessions are dealt first, each to the fold that has fewest, so that a small set leaves
    enough to fit on in every split.
    """
    names, codes = np.unique(groups, return_inverse=True)
    sizes = np.stack([np.bincount(codes, weights=is_good), np.bincount(codes)], axis=1)
    order = rng.permutation(len(names))
    order = order[np.argsort(-sizes[order, 0], kind="stable")]
    fold_of = np.empty(len(names), dtype=np.int64)
    held = np.zeros((folds, 2))
    for group in order:
        least = int(np.lexsort((rng.random(folds), held[:, 1], held[:, 0]))[0])
        fold_of[group] = least
        held[least] += sizes[group]
    return np.asarray(fold_of[codes])


def splits_of(numbers: np.ndarray, fold: np.ndarray, is_good: np.ndarray, folds: int = FOLDS) -> list[Split]:
    """The splits of some sessions.

    Where a fold holds enough good sessions for a threshold, folds are left out two by two, so each is judged once.
    Where it does not, every pair is left out in turn and a fold's threshold rests on all its partners.

    Args:
        numbers: the sessions.
        fold: fold of every session there is, by number.
        is_good: whether it is good, likewise.
        folds: how many there are.
    """
    good = int(is_good[numbers].sum())
    complete = good / folds < LEAST_THRESHOLD
    pairs = combinations(range(folds), 2) if complete else zip(range(0, folds, 2), range(1, folds, 2), strict=True)
    return [_split(numbers, fold[numbers], pair) for pair in pairs]


def _split(numbers: np.ndarray, fold: np.ndarray, pair: tuple[int, int]) -> Split:
    first, second = pair
    return Split(pair, numbers[(fold != first) & (fold != second)], (numbers[fold == first], numbers[fold == second]))


def contaminated(fit: np.ndarray, is_bad: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Sessions to fit on of which exactly ``share`` is bad, to the nearest session.

    All good sessions stay where there are bad ones enough; else good ones are left out until the share is met. Where
    there is no bad session at all, the good ones are fitted on alone.

    Args:
        fit: candidates.
        is_bad: whether each session there is is bad, by number.
        share: wanted share of bad sessions, in 0…1 (excluded).
        rng: draws them.
    """
    good, bad = fit[~is_bad[fit]], fit[is_bad[fit]]
    wanted = round(len(good) * share / (1.0 - share))
    if wanted > len(bad) > 0:
        wanted = len(bad)
        good = np.sort(rng.choice(good, size=round(wanted * (1.0 - share) / share), replace=False))
    return np.sort(np.concatenate([good, rng.choice(bad, size=min(wanted, len(bad)), replace=False)]))
