"""How often a planted cause is named: the row of one cause, and which sessions it may be counted in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from analytics.evaluation.planted_causes import Cause
from analytics.verdicts import Reason

ORDINARY: Final = 0.9
"""Anomaly up to which a session is ordinary: nine in ten are."""


@dataclass(frozen=True, slots=True)
class CauseRow:
    """How often a cause is named.

    Attributes:
        cases: sessions that were ordinary before (anomaly below ``ORDINARY``) and in which the cause is no habit.
        habitual: sessions left out because as much of it is usual for their user, or was in them before.
        first: of the cases, the share whose first reason names the cause.
        strange: of the cases, those that are strange with the cause in them (anomaly of ``ORDINARY`` or more).
        first_of_strange: of those, the share whose first reason names the cause.
        listed: of the cases, the share of which any of the listed reasons does.
        instead: what the first reason was where it did not name it, most often first, with its count.
    """

    cause: str
    cases: int
    habitual: int
    first: float
    strange: int
    first_of_strange: float
    listed: float
    instead: tuple[tuple[str, int], ...]


def count_named(cause: Cause, told: Sequence[tuple[float, Sequence[Reason]]], habitual: int) -> CauseRow:
    """The row of one cause from the anomaly and the reasons of each case."""
    first = np.array([bool(own) and cause.is_named_by(own[0]) for _, own in told], dtype=bool)
    is_strange = np.array([anomaly >= ORDINARY for anomaly, _ in told], dtype=bool)
    instead = Counter(
        own[0].feature if own else "no reason" for (_, own), is_named in zip(told, first, strict=True) if not is_named
    )
    return CauseRow(
        cause=cause.name,
        cases=len(told),
        habitual=habitual,
        first=_share(first),
        strange=int(is_strange.sum()),
        first_of_strange=_share(first[is_strange]),
        listed=_share(np.array([any(map(cause.is_named_by, own)) for _, own in told], dtype=bool)),
        instead=tuple(instead.most_common(3)),
    )


def _share(mask: np.ndarray) -> float:
    return float(mask.mean()) if len(mask) else float("nan")


def is_unusual(values: np.ndarray, before: np.ndarray, own: np.ndarray) -> bool:
    """Whether the cause raised any of some values above what 95 % of the user's own sessions reach.

    Args:
        values: of the session with the cause, shape (n_features,), NaN unknown.
        before: of the same session without it.
        own: of the user's sessions that were fitted on, shape (n_sessions, n_features); without any, all is unusual.
    """
    raised = values > np.nan_to_num(before, nan=-np.inf)
    if not len(own):
        return bool(raised.any())
    known = ~np.isnan(own).all(axis=0)
    usual = np.full(own.shape[1], np.inf)
    usual[known] = np.nanquantile(own[:, known], 0.95, axis=0)
    return bool((raised & (values > usual)).any())
