"""Why a session is strange, in features, numbers and words.

The anomaly is split over the detectors' voices in the joint evidence, exactly; see ``analytics.explanation``. Shares
are of the whole, so those of the listed reasons add up to the anomaly at most.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Final

import numpy as np

from analytics.features import FEATURES
from analytics.first_uses import BURST_USES
from analytics.reason_themes import is_teller, theme_of
from analytics.reason_words import feature_words, number
from analytics.step_stories import OrderStory, WorstStep
from analytics.traces import Trace
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
class Subjects:
    """Sessions to explain, one row each.

    Attributes:
        values: their features, shape (n, n_features), NaN unknown.
        deviations: the same, standardised and directed.
        expected: lowest and highest value expected of each feature, shape (n, n_features) each.
        traces: their steps.
        has_user: whether the user of each is known, whose sessions the expected values then come from.
    """

    values: np.ndarray
    deviations: np.ndarray
    expected: tuple[np.ndarray, np.ndarray]
    traces: Sequence[Trace]
    has_user: Sequence[bool]

    def __len__(self) -> int:
        return len(self.values)

    @cached_property
    def beyond(self) -> np.ndarray:
        """How far each feature lies outside its expected range, shape (n, n_features); 0 where it does not."""
        low, high = self.expected
        return np.asarray(np.nan_to_num(np.maximum(np.maximum(self.values - high, low - self.values), 0.0)))


@dataclass(frozen=True, slots=True)
class Telling:
    """A reason that is put into words if a person is told: its feature, and the reason by its share of the anomaly."""

    feature: str
    tell: Callable[[float], Reason]


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the anomaly, the theme it belongs to, and what tells it, if a person would be told."""

    theme: str
    share: float
    telling: Telling | None


def feature_parts(subjects: Subjects, shares: np.ndarray) -> list[list[Part]]:
    """The features outside their expected range, by session.

    Args:
        subjects: the sessions.
        shares: each feature's part of the anomaly, shape (n, n_features).
    """
    is_harmless = subjects.deviations * _HARMLESS_SIGN > 0
    worth = (subjects.beyond >= _LEAST) & ~is_harmless & ~np.isnan(subjects.values)
    parts: list[list[Part]] = [[] for _ in range(len(subjects))]
    is_high, part = (subjects.values > subjects.expected[1])[worth].tolist(), shares[worth].tolist()
    for row, column, high, share in zip(*(at.tolist() for at in np.nonzero(worth)), is_high, part, strict=True):
        name = FEATURES[column].name
        telling = Telling(name, partial(_feature_reason, subjects, row, column))
        parts[row].append(Part(theme_of(name, is_high=high), share, telling))
    return parts


def _feature_reason(subjects: Subjects, row: int, column: int, share: float) -> Reason:
    feature, value = FEATURES[column], float(subjects.values[row, column])
    expected = float(subjects.expected[0][row, column]), float(subjects.expected[1][row, column])
    whose = "this user's sessions" if subjects.has_user[row] else "other sessions"
    text = feature_words(feature, value, expected, whose, subjects.traces[row])
    return Reason(feature.name, value, *expected, share, text)


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


ANYWHERE: Final = ""
IN_A_BURST: Final = f" within {BURST_USES} tool uses"
"""Where in a session words were new, as reasons say it."""


def word_reason(where: str, words: Sequence[str], newness: float, expected: float, share: float) -> Reason:
    """The words that this user's sessions hardly ever used before.

    Args:
        where: ``ANYWHERE`` or ``IN_A_BURST``.
        words: least expected first.
        newness: their mean surprise, in orders of magnitude; of a burst the mean of its squares.
        expected: what most sessions do not exceed.
        share: their part of the anomaly.
    """
    told = ", ".join(described(word) for word in words[:MOST_WORDS_TOLD])
    text = f"New for this user{where}: {told} (newness {number(newness)}, expected at most {number(expected)})"
    return Reason("new_words", newness, 0.0, expected, share, text)


def user_reason(odds: float, expected: float, share: float) -> Reason:
    """Habits that are more another user's than the own one's; ``odds`` is a natural logarithm."""
    usual = f"expected at most {number(expected)}"
    text = f"Habits more like another user's than this one's: log odds {number(odds)} ({usual})"
    return Reason("wrong_user_log_odds", odds, min(0.0, expected), expected, share, text)


def main_reasons(parts: Sequence[Part]) -> tuple[Reason, ...]:
    """The weightiest themes, at most MOST_REASONS, each told by its best reason, with the theme's whole share."""
    if not any(part.share > 0 for part in parts):
        return ()
    themes: dict[str, list[Part]] = defaultdict(list)
    for part in parts:
        themes[part.theme].append(part)
    shares = {theme: sum(part.share for part in own) for theme, own in themes.items()}
    tellings = {theme: _best(theme, own) for theme, own in themes.items()}
    weighty = sorted((theme for theme, share in shares.items() if share > 0), key=lambda theme: -shares[theme])
    told = [(found, shares[theme]) for theme in weighty if (found := tellings[theme]) is not None]
    return tuple(found.tell(share) for found, share in told[:MOST_REASONS])


def _best(theme: str, parts: Sequence[Part]) -> Telling | None:
    """What tells a theme: the reason that always does where it is unusual, else the weightiest."""
    tellings = [(part.telling, part.share) for part in parts if part.telling is not None]
    if not tellings:
        return None
    return max(tellings, key=lambda one: (is_teller(one[0].feature, theme), one[1]))[0]
