"""The explanation of one score: each voice's part of the anomaly, told in its own words.

The voices add up to the joint evidence. What the shape of a session says is split over the features by their squared
deviations, as in a distance of independent standardised features; what the covariance says, by its own terms. The
voices of the steps are told by the step whose size is most novel and the stretch that is most surprising, the words'
by the words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from analytics.reasons import (
    Subject,
    feature_reasons,
    main_reasons,
    order_reason,
    size_reason,
    user_reason,
    word_reason,
)
from analytics.step_evidence import ORDER_MEASURE, SIZE_MEASURES, WorstStep
from analytics.verdicts import Reason
from analytics.voices import COVARIANCE, SHAPE, WORDS, WRONG_USER


@dataclass(frozen=True)
class Case:
    """One session that was judged.

    Attributes:
        subject: its features.
        correlated: each feature's share of what the covariance says, shape (n_features,).
        anomaly: the joint score.
        voices: each voice's part of the joint evidence.
        raw: raw scores by detector.
        usual: what most sessions of that age do not exceed, for the detectors told by a number.
        worst: the step whose size is most novel.
        new_words: words that the user hardly ever used, least expected first.
    """

    subject: Subject
    correlated: np.ndarray
    anomaly: float
    voices: Mapping[str, float]
    raw: Mapping[str, float]
    usual: Mapping[str, float]
    worst: WorstStep | None
    new_words: Sequence[str]


TOLD_BY_NUMBER: Final = (ORDER_MEASURE, WORDS, WRONG_USER)
"""Detectors whose reason is a number and what was expected of it."""


def explain(case: Case) -> tuple[Reason, ...]:
    """The main reasons, weightiest first."""
    unit = case.anomaly / max(sum(case.voices.values()), 1e-12)
    share = {voice: part * unit for voice, part in case.voices.items()}
    squared = case.subject.deviations**2
    alone = squared / max(float(squared.sum()), 1e-12)
    found = feature_reasons(case.subject, share[SHAPE] * alone + share[COVARIANCE] * case.correlated)
    if case.worst is not None and case.worst.is_telling:
        found.append(size_reason(case.worst, sum(share[measure] for measure in SIZE_MEASURES)))
    if case.raw[ORDER_MEASURE] > case.usual[ORDER_MEASURE]:
        found.append(order_reason(case.raw[ORDER_MEASURE], case.usual[ORDER_MEASURE], share[ORDER_MEASURE]))
    if case.raw[WRONG_USER] > case.usual[WRONG_USER]:
        found.append(user_reason(case.raw[WRONG_USER], case.usual[WRONG_USER], share[WRONG_USER]))
    if case.new_words and case.raw[WORDS] > case.usual[WORDS]:
        found.append(word_reason(case.new_words, case.raw[WORDS], case.usual[WORDS], share[WORDS]))
    return main_reasons(found)
