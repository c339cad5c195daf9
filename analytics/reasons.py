"""Why a session is strange, in features, numbers and words.

The anomaly is split over the detectors' voices in the joint evidence, exactly; see ``analytics.explanation``. Shares
are of the whole, so those of the listed reasons add up to the anomaly at most.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from analytics.features import FEATURES
from analytics.features.feature import Feature
from analytics.reason_themes import is_teller, theme_of
from analytics.reason_words import feature_words, number
from analytics.step_evidence import OrderStory, WorstStep
from analytics.traces import EMPTY_TRACE, Trace
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
        trace: its steps.
        has_user: whether its user is known, whose sessions the expected values then come from.
    """

    values: np.ndarray
    deviations: np.ndarray
    expected: tuple[np.ndarray, np.ndarray]
    trace: Trace = EMPTY_TRACE
    has_user: bool = True

    @property
    def whose(self) -> str:
        """Whose sessions the expected values come from."""
        return "this user's sessions" if self.has_user else "other sessions"

    @property
    def beyond(self) -> np.ndarray:
        """How far each feature lies outside its expected range, shape (n_features,); 0 where it does not."""
        low, high = self.expected
        return np.asarray(np.nan_to_num(np.maximum(np.maximum(self.values - high, low - self.values), 0.0)))


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the anomaly, the theme it belongs to, and the reason that tells it, if a person would be told."""

    theme: str
    share: float
    reason: Reason | None


def feature_parts(subject: Subject, shares: np.ndarray) -> list[Part]:
    """The features outside their expected range.

    Args:
        subject: the session.
        shares: each feature's part of the anomaly, shape (n_features,).
    """
    is_harmless = subject.deviations * _HARMLESS_SIGN > 0
    worth = np.flatnonzero((subject.beyond >= _LEAST) & ~is_harmless & ~np.isnan(subject.values))
    return [_feature_part(FEATURES[k], int(k), subject, float(shares[k])) for k in worth]


def _feature_part(feature: Feature, column: int, subject: Subject, share: float) -> Part:
    value = float(subject.values[column])
    expected = float(subject.expected[0][column]), float(subject.expected[1][column])
    text = feature_words(feature, value, expected, subject.whose, subject.trace)
    theme = theme_of(feature.name, is_high=value > expected[1])
    return Part(theme, share, Reason(feature.name, value, *expected, share, text))


def size_reason(worst: WorstStep, share: float) -> Reason:
    """The step whose size is most unlike the history."""
    usual = f"usually {number(worst.low)} to {number(worst.high)}"
    what = worst.channel.capitalize()
    text = f"{what} of `{worst.symbol}` at event {worst.rank}: {number(worst.size)} {worst.unit} ({usual})"
    return Reason("step_novelty", worst.size, worst.low, worst.high, share, text)


def order_reason(steps: Sequence[str], bits: float, expected: float, share: float) -> Reason:
    """The stretch of steps whose order is most surprising.

    Args:
        steps: their symbols.
        bits: mean surprise.
        expected: what most sessions do not exceed.
        share: their part of the anomaly.
    """
    told = ", ".join(f"`{step}`" for step in steps)
    text = f"Unusual order of steps: {told} (surprise {number(bits)} bits each, expected at most {number(expected)})"
    return Reason("sequence_surprise_bits", bits, 0.0, expected, share, text)


def disorder_reason(order: OrderStory, bits: float, expected: float, share: float) -> Reason:
    """The stretch in which steps do not follow one another as they use to.

    Args:
        order: where it is, and its worst pairs.
        bits: mean surprise of its steps by their order alone.
        expected: what most sessions do not exceed.
        share: its part of the anomaly.
    """
    told = ", ".join(f"`{step}` after `{before}`" for before, step in order.pairs)
    usual = f"surprise by order alone {number(bits)} bits each, expected at most {number(expected)}"
    text = f"{order.steps} steps in an unusual order from event {order.rank}: {told} ({usual})"
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
    usual = f"expected at most {number(expected)}"
    text = f"Habits more like another user's than this one's: log odds {number(odds)} ({usual})"
    return Reason("wrong_user_log_odds", odds, min(0.0, expected), expected, share, text)


def main_reasons(parts: Iterable[Part]) -> tuple[Reason, ...]:
    """The weightiest themes, at most MOST_REASONS, each told by its best reason, with the theme's whole share."""
    themes: dict[str, list[Part]] = defaultdict(list)
    for part in parts:
        themes[part.theme].append(part)
    told = [_told(theme, own) for theme, own in themes.items()]
    ordered = sorted((reason for reason in told if reason is not None), key=lambda reason: -reason.contribution)
    return tuple(reason for reason in ordered if reason.contribution > 0)[:MOST_REASONS]


def _told(theme: str, parts: Sequence[Part]) -> Reason | None:
    """The reason that tells a theme: the one that always does where it is unusual, else the weightiest."""
    reasons = [part.reason for part in parts if part.reason is not None]
    if not reasons:
        return None
    best = max(reasons, key=lambda reason: (is_teller(reason.feature, theme), reason.contribution))
    return replace(best, contribution=sum(part.share for part in parts))
