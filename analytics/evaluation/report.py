"""The rows of the table: each scorer's figures over all blocks, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from analytics.evaluation.blocks import Block
from analytics.evaluation.bootstrap import Estimate, group_weights
from analytics.evaluation.metrics import alarm_threshold, average_precision, pair_counts
from analytics.evaluation.trial import OURS, RISK

RATES: Final = (0.05, 0.01)
"""Shares of false alarms at which the share detected is told."""


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
        outranking: share of bad sessions that score higher than all but that share of the good ones judged with them:
            a point of the ROC curve.
        beyond_promise: share of good sessions whose score exceeds one minus the rate, for calibrated scores only.
        found_by_promise: share of bad sessions, likewise.
        bad, good: sessions judged, each once, however often.
    """

    dataset: str
    condition: str
    scorer: str
    auroc: Estimate
    average_precision: Estimate
    detected: dict[float, Estimate] = field(default_factory=dict)
    false_alarms: dict[float, Estimate] = field(default_factory=dict)
    outranking: dict[float, Estimate] = field(default_factory=dict)
    beyond_promise: dict[float, Estimate] = field(default_factory=dict)
    found_by_promise: dict[float, Estimate] = field(default_factory=dict)
    bad: int = 0
    good: int = 0


@dataclass(frozen=True)
class Resampled:
    """One scorer's figures in every resample, shape (n_resamples,) each."""

    auroc: np.ndarray
    average_precision: np.ndarray
    detected: dict[float, np.ndarray]
    false_alarms: dict[float, np.ndarray]
    outranking: dict[float, np.ndarray]
    beyond_promise: dict[float, np.ndarray]
    found_by_promise: dict[float, np.ndarray]


def report_rows(dataset: str, condition: str, blocks: Sequence[Block], seed: int = 0) -> list[ReportRow]:
    """One row a scorer, in the order the scorers appear in the blocks."""
    weights = group_weights(group_count(blocks), seed)
    return [
        report_row(dataset, condition, scorer, resample(blocks, scorer, weights), judged(blocks))
        for scorer in scorers(blocks)
    ]


def rows_by_part(dataset: str, blocks: Sequence[Block], seed: int = 0) -> list[ReportRow]:
    """One row for each part of the blocks and scorer, and ``mean`` rows that average the parts with any bad session.

    Every part weighs the same in the mean, however many sessions it has.
    """
    weights = group_weights(group_count(blocks), seed)
    parts = {part: [block for block in blocks if block.part == part] for part in dict.fromkeys(b.part for b in blocks)}
    rows = []
    for scorer in scorers(blocks):
        figures = {part: resample(own, scorer, weights) for part, own in parts.items()}
        rows += [report_row(dataset, part, scorer, figures[part], judged(own)) for part, own in parts.items()]
        for ending in ("", " mild", " strong"):
            chosen = [figures[part] for part, own in parts.items() if part.endswith(ending) and judged(own)[0]]
            if chosen:
                rows.append(report_row(dataset, f"mean{ending}", scorer, mean_of(chosen), judged(blocks)))
    return rows


def mean_of(figures: Sequence[Resampled]) -> Resampled:
    """Figures averaged, resample by resample."""
    return Resampled(
        np.mean([one.auroc for one in figures], axis=0),
        np.mean([one.average_precision for one in figures], axis=0),
        {rate: np.mean([one.detected[rate] for one in figures], axis=0) for rate in RATES},
        {rate: np.mean([one.false_alarms[rate] for one in figures], axis=0) for rate in RATES},
        {rate: np.mean([one.outranking[rate] for one in figures], axis=0) for rate in RATES},
        {rate: np.mean([one.beyond_promise[rate] for one in figures], axis=0) for rate in figures[0].beyond_promise},
        {
            rate: np.mean([one.found_by_promise[rate] for one in figures], axis=0)
            for rate in figures[0].found_by_promise
        },
    )


def judged(blocks: Sequence[Block]) -> tuple[int, int]:
    """How many bad and how many good sessions the blocks hold, each counted once."""
    bad = np.unique(np.concatenate([block.numbers[block.is_bad] for block in blocks]))
    good = np.unique(np.concatenate([block.numbers[~block.is_bad] for block in blocks]))
    return len(bad), len(good)


def scorers(blocks: Sequence[Block]) -> list[str]:
    """What the blocks have scores of."""
    return list(dict.fromkeys(name for block in blocks for name in block.scores))


def report_row(dataset: str, condition: str, scorer: str, figures: Resampled, sessions: tuple[int, int]) -> ReportRow:
    """A row from resampled figures; ``sessions`` is how many bad and good ones were judged."""
    return ReportRow(
        dataset,
        condition,
        scorer,
        Estimate.of(figures.auroc),
        Estimate.of(figures.average_precision),
        {rate: Estimate.of(values) for rate, values in figures.detected.items()},
        {rate: Estimate.of(values) for rate, values in figures.false_alarms.items()},
        {rate: Estimate.of(values) for rate, values in figures.outranking.items()},
        {rate: Estimate.of(values) for rate, values in figures.beyond_promise.items()},
        {rate: Estimate.of(values) for rate, values in figures.found_by_promise.items()},
        *sessions,
    )


