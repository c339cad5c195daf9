"""Voices: how the detectors' evidence is joined into one number that can be taken apart again.

Each voice's evidence, in orders of magnitude of the false-alarm chance, is raised to ``EMPHASIS`` and added up: between
a sum, which a loud voice among many quiet ones cannot move, and the maximum, which does not hear two that say the same
(a power mean of log p-values; R. A. Fisher's way is the plain sum).

Detectors that look at the same thing share a voice: several that look at all of it speak together, by their mean; the
surprise of few steps and the disorder of many, of which a session may have only one, by the louder of the two, and so
do the new words of a session and those of a burst. A voice for each would add the noise of both to every session.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from typing import Final

import numpy as np

from analytics.step_measures import ORDER_MEASURES, SIZE_MEASURES

SHAPE: Final = "shape"
"""The voice shared by Isolation Forest, LOF and DBSCAN: where the session lies among the others."""
COVARIANCE: Final = "covariance"
EXTREME: Final = "extreme"
"""The voice of the one feature that is farthest out."""
ORDER: Final = "order"
"""The voice shared by the order's measures, of which the louder speaks."""
WORDS: Final = "words"
"""The new words of a session, and the voice shared with those of a burst, of which the louder speaks."""
BURST: Final = "burst"
WRONG_USER: Final = "wrong_user"
VOICE_OF: Final[Mapping[str, tuple[str, float]]] = {
    "isolation_forest": (SHAPE, 1 / 3),
    "lof": (SHAPE, 1 / 3),
    "dbscan": (SHAPE, 1 / 3),
    COVARIANCE: (COVARIANCE, 1.0),
    EXTREME: (EXTREME, 1.0),
    **dict.fromkeys(ORDER_MEASURES, (ORDER, 1.0)),
    **{measure: (measure, 1.0) for measure in SIZE_MEASURES},
    WORDS: (WORDS, 1.5),
    BURST: (WORDS, 1.5),
    WRONG_USER: (WRONG_USER, 1.0),
}
"""Each detector's voice and its weight in it. What was done tells more than how much of it: hence that of words."""
LOUDER: Final = (ORDER, WORDS)
"""Voices for which the louder of two detectors speaks."""
EMPHASIS: Final = 1.5
_HEALTHY: Final = math.gamma(1.0 + EMPHASIS) * math.log10(math.e) ** EMPHASIS
"""What one detector says on average of a healthy session: its p-value is uniform there, so its evidence is exponential
with mean log10(e), raised to ``EMPHASIS``."""
USUAL: Final[Mapping[str, float]] = {
    **{
        voice: _HEALTHY * weight**EMPHASIS * (2.0 - 2.0**-EMPHASIS if voice in LOUDER else 1.0)
        for voice, weight in VOICE_OF.values()
    },
    SHAPE: _HEALTHY,
}
"""What each voice says of a healthy session on average. Of a shared one at most that: the mean of detectors says less
where they disagree, and the louder of two most where they are independent (the sum of both less the quieter)."""


def voices_of(evidence: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Each voice's part of the joint evidence, shape (n_rows,) each; the parts add up to it.

    Args:
        evidence: of each detector, 0 and up, shape (n_rows,).
    """
    heard: dict[str, np.ndarray] = {}
    for detector, values in evidence.items():
        voice, weight = VOICE_OF[detector]
        before = heard.get(voice, np.zeros(len(values)))
        heard[voice] = np.maximum(before, weight * values) if voice in LOUDER else before + weight * values
    return {voice: values**EMPHASIS for voice, values in heard.items()}


def added_up(parts: Mapping[str, np.ndarray]) -> np.ndarray:
    """The joint evidence, shape (n_rows,): voice by voice, so that a row has the same alone and among others."""
    return functools.reduce(np.add, parts.values())


def beyond_usual(parts: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What each voice says of sessions beyond what it says of a healthy one, 0 and up, shape (n_rows,) each.

    Args:
        parts: each voice's part of the joint evidence, shape (n_rows,).
    """
    return {voice: np.maximum(part - USUAL[voice], 0.0) for voice, part in parts.items()}
