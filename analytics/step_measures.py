"""What stands out in the steps of sessions: the numbers, and where in each session they come from.

Six numbers a session, higher is stranger: the most surprising stretch of three steps, the stretch of sixteen that is
most out of order, the most novel single size, the channel that is novel throughout, the most novel stretch of three
steps, and the three tool outputs that are most novel. A loop, a foreign tool, known tools used without their usual
order, a failing service, corrupted output and orders hidden in what the agent reads each show in another of them.
Durations count only where they are unusual throughout.

Out of order is a step that surprises more after those before it than alone, by the bits of the difference. A rare
program surprises alone as much and is no disorder, so that healthy sessions, each of which runs one now and then, do
not hide a lasting one.

All sessions of a block are measured in one go, as a grid with a row a session and a column a step. Each row is added up
from its first step on, whatever rows stand beside it, so that a session has the same numbers alone and in company.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

import numpy as np

from analytics.traces import CHANNELS, DURATION, OUTPUT

MEASURES: Final = ("sequence", "disorder", "step", "channel", "stretch", "intake")
"""Columns: surprise and disorder of the worst stretches, novelty of the worst size, channel, stretch and intake."""
ORDER_MEASURES: Final = MEASURES[:2]
SEQUENCE, DISORDER = ORDER_MEASURES
SIZE_MEASURES: Final = MEASURES[2:]
STRETCH: Final = 3
LASTING: Final = 16
"""Steps over which disorder is averaged: one odd step is found by the short stretch, so this one looks for many."""


@dataclass(frozen=True)
class StepMeasures:
    """What stands out in some sessions, one row each.

    Attributes:
        values: columns as in ``MEASURES``, shape (n, n_measures). Disorder is NaN, nothing to look at, in a session
            that is shorter than the stretch it would have to last.
        oddest: first step of the most surprising stretch, shape (n,).
        disordered: first step of the stretch that is most out of order, shape (n,).
        disorder: how far each step of that stretch is out of order, 0 beyond its end, shape (n, LASTING).
        largest: the most novel step of each channel, shape (n, n_channels).
        novelty: of that step, 0 for durations, shape (n, n_channels).
        throughout: the channel that is novel throughout, shape (n,).
        stretch: the channels' shares in the most novel stretch, shape (n, n_channels).
    """

    values: np.ndarray
    oddest: np.ndarray
    disordered: np.ndarray
    disorder: np.ndarray
    largest: np.ndarray
    novelty: np.ndarray
    throughout: np.ndarray
    stretch: np.ndarray

    @classmethod
    def nothing(cls, count: int) -> StepMeasures:
        """Of sessions in which there is nothing to look at."""
        numbers, channels = np.zeros(count, dtype=np.int64), np.zeros((count, len(CHANNELS)))
        return cls(
            values=np.zeros((count, len(MEASURES))),
            oddest=numbers,
            disordered=numbers.copy(),
            disorder=np.zeros((count, LASTING)),
            largest=channels.astype(np.int64),
            novelty=channels,
            throughout=numbers.copy(),
            stretch=channels.copy(),
        )

    def put(self, rows: list[int], found: StepMeasures) -> None:
        """Set what was found in some of the sessions."""
        for field in fields(self):
            getattr(self, field.name)[rows] = getattr(found, field.name)

    def shares(self, measure: str) -> np.ndarray:
        """Of one of ``SIZE_MEASURES`` the channels' shares, shape (n, n_channels), adding up to 1 at most."""
        if measure == "stretch":
            return self.stretch
        loudest = {"step": self.novelty.argmax(axis=1), "channel": self.throughout, "intake": OUTPUT}[measure]
        return np.broadcast_to(np.eye(len(CHANNELS))[loudest], self.stretch.shape)


