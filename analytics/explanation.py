"""The explanation of one score: each voice's part of the anomaly, told in its own words.

The voices add up to the joint evidence. Each says a little of every session; what it says of a healthy one on average
explains nothing, and only what goes beyond is shared out. What the shape of a session says is split over the features
outside their expected range by their squared deviations, as in a distance of independent standardised features; what
the covariance says, over the same by its own terms; the feature that is farthest out has a voice to itself; what the
sizes of the steps say is split by the channels in which they are novel. The order of the steps and the words speak for
themselves. What says the same thing is one theme (see ``analytics.reason_themes``), told once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from analytics.reason_themes import ORDER, theme_of_channel
from analytics.reasons import (
    ANYWHERE,
    IN_A_BURST,
    Part,
    Subjects,
    Telling,
    disorder_reason,
    feature_parts,
    main_reasons,
    order_reason,
    size_reason,
    user_reason,
    word_reason,
)
from analytics.step_evidence import SeenSteps
from analytics.step_measures import DISORDER, ORDER_MEASURES, SEQUENCE, SIZE_MEASURES
from analytics.step_stories import OrderStory, order_story, worst_step
from analytics.traces import CHANNELS
from analytics.verdicts import Reason
from analytics.voices import BURST, COVARIANCE, EXTREME, SHAPE, WORDS, WRONG_USER, added_up, beyond_usual
from analytics.voices import ORDER as ORDER_VOICE


@dataclass(frozen=True)
class Cases:
    """Sessions that were judged, one row each.

    Attributes:
        subjects: their features and steps.
        correlated: each feature's share of what the covariance says, shape (n, n_features).
        farthest: the feature that is farthest out, by number, shape (n,).
        anomaly: the joint scores, shape (n,).
        voices: each voice's part of the joint evidence, shape (n,).
        raw: raw scores by detector, shape (n,) each.
        usual: what most sessions of that age do not exceed, for the detectors told by a number, shape (n,) each.
        calibrated: calibrated scores of those detectors of which the louder speaks for two, shape (n,) each.
        steps: what the steps tell.
        new_words: by row, the words that the user hardly ever used, least expected first.
        burst_words: the same of the loudest burst.
    """

    subjects: Subjects
    correlated: np.ndarray
    farthest: np.ndarray
    anomaly: np.ndarray
    voices: Mapping[str, np.ndarray]
    raw: Mapping[str, np.ndarray]
    usual: Mapping[str, np.ndarray]
    calibrated: Mapping[str, np.ndarray]
    steps: SeenSteps
    new_words: Callable[[int], Sequence[str]]
    burst_words: Callable[[int], Sequence[str]]

    def is_loud(self, detector: str) -> np.ndarray:
        """Whether a detector says more than it does of most sessions of that age, shape (n,)."""
        return np.asarray(self.raw[detector] > self.usual[detector])

    def speaks(self, detector: str, other: str) -> tuple[np.ndarray, np.ndarray]:
        """Whether one detector speaks where two share a voice, and whether the one that does is loud, shape (n,)."""
        is_louder = self.calibrated[detector] > self.calibrated[other]
        return is_louder, np.where(is_louder, self.is_loud(detector), self.is_loud(other))

    def numbers(self, detector: str, row: int) -> tuple[float, float]:
        """What a detector says of a session, and what it does not exceed in most sessions of that age."""
        return float(self.raw[detector][row]), float(self.usual[detector][row])


SHARING: Final = (*ORDER_MEASURES, WORDS, BURST)
"""Detectors of which the louder speaks for two."""
TOLD_BY_NUMBER: Final = (*SHARING, WRONG_USER)
"""Detectors whose reason is a number and what was expected of it."""


def explain(cases: Cases) -> list[tuple[Reason, ...]]:
    """The main reasons of each session, weightiest first."""
    unit = cases.anomaly / np.maximum(added_up(cases.voices), 1e-12)
    share = {voice: part * unit for voice, part in beyond_usual(cases.voices).items()}
    parts = feature_parts(cases.subjects, _feature_shares(cases, share))
    for find in (_size_parts, _order_parts, _user_parts, _word_parts):
        for row, part in find(cases, share):
            parts[row].append(part)
    return [main_reasons(own) for own in parts]


def _feature_shares(cases: Cases, share: Mapping[str, np.ndarray]) -> np.ndarray:
    """Each feature's part of the anomaly, shape (n, n_features)."""
    alone = share[SHAPE][:, None] * _split(cases.subjects, cases.subjects.deviations**2)
    together = share[COVARIANCE][:, None] * _split(cases.subjects, cases.correlated)
    shares = np.asarray(alone + together)
    shares[np.arange(len(shares)), cases.farthest] += share[EXTREME]
    return shares


