"""How sure a figure is: the bootstrap over groups.

Sessions of one group (runs of one task) resemble each other, so groups are drawn with replacement, not sessions
(A. C. Davison, D. V. Hinkley, "Bootstrap Methods and their Application", 1997, section 3.8).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

RESAMPLES: Final = 1_000
COVERAGE: Final = 0.95


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with the bounds of its 95 % interval; NaN where the sessions do not allow it."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, resampled: np.ndarray) -> Estimate:
        """From the figure of each resample, shape (n_resamples,), the first of which counts everyone once."""
        known = resampled[1:][~np.isnan(resampled[1:])]
        if np.isnan(resampled[0]) or not len(known):
            return cls(float(resampled[0]), float("nan"), float("nan"))
        tail = (1.0 - COVERAGE) / 2.0
        low, high = np.quantile(known, [tail, 1.0 - tail])
        return cls(float(resampled[0]), float(low), float(high))

    @classmethod
    def mean(cls, estimates: Sequence[Estimate]) -> Estimate:
        """The mean of figures of sets that have nothing to do with each other: their errors add up in squares."""
        values, low, high = (np.array([getattr(one, name) for one in estimates]) for name in ("value", "low", "high"))
        below, above = (float(np.sqrt(((bound - values) ** 2).sum())) / len(values) for bound in (low, high))
        middle = float(values.mean())
        return cls(middle, middle - below, middle + above)


def group_weights(group_count: int, seed: int, resamples: int = RESAMPLES) -> np.ndarray:
    """How often each group counts in each resample, shape (resamples + 1, n_groups); row 0 counts each once."""
    if not group_count:
        return np.ones((resamples + 1, 0))
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(group_count, np.full(group_count, 1.0 / group_count), size=resamples)
    return np.concatenate([np.ones((1, group_count)), drawn.astype(float)])