@dataclass(frozen=True)
class StepEvents:
    """What the models say of the steps of some sessions, one session after the other.

    Attributes:
        alone: bits of surprise of the step alone, shape (n_steps,).
        surprise: the same after the steps before it, shape (n_steps,).
        novelty: of each size, shape (n_steps, n_channels).
        is_tool: whether the step is a tool use, shape (n_steps,).
    """

    alone: np.ndarray
    surprise: np.ndarray
    novelty: np.ndarray
    is_tool: np.ndarray

    def measured(self, begin: np.ndarray, length: np.ndarray) -> StepMeasures:
        """Measure the sessions whose steps begin there and are so many, at least one, shape (n,) each."""
        columns = np.arange(int(length.max()))
        is_step = columns < length[:, None]
        at = np.where(is_step, begin[:, None] + columns, 0)
        surprise = np.where(is_step, self.surprise.take(at), 0.0)
        # The bits that a step loses by those before it; none where they make it likelier.
        disorder = np.where(is_step, np.maximum(self.surprise - self.alone, 0.0).take(at), 0.0)
        # Channel by channel, with steps side by side in memory.
        novelty = np.where(is_step, np.ascontiguousarray(self.novelty.T).take(at, axis=1), 0.0)
        usual = novelty.cumsum(axis=2)[:, :, -1] / length
        novelty[DURATION] = 0.0  # a single long one may be a person's waiting, not the agent's doing
        outputs = np.where(self.is_tool.take(at), novelty[OUTPUT], 0.0)
        oddest, sequence = _worst_stretch(surprise, length, STRETCH)
        disordered, lasting = _worst_stretch(disorder, length, LASTING)
        largest = novelty.argmax(axis=2)
        most = novelty.max(axis=2).T
        worst, stretch = _worst_stretch(novelty.sum(axis=0), length, STRETCH)
        lasting[length < LASTING] = np.nan
        return StepMeasures(
            values=np.stack([sequence, lasting, most.max(axis=1), usual.max(axis=0), stretch, _top(outputs)], axis=1),
            oddest=oddest,
            disordered=disordered,
            disorder=_part(disorder[None], disordered, LASTING)[0],
            largest=largest.T,
            novelty=most,
            throughout=usual.argmax(axis=0),
            stretch=_shares(_part(novelty, worst, STRETCH)),
        )


def _worst_stretch(values: np.ndarray, length: np.ndarray, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Where the greatest mean over so many neighbouring steps begins, and that mean, shape (n,) each.

    A session that is no longer than that has its plain mean. Values beyond a session's end are 0.
    """
    begin = np.zeros(len(values), dtype=np.int64)
    mean = values[:, :steps].sum(axis=1) / np.minimum(length, steps)
    is_longer = length > steps
    if is_longer.any():
        sums = np.zeros((len(values), values.shape[1] + 1))
        np.cumsum(values, axis=1, out=sums[:, 1:])
        stretches = sums[:, steps:] - sums[:, :-steps]
        stretches[np.arange(stretches.shape[1]) > (length - steps)[:, None]] = -np.inf
        begin[is_longer] = stretches[is_longer].argmax(axis=1)
        mean[is_longer] = stretches[is_longer].max(axis=1) / steps
    return begin, mean


def _part(grids: np.ndarray, begin: np.ndarray, steps: int) -> np.ndarray:
    """So many steps of each row, shape (n_grids, n, steps), from where they begin; 0 beyond the grid."""
    at = begin[:, None] + np.arange(steps)
    inside = np.minimum(at, grids.shape[2] - 1)
    return np.where(at < grids.shape[2], grids[:, np.arange(len(begin))[:, None], inside], 0.0)


def _shares(stretch: np.ndarray) -> np.ndarray:
    """The channels' shares in a stretch of shape (n_channels, n, steps), shape (n, n_channels)."""
    whole = np.ascontiguousarray(stretch.transpose(1, 2, 0)).reshape(stretch.shape[1], -1).sum(axis=1)
    return np.asarray((stretch.sum(axis=2) / np.maximum(whole, 1e-12)).T)


def _top(values: np.ndarray) -> np.ndarray:
    """The sum of the ``STRETCH`` greatest values, 0 and up, of each row."""
    if values.shape[1] > STRETCH:
        values = np.partition(values, values.shape[1] - STRETCH, axis=1)[:, -STRETCH:]
    return np.asarray(np.sort(values, axis=1).sum(axis=1))