def _split(subjects: Subjects, terms: np.ndarray) -> np.ndarray:
    """The features' shares by their terms, shape (n, n_features), adding up to 1 where any is outside its range."""
    outside = np.where(subjects.beyond > 0, terms, 0.0)
    return np.asarray(outside / np.maximum(outside.sum(axis=1, keepdims=True), 1e-12))


_Found = list[tuple[int, Part]]
"""Rows with a part of their anomaly."""


def _size_parts(cases: Cases, share: Mapping[str, np.ndarray]) -> _Found:
    """What the sizes say, by channel; durations are told by the features of that theme alone."""
    measures = cases.steps.measures
    weights = np.sum([share[measure][:, None] * measures.shares(measure) for measure in SIZE_MEASURES], axis=0)
    parts = []
    for row, channel in np.argwhere(weights > 0).tolist():
        if cases.steps.models[row] is None:
            continue
        worst, told = worst_step(cases.steps, row, channel), None
        if worst is not None and worst.is_telling:
            told = Telling("step_novelty", partial(size_reason, worst))
        parts.append((row, Part(theme_of_channel(CHANNELS[channel]), float(weights[row, channel]), told)))
    return parts


def _order_parts(cases: Cases, share: Mapping[str, np.ndarray]) -> _Found:
    """What the order of the steps says, where it says more than usual."""
    is_disorder, is_loud = cases.speaks(DISORDER, SEQUENCE)
    says_new_words = cases.is_loud(WORDS) | cases.is_loud(BURST)
    parts = []
    for row in np.flatnonzero(is_loud & (share[ORDER_VOICE] > 0)).tolist():
        story = order_story(cases.steps, row)
        if story is None:
            continue
        theme = ORDER
        if is_disorder[row]:
            tell = partial(disorder_reason, story, *cases.numbers(DISORDER, row))
        else:
            tell = partial(order_reason, story.oddest, *cases.numbers(SEQUENCE, row))
            if says_new_words[row] and _runs_program(story, cases.new_words(row)):
                theme = WORDS
        parts.append((row, Part(theme, float(share[ORDER_VOICE][row]), Telling("sequence_surprise_bits", tell))))
    return parts


def _user_parts(cases: Cases, share: Mapping[str, np.ndarray]) -> _Found:
    """What the habits say, where they say more than usual."""
    parts = []
    for row in np.flatnonzero(cases.is_loud(WRONG_USER) & (share[WRONG_USER] > 0)).tolist():
        tell = partial(user_reason, *cases.numbers(WRONG_USER, row))
        parts.append((row, Part(WRONG_USER, float(share[WRONG_USER][row]), Telling("wrong_user_log_odds", tell))))
    return parts


def _word_parts(cases: Cases, share: Mapping[str, np.ndarray]) -> _Found:
    """What the words say, where they say more than usual."""
    is_burst, is_loud = cases.speaks(BURST, WORDS)
    parts = []
    for row in np.flatnonzero(is_loud & (share[WORDS] > 0)).tolist():
        words = cases.burst_words(row) if is_burst[row] else cases.new_words(row)
        if words:
            detector, where = (BURST, IN_A_BURST) if is_burst[row] else (WORDS, ANYWHERE)
            tell = partial(word_reason, where, words, *cases.numbers(detector, row))
            parts.append((row, Part(WORDS, float(share[WORDS][row]), Telling("new_words", tell))))
    return parts


def _runs_program(story: OrderStory, new_words: Sequence[str]) -> bool:
    """Whether the oddest steps run one of the programs that are new: then their order says what the word says."""
    new = {word.partition(":")[0] for word in new_words}
    return any(step.partition(":")[2].partition(" ")[0] in new for step in story.oddest)
