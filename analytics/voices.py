"""Voices: how the detectors' evidence is joined into one number that can be taken apart again.

Detectors that look at the same thing share a voice. Each voice's evidence, in orders of magnitude of the false-alarm
chance, is raised to ``EMPHASIS`` and added up: between a sum, which a loud voice among many quiet ones cannot move,
and the maximum, which does not hear two that say the same (a power mean of log p-values; R. A. Fisher's way is the
plain sum).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from analytics.step_evidence import MEASURES

SHAPE: Final = "shape"
"""The voice shared by Isolation Forest, LOF and DBSCAN: where the session lies among the others."""
COVARIANCE: Final = "covariance"
WORDS: Final = "words"
WRONG_USER: Final = "wrong_user"
VOICE_OF: Final[Mapping[str, tuple[str, float]]] = {
    "isolation_forest": (SHAPE, 1 / 3),
    "lof": (SHAPE, 1 / 3),
    "dbscan": (SHAPE, 1 / 3),
    COVARIANCE: (COVARIANCE, 1.0),
    **{measure: (measure, 1.0) for measure in MEASURES},
    WORDS: (WORDS, 1.5),
    WRONG_USER: (WRONG_USER, 1.0),
}
"""Each detector's voice and its weight in it. What was done tells more than how much of it: hence that of words."""
EMPHASIS: Final = 1.5


def voices_of(evidence: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Each voice's part of the joint evidence, shape (n_rows,) each; the parts add up to it.

    Args:
        evidence: of each detector, 0 and up, shape (n_rows,).
    """
    heard: dict[str, np.ndarray] = {}
    for detector, values in evidence.items():
        voice, weight = VOICE_OF[detector]
        heard[voice] = heard.get(voice, 0.0) + weight * values
    return {voice: values**EMPHASIS for voice, values in heard.items()}
