"""Why a session is strange, in features, numbers and words.

A feature's share of the anomaly follows its squared deviation from what is typical, as in a distance of independent
standardised features; shares are of the whole, so those of the listed reasons add up to the anomaly at most.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from analytics.baseline import Baseline, Who
from analytics.features import FEATURES
from analytics.features.feature import Feature
from analytics.verdicts import Reason

MOST_REASONS: Final = 5
_HARMLESS_SIGN: Final = np.array([{"high": -1.0, "low": 1.0, "both": 0.0}[feature.risky] for feature in FEATURES])


def direct(deviations: np.ndarray) -> np.ndarray:
    """Deviations with those in a harmless direction halved: fewer errors than usual is strange, but not risky.

    Args:
        deviations: robust standard deviations, shape (n_rows, n_features).
    """
    return np.where(deviations * _HARMLESS_SIGN > 0, deviations / 2.0, deviations)


def explain(values: np.ndarray, age: int, who: Who, anomaly: float, baseline: Baseline) -> tuple[Reason, ...]:
    """The main reasons of one session's anomaly, weightiest first.

    Args:
        values: its features, shape (n_features,), NaN unknown.
        age: its events.
        who: its agent and user.
        anomaly: its calibrated score.
        baseline: what is ordinary.
    """
    deviations = direct(baseline.standardise(values[None, :], np.array([age]), [who]))[0]
    weights = deviations**2
    low, high = baseline.expected_range(age, who)
    least = np.array([feature.least for feature in FEATURES])
    beyond = np.maximum(values - high, low - values)
    worth = np.flatnonzero((beyond >= least) & (deviations * _HARMLESS_SIGN <= 0) & ~np.isnan(values))
    total = max(float(weights.sum()), 1e-12)
    order = worth[np.argsort(-weights[worth], kind="stable")][:MOST_REASONS]
    return tuple(
        _reason(
            FEATURES[k],
            float(values[k]),
            (float(low[k]), float(high[k])),
            anomaly * float(weights[k]) / total,
        )
        for k in order
    )


def _reason(feature: Feature, value: float, expected: tuple[float, float], contribution: float) -> Reason:
    low, high = expected
    bound = f"at most {measured(high, feature)}" if value > high else f"at least {measured(low, feature)}"
    text = f"{feature.help.rstrip('.')}: {measured(value, feature)} (expected {bound})"
    return Reason(feature.name, value, low, high, contribution, text)


def measured(value: float, feature: Feature) -> str:
    """A feature's value with its unit; ratios as percentages, which read better than decimals."""
    return f"{value:.0%}" if feature.unit == "ratio" else f"{number(value)} {feature.unit}"


def number(value: float) -> str:
    """A number as a person writes it: three significant digits, no exponent below a million."""
    if abs(value) >= 1_000:
        return f"{value:,.0f}"
    return f"{value:.3g}"
