"""What is known of sessions: good or bad, from where on, which belong together, what they may be compared with."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

LEAST_GOOD: Final = 30
"""Good sessions below which a key cannot be fitted and judged on its own and is pooled with its neighbours."""


@dataclass(frozen=True)
class Truth:
    """The truth about sessions, one entry a session in every field.

    Attributes:
        session_ids: names.
        is_bad: shape (n_sessions,), bool.
        groups: what a session belongs to (the runs of one task), shape (n_sessions,), codes from 0.
        onset_sequence: ``sequence`` of the first bad event, shape (n_sessions,), NaN unknown.
        keys: what sessions must share to be compared, such as ``("gpt-4o", "agentdojo")``.
    """

    session_ids: tuple[str, ...]
    is_bad: np.ndarray
    groups: np.ndarray
    onset_sequence: np.ndarray
    keys: tuple[tuple[str, ...], ...]

    def __len__(self) -> int:
        return len(self.session_ids)

    @property
    def group_count(self) -> int:
        """How many groups there are."""
        return int(self.groups.max()) + 1 if len(self) else 0


@dataclass(frozen=True)
class Stratum:
    """Sessions that are fitted and judged together: their common key, and their numbers."""

    name: str
    numbers: np.ndarray


def strata_of(truth: Truth, chosen: np.ndarray, least_good: int = LEAST_GOOD) -> list[Stratum]:
    """Sessions by key; keys with too little history are pooled with those that share all but the last part of it.

    What is too little even then is pooled more widely still, in the end with all that is left over; where that is
    too little as well it is in no stratum.

    Args:
        truth: of all sessions.
        chosen: mask of the sessions that take part, shape (n_sessions,).
        least_good: good sessions a key needs to stand alone.
    """
    left = np.flatnonzero(chosen)
    parts = len(truth.keys[0]) if len(truth) else 0
    strata: list[Stratum] = []
    for kept in range(parts, -1, -1):
        members: dict[tuple[str, ...], list[int]] = defaultdict(list)
        for number in left:
            members[truth.keys[number][:kept]].append(int(number))
        left = np.array([], dtype=np.int64)
        for key in sorted(members):
            numbers = np.array(members[key])
            if (~truth.is_bad[numbers]).sum() >= least_good:
                strata.append(Stratum(_name(key, truth, numbers), numbers))
            else:
                left = np.concatenate([left, numbers])
    return strata


def _name(key: tuple[str, ...], truth: Truth, numbers: np.ndarray) -> str:
    """The key, and how many longer keys are pooled under it."""
    longer = {truth.keys[number] for number in numbers}
    if len(longer) == 1:
        return " / ".join(next(iter(longer))) or "all"
    return " / ".join((*key, f"{len(longer)} pooled"))


def codes_of(names: Sequence[str]) -> np.ndarray:
    """Names as numbers from 0, in order of first appearance."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(name, len(numbers)) for name in names], dtype=np.int64)
