"""How soon an alarm comes: events from the first bad one to the first look at which the session is above the line.

The line is the same throughout a session and promises false alarms per session, not per look: it is the score that at
most ``SESSION_RATE`` of unseen good sessions exceed at any look. Alarms latch, so a session has one alarm at most, and
one that came before the onset came by chance and finds nothing later on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from analytics.evaluation.bootstrap import Estimate, group_weights
from analytics.evaluation.metrics import alarm_threshold

SESSION_RATE: Final = 0.05
"""Promised share of good sessions that are alarmed at any look."""
WITHIN: Final = (5, 10, 20, 50)
"""Events past the onset by which the share alarmed is told."""
QUARTILES: Final = (0.25, 0.5, 0.75)


@dataclass(frozen=True)
class AlarmBlock:
    """Sessions watched by one fit.

    Attributes:
        numbers: the sessions.
        is_bad: their truth.
        groups: their groups.
        delays: by scorer, events past the onset at the alarm, shape (n_sessions,): 0 is the first bad event itself,
            less is before it, NaN is no alarm. Of a good session only whether there was an alarm means anything.
        part: which part of the report it belongs to, such as a kind of misbehaviour.
    """

    numbers: np.ndarray
    is_bad: np.ndarray
    groups: np.ndarray
    delays: Mapping[str, np.ndarray]
    part: str = ""


def session_threshold(latched: np.ndarray) -> float:
    """The line that at most ``SESSION_RATE`` of good sessions are above at any look.

    Args:
        latched: their highest scores so far, shape (n_sessions, n_looks), n_sessions at least 1.
    """
    return alarm_threshold(latched[:, -1], SESSION_RATE)


def first_alarms(latched: np.ndarray, past: np.ndarray, threshold: float) -> np.ndarray:
    """Events past the onset at the first look above the threshold, shape (n_sessions,), NaN where there is none.

    Args:
        latched: highest score so far at each look, shape (n_sessions, n_looks).
        past: events past the onset at each look, likewise.
        threshold: the line.
    """
    is_above = latched > threshold
    first = past[np.arange(len(past)), is_above.argmax(axis=1)]
    return np.where(is_above[:, -1], first, np.nan)


@dataclass(frozen=True)
class DelayRow:
    """How soon one scorer alarms.

    Attributes:
        dataset: the set.
        condition: what was fitted on, and what delays are counted from.
        scorer: what is measured.
        alarmed: share of bad sessions alarmed by their end.
        before_onset: share of bad sessions alarmed before anything bad happened; NaN where nobody knows when it did.
        within: share of bad sessions alarmed at the onset or at most so many events past it.
        delay: quartiles of the events from the onset to the alarm, among those alarmed at the onset or past it.
        false_alarms: share of good sessions alarmed at any look.
        bad, good: sessions judged, each once, however often.
    """

    dataset: str
    condition: str
    scorer: str
    alarmed: Estimate
    before_onset: Estimate
    within: dict[int, Estimate]
    delay: dict[float, Estimate]
    false_alarms: Estimate
    bad: int
    good: int


@dataclass(frozen=True)
class _Delays:
    """The alarms of some sessions of one kind: delays and groups, shape (n,) each."""

    delays: np.ndarray
    groups: np.ndarray

    @classmethod
    def of(cls, blocks: Sequence[AlarmBlock], scorer: str, *, is_bad: bool) -> _Delays:
        chosen = [block.is_bad == is_bad for block in blocks]
        return cls(
            np.concatenate([block.delays[scorer][own] for block, own in zip(blocks, chosen, strict=True)]),
            np.concatenate([block.groups[own] for block, own in zip(blocks, chosen, strict=True)]),
        )

    def share(self, mask: np.ndarray, weights: np.ndarray) -> Estimate:
        """Share of the sessions that are masked; NaN where there are none."""
        part = np.bincount(self.groups, weights=mask, minlength=weights.shape[1])
        whole = np.bincount(self.groups, minlength=weights.shape[1])
        counted = weights @ whole
        shares = np.divide(weights @ part, counted, out=np.full(len(weights), np.nan), where=counted > 0)
        return Estimate.of(shares)

    def quartile(self, share: float, weights: np.ndarray) -> Estimate:
        """The least delay that ``share`` of those alarmed at the onset or past it do not exceed."""
        late = np.flatnonzero(self.delays >= 0)
        if not len(late):
            return Estimate.of(np.full(len(weights), np.nan))
        late = late[np.argsort(self.delays[late], kind="stable")]
        reached = np.cumsum(weights[:, self.groups[late]], axis=1)
        wanted = share * reached[:, -1:]
        found = self.delays[late][(reached >= wanted).argmax(axis=1)]
        return Estimate.of(np.where(reached[:, -1] > 0, found, np.nan))


def delay_rows(dataset: str, condition: str, blocks: Sequence[AlarmBlock], seed: int = 0) -> list[DelayRow]:
    """One row a scorer over all blocks, in the order the scorers appear; ``seed`` is the bootstrap's."""
    count = max((int(block.groups.max()) + 1 for block in blocks if len(block.groups)), default=0)
    weights = group_weights(count, seed)
    scorers = dict.fromkeys(name for block in blocks for name in block.delays)
    return [_row((dataset, condition, scorer), blocks, weights) for scorer in scorers]


