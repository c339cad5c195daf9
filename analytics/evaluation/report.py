"""The rows of the table: each scorer's figures over all blocks, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from analytics.evaluation.blocks import Block
from analytics.evaluation.bootstrap import Estimate, group_weights
from analytics.evaluation.metrics import alarm_threshold, average_precision, pair_counts

RATES: Final = (0.05, 0.01)
"""Shares of false alarms at which the share detected is told."""
CALIBRATED: Final = "sigyn "
"""How the names of scorers begin that promise a rate of false alarms; ``sigyn risk`` alone does not."""


@dataclass(frozen=True, slots=True)
class ReportRow:
    """How good one scorer is on one set under one condition.

    Attributes:
        dataset: the set.
        condition: how sessions were fitted and cut.
        scorer: what is measured.
        auroc: share of pairs of a bad and a good session in the right order.
        average_precision: mean precision over the steps of recall.
        detected: share of bad sessions above the threshold, by promised share of false alarms.
        false_alarms: share of good sessions above it, likewise.
        beyond_promise: share of good sessions whose score exceeds one minus the rate, for calibrated scores only.
        bad, good: sessions judged, each once, however often.
    """

    dataset: str
    condition: str
    scorer: str
    auroc: Estimate
    average_precision: Estimate
    detected: dict[float, Estimate] = field(default_factory=dict)
    false_alarms: dict[float, Estimate] = field(default_factory=dict)
    beyond_promise: dict[float, Estimate] = field(default_factory=dict)
    bad: int = 0
    good: int = 0


@dataclass(frozen=True)
class Resampled:
    """One scorer's figures in every resample, shape (n_resamples,) each."""

    auroc: np.ndarray
    average_precision: np.ndarray
    detected: dict[float, np.ndarray]
    false_alarms: dict[float, np.ndarray]
    beyond_promise: dict[float, np.ndarray]


def report_rows(dataset: str, condition: str, blocks: Sequence[Block], seed: int = 0) -> list[ReportRow]:
    """One row a scorer, in the order the scorers appear in the blocks."""
    weights = group_weights(_group_count(blocks), seed)
    numbers = np.unique(np.concatenate([block.numbers[block.is_bad] for block in blocks]))
    good = np.unique(np.concatenate([block.numbers[~block.is_bad] for block in blocks]))
    scorers = dict.fromkeys(name for block in blocks for name in block.scores)
    return [
        report_row(dataset, condition, scorer, resample(blocks, scorer, weights), (len(numbers), len(good)))
        for scorer in scorers
    ]


def report_row(
    dataset: str, condition: str, scorer: str, figures: Resampled, judged: tuple[int, int]
) -> ReportRow:
    """A row from resampled figures; ``judged`` is how many bad and good sessions."""
    return ReportRow(
        dataset,
        condition,
        scorer,
        Estimate.of(figures.auroc),
        Estimate.of(figures.average_precision),
        {rate: Estimate.of(values) for rate, values in figures.detected.items()},
        {rate: Estimate.of(values) for rate, values in figures.false_alarms.items()},
        {rate: Estimate.of(values) for rate, values in figures.beyond_promise.items()},
        *judged,
    )


def _group_count(blocks: Sequence[Block]) -> int:
    return max((int(block.groups.max()) + 1 for block in blocks if len(block.groups)), default=0)


def resample(blocks: Sequence[Block], scorer: str, weights: np.ndarray) -> Resampled:
    """A scorer's figures in every resample of the groups.

    Pairs are counted within blocks and added up, and so are alarms; precision is averaged over blocks by their bad
    sessions.

    Args:
        blocks: judged sessions.
        scorer: what is measured.
        weights: how often each group counts, shape (n_resamples, n_groups).
    """
    count = weights.shape[1]
    concordant, pairs = np.zeros((count, count)), np.zeros((count, count))
    for block in blocks:
        won, all_pairs = pair_counts(block.is_bad, block.scores[scorer], block.groups, count)
        concordant += won
        pairs += all_pairs
    is_promise = scorer.startswith(CALIBRATED) and scorer != "sigyn risk"
    return Resampled(
        _ratio(((weights @ concordant) * weights).sum(axis=1), ((weights @ pairs) * weights).sum(axis=1)),
        _mean_precision(blocks, scorer, weights),
        {rate: _alarmed(blocks, scorer, weights, rate, among_bad=True) for rate in RATES},
        {rate: _alarmed(blocks, scorer, weights, rate, among_bad=False) for rate in RATES},
        {rate: _beyond(blocks, scorer, weights, 1.0 - rate) for rate in RATES} if is_promise else {},
    )


def _mean_precision(blocks: Sequence[Block], scorer: str, weights: np.ndarray) -> np.ndarray:
    total, ground = np.zeros(len(weights)), np.zeros(len(weights))
    for block in blocks:
        if block.is_bad.any():
            own = weights[:, block.groups]
            bad = own[:, block.is_bad].sum(axis=1)
            precision = average_precision(block.is_bad, block.scores[scorer], own)
            total += np.where(bad > 0, np.nan_to_num(precision) * bad, 0.0)
            ground += bad
    return _ratio(total, ground)


def _alarmed(
    blocks: Sequence[Block], scorer: str, weights: np.ndarray, rate: float, *, among_bad: bool
) -> np.ndarray:
    """Share of the bad (or good) sessions above the threshold of their block."""
    alarms, ground = np.zeros(weights.shape[1]), np.zeros(weights.shape[1])
    for block in blocks:
        if len(block.threshold_scores[scorer]):
            chosen = block.is_bad == among_bad
            above = block.scores[scorer][chosen] > alarm_threshold(block.threshold_scores[scorer], rate)
            alarms += np.bincount(block.groups[chosen], weights=above, minlength=len(alarms))
            ground += np.bincount(block.groups[chosen], minlength=len(ground))
    return _ratio(weights @ alarms, weights @ ground)


def _beyond(blocks: Sequence[Block], scorer: str, weights: np.ndarray, score: float) -> np.ndarray:
    """Share of the good sessions whose score is above a fixed one."""
    alarms, ground = np.zeros(weights.shape[1]), np.zeros(weights.shape[1])
    for block in blocks:
        good = ~block.is_bad
        alarms += np.bincount(block.groups[good], weights=block.scores[scorer][good] > score, minlength=len(alarms))
        ground += np.bincount(block.groups[good], minlength=len(ground))
    return _ratio(weights @ alarms, weights @ ground)


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)
