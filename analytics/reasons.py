"""Why a session is strange, in features, numbers and words.

The anomaly is split over the detectors' voices in the joint evidence, exactly; see ``analytics.explanation``. Shares
are of the whole, so those of the listed reasons add up to the anomaly at most.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from analytics.features import FEATURES
from analytics.features.feature import Feature
from analytics.step_evidence import WorstStep
from analytics.verdicts import Reason
from analytics.words import described

MOST_REASONS: Final = 5
MOST_WORDS_TOLD: Final = 4
_LEAST: Final = np.array([feature.least for feature in FEATURES])
_HARMLESS_SIGN: Final = np.array([{"high": -1.0, "low": 1.0, "both": 0.0}[feature.risky] for feature in FEATURES])


def direct(deviations: np.ndarray) -> np.ndarray:
    """Deviations with those in a harmless direction halved: fewer errors than usual is strange, but not risky.

    Args:
        deviations: robust standard deviations, shape (n_rows, n_features).
    """
    return np.where(deviations * _HARMLESS_SIGN > 0, deviations / 2.0, deviations)


@dataclass(frozen=True)
class Subject:
    """One session to explain.

    Attributes:
        values: its features, shape (n_features,), NaN unknown.
        deviations: the same, standardised and directed.
        expected: lowest and highest value expected of each feature, shape (n_features,) each.
    """

    values: np.ndarray
    deviations: np.ndarray
    expected: tuple[np.ndarray, np.ndarray]


def feature_reasons(subject: Subject, shares: np.ndarray) -> list[Reason]:
    """Features outside their expected range, weightiest first.

    Args:
        subject: the session.
        shares: each feature's part of the anomaly, shape (n_features,).
    """
    low, high = subject.expected
    beyond = np.maximum(subject.values - high, low - subject.values)
    is_harmless = subject.deviations * _HARMLESS_SIGN > 0
    worth = np.flatnonzero((beyond >= _LEAST) & ~is_harmless & ~np.isnan(subject.values))
    order = worth[np.argsort(-shares[worth], kind="stable")][:MOST_REASONS]
    return [
        _reason(FEATURES[k], float(subject.values[k]), (float(low[k]), float(high[k])), float(shares[k])) for k in order
    ]


def size_reason(worst: WorstStep, share: float) -> Reason:
    """The step whose size is most unlike the history."""
    usual = f"usually {number(worst.low)} to {number(worst.high)}"
    text = f"{worst.channel} of `{worst.symbol}` at event {worst.rank}: {number(worst.size)} {worst.unit} ({usual})"
    return Reason("step_novelty", worst.size, worst.low, worst.high, share, text)


def order_reason(bits: float, expected: float, share: float) -> Reason:
    """The stretch of three steps whose order is most surprising."""
    text = (
        f"Surprise of the oddest three steps in a row: {number(bits)} bits each (expected at most {number(expected)})"
    )
    return Reason("sequence_surprise_bits", bits, 0.0, expected, share, text)


def word_reason(words: Sequence[str], newness: float, expected: float, share: float) -> Reason:
    """The words that this user's sessions hardly ever used before.

    Args:
        words: least expected first.
        newness: their mean surprise, in orders of magnitude.
        expected: what most sessions do not exceed.
        share: their part of the anomaly.
    """
    told = ", ".join(described(word) for word in words[:MOST_WORDS_TOLD])
    text = f"New for this user: {told} (newness {number(newness)}, expected at most {number(expected)})"
    return Reason("new_words", newness, 0.0, expected, share, text)


def user_reason(odds: float, expected: float, share: float) -> Reason:
    """Habits that are more another user's than the own one's; ``odds`` is a natural logarithm."""
    text = f"Habits more like another user's than this one's: log odds {number(odds)} (expected at most {number(expected)})"
    return Reason("wrong_user_log_odds", odds, min(0.0, expected), expected, share, text)


def main_reasons(reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    """The weightiest reasons, at most MOST_REASONS."""
    ordered = sorted(reasons, key=lambda reason: -reason.contribution)
    return tuple(reason for reason in ordered if reason.contribution > 0)[:MOST_REASONS]


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