def delay_rows_by_part(dataset: str, blocks: Sequence[AlarmBlock]) -> list[DelayRow]:
    """Rows for each part of the blocks, then for all of them, all mild and all strong ones, their sessions pooled."""
    rows: list[DelayRow] = []
    for part in dict.fromkeys(block.part for block in blocks):
        rows += delay_rows(dataset, part, [block for block in blocks if block.part == part])
    for ending in ("", " mild", " strong"):
        chosen = [block for block in blocks if block.part.endswith(ending)]
        if chosen:
            rows += delay_rows(dataset, f"all{ending}", chosen)
    return rows


def _row(name: tuple[str, str, str], blocks: Sequence[AlarmBlock], weights: np.ndarray) -> DelayRow:
    bad, good = (_Delays.of(blocks, name[2], is_bad=is_bad) for is_bad in (True, False))
    return DelayRow(
        *name,
        alarmed=bad.share(~np.isnan(bad.delays), weights),
        before_onset=bad.share(bad.delays < 0, weights),
        within={most: bad.share((bad.delays >= 0) & (bad.delays <= most), weights) for most in WITHIN},
        delay={share: bad.quartile(share, weights) for share in QUARTILES},
        false_alarms=good.share(~np.isnan(good.delays), weights),
        bad=_distinct(block.numbers[block.is_bad] for block in blocks),
        good=_distinct(block.numbers[~block.is_bad] for block in blocks),
    )


def without_onset(row: DelayRow) -> DelayRow:
    """The row where delays are counted from the first event, for want of an onset."""
    return replace(row, before_onset=Estimate(float("nan"), float("nan"), float("nan")))


def _distinct(numbers: Iterable[np.ndarray]) -> int:
    return len(np.unique(np.concatenate(list(numbers))))


def mean_delays(rows: Sequence[DelayRow]) -> list[DelayRow]:
    """Mean rows over sets whose names differ in a last number only (``faults-1``, ``faults-2``), by condition."""
    alike: dict[tuple[str, str, str], list[DelayRow]] = {}
    for row in rows:
        alike.setdefault((row.dataset.rstrip("0123456789"), row.condition, row.scorer), []).append(row)
    return [_mean(f"mean of {family}*", own) for (family, _, _), own in alike.items() if len(own) > 1]


def _mean(name: str, rows: Sequence[DelayRow]) -> DelayRow:
    return DelayRow(
        name,
        rows[0].condition,
        rows[0].scorer,
        alarmed=Estimate.mean([row.alarmed for row in rows]),
        before_onset=Estimate.mean([row.before_onset for row in rows]),
        within={most: Estimate.mean([row.within[most] for row in rows]) for most in WITHIN},
        delay={share: Estimate.mean([row.delay[share] for row in rows]) for share in QUARTILES},
        false_alarms=Estimate.mean([row.false_alarms for row in rows]),
        bad=sum(row.bad for row in rows),
        good=sum(row.good for row in rows),
    )
