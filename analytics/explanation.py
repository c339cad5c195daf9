"""The explanation of one score: each voice's part of the anomaly, told in its own words.

The voices add up to the joint evidence. Each says a little of every session; what it says of a healthy one on average
explains nothing, and only what goes beyond is shared out. What the shape of a session says is split over the features
outside their expected range by their squared deviations, as in a distance of independent standardised features; what
the covariance says, over the same by its own terms; the feature that is farthest out has a voice to itself; what the
sizes of the steps say is split by the channels in which they are novel. The order of the steps and the words speak for
themselves. What says the same thing is one theme (see ``analytics.reason_themes``), told once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from analytics.reason_themes import ORDER, theme_of_channel
from analytics.reasons import (
    Part,
    Subject,
    disorder_reason,
    feature_parts,
    main_reasons,
    order_reason,
    size_reason,
    user_reason,
    word_reason,
)
from analytics.step_evidence import ORDER_MEASURES, SEQUENCE, SIZE_MEASURES, OrderStory, SizeStory
from analytics.traces import CHANNELS
from analytics.verdicts import Reason
from analytics.voices import COVARIANCE, EXTREME, SHAPE, WORDS, WRONG_USER, beyond_usual
from analytics.voices import ORDER as ORDER_VOICE


@dataclass(frozen=True)
class Case:
    """One session that was judged.

    Attributes:
        subject: its features and steps.
        correlated: each feature's share of what the covariance says, shape (n_features,).
        farthest: the feature that is farthest out, as a mask of shape (n_features,).
        anomaly: the joint score.
        voices: each voice's part of the joint evidence.
        raw: raw scores by detector.
        usual: what most sessions of that age do not exceed, for the detectors told by a number.
        sizes: what the sizes of its steps say.
        order_measure: of the order's measures the louder one, which speaks for both.
        order: what the order of its steps says; None where that is no more than usual.
        new_words: words that the user hardly ever used, least expected first.
    """

    subject: Subject
    correlated: np.ndarray
    farthest: np.ndarray
    anomaly: float
    voices: Mapping[str, float]
    raw: Mapping[str, float]
    usual: Mapping[str, float]
    sizes: SizeStory | None
    order_measure: str
    order: OrderStory | None
    new_words: Sequence[str]

    def is_loud(self, detector: str) -> bool:
        """Whether a detector says more than it does of most sessions of that age."""
        return self.raw[detector] > self.usual[detector]


TOLD_BY_NUMBER: Final = (*ORDER_MEASURES, WORDS, WRONG_USER)
"""Detectors whose reason is a number and what was expected of it."""


def explain(case: Case) -> tuple[Reason, ...]:
    """The main reasons, weightiest first."""
    unit = case.anomaly / max(sum(case.voices.values()), 1e-12)
    share = {voice: part * unit for voice, part in beyond_usual(case.voices).items()}
    alone = share[SHAPE] * _split(case.subject, case.subject.deviations**2)
    together = share[COVARIANCE] * _split(case.subject, case.correlated)
    parts = feature_parts(case.subject, alone + together + share[EXTREME] * case.farthest)
    return main_reasons([*parts, *_size_parts(case, share), *_order_parts(case, share), *_spoken_parts(case, share)])


def _split(subject: Subject, terms: np.ndarray) -> np.ndarray:
    """The features' shares by their terms, shape (n_features,), adding up to 1 where any is outside its range."""
    outside = np.where(subject.beyond > 0, terms, 0.0)
    return np.asarray(outside / max(float(outside.sum()), 1e-12))


def _size_parts(case: Case, share: Mapping[str, float]) -> list[Part]:
    """What the sizes say, by channel; durations are told by the features of that theme alone."""
    if case.sizes is None:
        return []
    by_channel = np.sum([share[measure] * case.sizes.shares[measure] for measure in SIZE_MEASURES], axis=0)
    parts = []
    for channel, worst, weight in zip(CHANNELS, case.sizes.worst_of, by_channel.tolist(), strict=True):
        is_telling = worst is not None and worst.is_telling
        told = size_reason(worst, weight) if worst is not None and is_telling else None
        parts.append(Part(theme_of_channel(channel), weight, told))
    return parts


def _order_parts(case: Case, share: Mapping[str, float]) -> list[Part]:
    """What the order of the steps says, where it says more than usual."""
    if case.order is None or not case.is_loud(case.order_measure):
        return []
    bits, usual = case.raw[case.order_measure], case.usual[case.order_measure]
    if case.order_measure == SEQUENCE:
        odd = order_reason(case.order.oddest, bits, usual, share[ORDER_VOICE])
        return [Part(WORDS if _runs_new_program(case, case.order) else ORDER, share[ORDER_VOICE], odd)]
    return [Part(ORDER, share[ORDER_VOICE], disorder_reason(case.order, bits, usual, share[ORDER_VOICE]))]


def _spoken_parts(case: Case, share: Mapping[str, float]) -> list[Part]:
    """What habits and words say, where they say more than usual."""
    parts = []
    if case.is_loud(WRONG_USER):
        odds = user_reason(case.raw[WRONG_USER], case.usual[WRONG_USER], share[WRONG_USER])
        parts.append(Part(WRONG_USER, share[WRONG_USER], odds))
    if case.new_words and case.is_loud(WORDS):
        new = word_reason(case.new_words, case.raw[WORDS], case.usual[WORDS], share[WORDS])
        parts.append(Part(WORDS, share[WORDS], new))
    return parts


def _runs_new_program(case: Case, order: OrderStory) -> bool:
    """Whether the oddest steps run a program that is new to the user: then their order says what the word says."""
    new = {word.partition(":")[0] for word in case.new_words} if case.is_loud(WORDS) else set()
    return any(step.partition(":")[2].partition(" ")[0] in new for step in order.oddest)
