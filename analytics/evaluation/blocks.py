"""Judged sessions beside the unseen good ones that set their threshold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from analytics.evaluation.splits import Split
from analytics.evaluation.trial import Scores


@dataclass(frozen=True)
class Block:
    """Sessions judged by one fit; they are compared with each other and with nobody else.

    Attributes:
        numbers: the sessions.
        is_bad: their truth.
        groups: their groups.
        scores: by scorer, a row a session: one score, or of sessions that are watched one for each look.
        threshold_scores: by scorer, the scores of good sessions that were neither fitted on nor are judged here.
        part: which part of the report it belongs to, such as a kind of misbehaviour.
        pool: blocks of one pool were judged by one fit, so that their sessions can be ranked together.
    """

    numbers: np.ndarray
    is_bad: np.ndarray
    groups: np.ndarray
    scores: Mapping[str, np.ndarray]
    threshold_scores: Mapping[str, np.ndarray]
    part: str = ""
    pool: str = ""


@dataclass(frozen=True)
class Judged:
    """The scores of both folds that a split left out, in the order of its ``held`` sessions, one after the other."""

    split: Split
    scores: Scores

    def only(self, chosen: np.ndarray) -> Judged:
        """The same of some sessions; ``chosen`` is a mask over every session there is."""
        first, second = self.split.held
        kept = chosen[np.concatenate(self.split.held)]
        split = Split(self.split.folds, self.split.fit, (first[chosen[first]], second[chosen[second]]))
        return Judged(split, {name: values[kept] for name, values in self.scores.items()})

    def of_fold(self, fold: int) -> tuple[np.ndarray, Scores]:
        """The sessions of one of the two folds and their scores."""
        first = len(self.split.held[0])
        place = self.split.folds.index(fold)
        part = slice(None, first) if place == 0 else slice(first, None)
        return self.split.held[place], {name: values[part] for name, values in self.scores.items()}


def blocks_of(judged: Sequence[Judged], is_bad: np.ndarray, groups: np.ndarray, pool: str = "") -> list[Block]:
    """One block for each fold judged by each fit; its threshold rests on the good sessions of all its partners.

    Args:
        judged: all splits of one seed and stratum.
        is_bad: truth of every session there is, by number.
        groups: likewise.
        pool: what tells their fits from those of other seeds and strata.
    """
    blocks = []
    for fold in sorted({fold for one in judged for fold in one.split.folds}):
        ours = [one for one in judged if fold in one.split.folds]
        threshold = _good_scores((one.of_fold(_other(one.split.folds, fold)) for one in ours), is_bad)
        for one in ours:
            numbers, scores = one.of_fold(fold)
            fit = f"{pool} {one.split.folds}"
            blocks.append(Block(numbers, is_bad[numbers], groups[numbers], scores, threshold, pool=fit))
    return blocks


def _other(folds: tuple[int, int], fold: int) -> int:
    return folds[1] if folds[0] == fold else folds[0]


def _good_scores(parts: Iterable[tuple[np.ndarray, Scores]], is_bad: np.ndarray) -> Scores:
    """The good sessions' scores of several parts, by scorer."""
    collected: dict[str, list[np.ndarray]] = {}
    for numbers, scores in parts:
        for name, values in scores.items():
            collected.setdefault(name, []).append(values[~is_bad[numbers]])
    return {name: np.concatenate(values) for name, values in collected.items()}