def group_count(blocks: Sequence[Block]) -> int:
    """Groups of all sessions judged."""
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
    is_promise = scorer.startswith(OURS) and scorer != RISK
    return Resampled(
        _ratio(((weights @ concordant) * weights).sum(axis=1), ((weights @ pairs) * weights).sum(axis=1)),
        _mean_precision(blocks, scorer, weights),
        {rate: _alarmed(blocks, scorer, weights, rate, among_bad=True) for rate in RATES},
        {rate: _alarmed(blocks, scorer, weights, rate, among_bad=False) for rate in RATES},
        {rate: _outranking(blocks, scorer, weights, rate) for rate in RATES},
        {rate: _beyond(blocks, scorer, weights, 1.0 - rate) for rate in RATES} if is_promise else {},
        {rate: _beyond(blocks, scorer, weights, 1.0 - rate, among_bad=True) for rate in RATES} if is_promise else {},
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


def _alarmed(blocks: Sequence[Block], scorer: str, weights: np.ndarray, rate: float, *, among_bad: bool) -> np.ndarray:
    """Share of the bad (or good) sessions above the threshold of their block."""
    alarms, ground = np.zeros(weights.shape[1]), np.zeros(weights.shape[1])
    for block in blocks:
        if len(block.threshold_scores[scorer]):
            chosen = block.is_bad == among_bad
            above = block.scores[scorer][chosen] > alarm_threshold(block.threshold_scores[scorer], rate)
            alarms += np.bincount(block.groups[chosen], weights=above, minlength=len(alarms))
            ground += np.bincount(block.groups[chosen], minlength=len(ground))
    return _ratio(weights @ alarms, weights @ ground)


def _outranking(blocks: Sequence[Block], scorer: str, weights: np.ndarray, rate: float) -> np.ndarray:
    """Share of the bad sessions above the score that ``rate`` of the good ones of their pool and part exceed."""
    alarms, ground = np.zeros(weights.shape[1]), np.zeros(weights.shape[1])
    for pool in dict.fromkeys((block.pool, block.part) for block in blocks):
        own = [block for block in blocks if (block.pool, block.part) == pool]
        scores = np.concatenate([block.scores[scorer] for block in own])
        is_bad, groups = (np.concatenate([getattr(block, name) for block in own]) for name in ("is_bad", "groups"))
        if not is_bad.all():
            above = scores[is_bad] > np.quantile(scores[~is_bad], 1.0 - rate)
            alarms += np.bincount(groups[is_bad], weights=above, minlength=len(alarms))
            ground += np.bincount(groups[is_bad], minlength=len(ground))
    return _ratio(weights @ alarms, weights @ ground)


def _beyond(
    blocks: Sequence[Block], scorer: str, weights: np.ndarray, score: float, *, among_bad: bool = False
) -> np.ndarray:
    """Share of the good (or bad) sessions whose score is above a fixed one."""
    alarms, ground = np.zeros(weights.shape[1]), np.zeros(weights.shape[1])
    for block in blocks:
        chosen = block.is_bad == among_bad
        above = block.scores[scorer][chosen] > score
        alarms += np.bincount(block.groups[chosen], weights=above, minlength=len(alarms))
        ground += np.bincount(block.groups[chosen], minlength=len(ground))
    return _ratio(weights @ alarms, weights @ ground)


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.asarray(np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0))


def share_above(blocks: Sequence[Block], scorer: str, score: float, seed: int = 0) -> Estimate:
    """Share of the good sessions whose score is at least ``score``."""
    just_below = float(np.nextafter(score, -np.inf))
    return Estimate.of(_beyond(blocks, scorer, group_weights(group_count(blocks), seed), just_below))


def means_over_sets(rows: Sequence[ReportRow]) -> list[ReportRow]:
    """Mean rows over all sets, and over those whose names differ in a last number only (``faults-1``, ``faults-2``).

    Conditions and scorers that not all of these sets have are left out, and so are means over one set.
    """
    families: dict[str, list[ReportRow]] = {}
    for row in rows:
        families.setdefault(row.dataset.rstrip("0123456789"), []).append(row)
    result: list[ReportRow] = []
    for family, own in families.items():
        result += _means(f"mean of {family}*", own)
    return result + (_means("mean of all sets", rows) if len(families) > 1 else [])


def _means(name: str, rows: Sequence[ReportRow]) -> list[ReportRow]:
    sets = len({row.dataset for row in rows})
    alike: dict[tuple[str, str], list[ReportRow]] = {}
    for row in rows:
        alike.setdefault((row.condition, row.scorer), []).append(row)
    return [_mean_row(name, own) for own in alike.values() if len(own) == sets > 1]


def _mean_row(name: str, rows: Sequence[ReportRow]) -> ReportRow:
    return ReportRow(
        name,
        rows[0].condition,
        rows[0].scorer,
        Estimate.mean([row.auroc for row in rows]),
        Estimate.mean([row.average_precision for row in rows]),
        {rate: Estimate.mean([row.detected[rate] for row in rows]) for rate in RATES},
        {rate: Estimate.mean([row.false_alarms[rate] for row in rows]) for rate in RATES},
        {rate: Estimate.mean([row.outranking[rate] for row in rows]) for rate in RATES},
        {rate: Estimate.mean([row.beyond_promise[rate] for row in rows]) for rate in rows[0].beyond_promise},
        {rate: Estimate.mean([row.found_by_promise[rate] for row in rows]) for rate in rows[0].found_by_promise},
        sum(row.bad for row in rows),
        sum(row.good for row in rows),
    )
