"""What is ordinary: each feature's typical value and spread at a session's age, per user and agent.

A running session is judged against what sessions looked like *at the same age*, or long would mean strange. Location
and scale come from rows taken at fixed ages (``CHECKPOINTS``) and are interpolated between them on the logarithm of
the age. On top, each scope (agent, then user with agent) shifts the location as far as its history carries it:
shrinkage, ``n / (n + SHRINKAGE)``, not a switch, so a thin scope falls back on the wider one.

Medians and quantiles bear a few per cent of strange sessions in the history without moving.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from analytics.feature_rows import FeatureRows
from analytics.features import FEATURES
from analytics.sessions import CHECKPOINTS

Scope = tuple[str, ...]
Who = tuple[str | None, str | None]
"""Agent and user of a session."""

SHRINKAGE: Final = 20.0
"""Sessions after which a scope's own history weighs as much as the wider one's."""
EXPECTED_SHARE: Final = 0.9
"""Share of ordinary sessions inside the expected range: 5 % lie below, 5 % above."""
LEAST_ROWS: Final = 10
"""Rows below which an age has no statistics of its own and borrows those of the next lower age."""
BEND: Final = 6.0
"""Robust standard deviations beyond which a deviation grows as a logarithm only, so one feature cannot speak alone."""
_BLOCK: Final = 4_000
"""Rows standardised at once: a hundred thousand would need ten times their memory on the way."""


@dataclass(frozen=True)
class Baseline:
    """Typical values by age and scope.

    Attributes:
        log_ages: base-2 logarithms of the ages with statistics, shape (n_ages,).
        location, scale: medians and robust standard deviations in model space, shape (n_ages, n_features).
        low, high: quantiles of the standardised values that bound the expected range, shape (n_features,).
        shifts: for each scope what its typical session deviates, in standard deviations, shape (n_features,).
        scope_sizes: training sessions of each scope.
        known: features that any training session has, shape (n_features,), bool.
    """

    log_ages: np.ndarray
    location: np.ndarray
    scale: np.ndarray
    low: np.ndarray
    high: np.ndarray
    shifts: dict[Scope, np.ndarray]
    scope_sizes: dict[Scope, int]
    known: np.ndarray

    def standardise(self, values: np.ndarray, ages: np.ndarray, who: Sequence[Who]) -> np.ndarray:
        """Deviations from what is typical at that age in that scope, in robust standard deviations.

        Args:
            values: features, shape (n_rows, n_features), NaN unknown.
            ages: events the session had, shape (n_rows,).
            who: agent and user of each row.

        Returns:
            Shape (n_rows, n_features), bent beyond ±BEND; unknown values count as typical, 0.
        """
        result = np.empty(values.shape)
        for first in range(0, len(values), _BLOCK):
            rows = slice(first, first + _BLOCK)
            location, scale = self._at(ages[rows])
            deviations = (to_model_space(values[rows]) - location) / scale - self.shift_of(who[rows])
            result[rows] = bent(np.nan_to_num(deviations, nan=0.0))
        return result

    def expected_range(self, age: int, who: Who) -> tuple[np.ndarray, np.ndarray]:
        """Lowest and highest value expected of each feature, in its own unit, shape (n_features,) each."""
        low, high = self.expected_ranges(np.array([age]), [who])
        return low[0], high[0]

    def expected_ranges(self, ages: np.ndarray, who: Sequence[Who]) -> tuple[np.ndarray, np.ndarray]:
        """The expected range of each row, shape (n_rows, n_features) each."""
        location, scale = self._at(ages)
        shift = self.shift_of(who)
        low, high = (from_model_space(location + scale * (bound + shift)) for bound in (self.low, self.high))
        return low, high

    def history(self, who: Who) -> int:
        """Training sessions of the narrowest scope."""
        return self.scope_sizes.get(scopes_of(who)[-1], 0)

    def shift_of(self, who: Sequence[Who]) -> np.ndarray:
        """The shift of each row's scopes, narrowest known first, shape (n_rows, n_features)."""
        none = np.zeros(len(FEATURES))
        cache: dict[Who, np.ndarray] = {}
        for one in set(who):
            known = [self.shifts[scope] for scope in scopes_of(one) if scope in self.shifts]
            cache[one] = known[-1] if known else none
        return np.stack([cache[one] for one in who]) if who else np.zeros((0, len(FEATURES)))

    def _at(self, ages: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Location and scale interpolated to some ages, shape (n_rows, n_features) each."""
        wanted = np.log2(np.maximum(ages, 1))
        upper = np.clip(np.searchsorted(self.log_ages, wanted), 1, max(len(self.log_ages) - 1, 1))
        if len(self.log_ages) == 1:
            shape = (len(wanted), self.location.shape[1])
            return np.broadcast_to(self.location[0], shape), np.broadcast_to(self.scale[0], shape)
        below, above = self.log_ages[upper - 1], self.log_ages[upper]
        weight = np.clip((wanted - below) / (above - below), 0.0, 1.0)[:, None]
        location, scale = (
            part[upper - 1] * (1 - weight) + part[upper] * weight for part in (self.location, self.scale)
        )
        return location, scale


def bent(deviations: np.ndarray) -> np.ndarray:
    """Deviations that grow as a logarithm beyond ±BEND, in the same order as before."""
    beyond = np.maximum(np.abs(deviations) - BEND, 0.0)
    return np.sign(deviations) * (np.minimum(np.abs(deviations), BEND) + np.log1p(beyond))


def scopes_of(who: Who) -> tuple[Scope, ...]:
    """The scopes a session belongs to, widest first."""
    agent, user = who[0] or "", who[1] or ""
    return ((agent,), (agent, user))


_IS_SKEWED: Final = np.array([feature.is_skewed for feature in FEATURES])
_MOST: Final = np.array([1.0 if feature.unit == "ratio" else np.inf for feature in FEATURES])


def to_model_space(values: np.ndarray) -> np.ndarray:
    """Features as the models see them, shape (n_rows, n_features): see ``Feature.is_skewed``."""
    result = np.array(values, dtype=float)  # the one copy: of many sessions' rows each further one is felt
    np.maximum(result, 0.0, out=result, where=_IS_SKEWED)
    return np.log1p(result, out=result, where=_IS_SKEWED)


def from_model_space(values: np.ndarray) -> np.ndarray:
    """Back from model space to the features' own units, shape kept; ratios and counts stay in their natural bounds."""
    return np.clip(np.where(_IS_SKEWED, np.expm1(values), values), 0.0, _MOST)


def fit_baseline(
    values: np.ndarray | FeatureRows, ages: np.ndarray, is_final: np.ndarray, who: Sequence[Who]
) -> Baseline:
    """Learn what is ordinary.

    Args:
        values: feature rows, shape (n_rows, n_features): one final row a session, and its checkpoint rows.
        ages: events at each row.
        is_final: whether a row is a session's final one; scopes are learned from final rows only.
        who: agent and user of each row.
    """
    nodes = [age for age in CHECKPOINTS if (ages >= age).any()] or [CHECKPOINTS[0]]
    ended = np.asarray(values[is_final])
    overall = _location_and_scale(to_model_space(ended), None)
    pairs = [overall]
    for age in nodes:
        near = (ages > age / 1.5) & (ages < age * 1.5)
        enough = near.sum() >= LEAST_ROWS
        pairs.append(_location_and_scale(to_model_space(np.asarray(values[near])), pairs[-1]) if enough else pairs[-1])
    location = np.stack([pair[0] for pair in pairs[1:]])
    scale = np.stack([pair[1] for pair in pairs[1:]])
    nothing = np.zeros(len(FEATURES))
    rough = Baseline(np.log2(np.array(nodes, dtype=float)), location, scale, nothing, nothing, {}, {}, _known(values))
    people = [who[row] for row in np.flatnonzero(is_final).tolist()]
    deviations = rough.standardise(ended, ages[is_final], [(None, None)] * len(ended))
    shifts, sizes = _scope_shifts(deviations, people)
    scoped = replace(rough, shifts=shifts, scope_sizes=sizes)
    return _with_expected_range(scoped, ended, ages[is_final], people)


def _known(values: np.ndarray | FeatureRows) -> np.ndarray:
    """Features that any row has, shape (n_features,), bool."""
    known = np.zeros(len(FEATURES), dtype=bool)
    for first in range(0, len(values), _BLOCK):
        known |= ~np.isnan(np.asarray(values[first : first + _BLOCK])).all(axis=0)
    return known


def _with_expected_range(baseline: Baseline, values: np.ndarray, ages: np.ndarray, who: list[Who]) -> Baseline:
    """The baseline with the quantiles that bound the expected range."""
    deviations = baseline.standardise(values, ages, who)
    tail = (1 - EXPECTED_SHARE) / 2
    low, high = np.quantile(deviations, [tail, 1 - tail], axis=0)
    return replace(baseline, low=low, high=high)


def _location_and_scale(rows: np.ndarray, wider: tuple[np.ndarray, np.ndarray] | None) -> tuple[np.ndarray, np.ndarray]:
    """Median and robust standard deviation of each column; where a column is unknown, the wider one's.

    The scale is never below the deviation that the feature itself calls worth mentioning: a feature that is the same
    in every training session must not turn a trifle into a sensation.
    """
    location = np.array(FEATURE_FALLBACK if wider is None else wider[0])
    scale = np.ones(len(FEATURES)) if wider is None else wider[1].copy()
    for column, feature in enumerate(FEATURES):
        known = rows[:, column][~np.isnan(rows[:, column])]
        if len(known):
            low, middle, high = np.quantile(known, [0.25, 0.5, 0.75])
            spread = max((high - low) / 1.349, 1.4826 * float(np.median(np.abs(known - middle))))
            natural = np.expm1(middle) if feature.is_skewed else middle
            least = np.log1p(natural + feature.least) - middle if feature.is_skewed else feature.least
            location[column], scale[column] = middle, max(spread, float(least), 1e-6)
    return location, scale


FEATURE_FALLBACK: Final = (0.0,) * len(FEATURES)


def _scope_shifts(deviations: np.ndarray, who: Sequence[Who]) -> tuple[dict[Scope, np.ndarray], dict[Scope, int]]:
    """Each scope's typical deviation, shrunk towards the wider scope's by how little history it has."""
    members: dict[Scope, list[int]] = defaultdict(list)
    for row, one in enumerate(who):
        for scope in scopes_of(one):
            members[scope].append(row)
    shifts: dict[Scope, np.ndarray] = {}
    for scope in sorted(members, key=len):
        rows = members[scope]
        wider = shifts.get(scope[:-1], np.zeros(deviations.shape[1]))
        weight = len(rows) / (len(rows) + SHRINKAGE)
        shifts[scope] = wider + weight * (np.median(deviations[rows], axis=0) - wider)
    return shifts, {scope: len(rows) for scope, rows in members.items()}
