"""How much ground a score stands on."""

from __future__ import annotations

from typing import Final

import numpy as np

FULL_GROUND: Final = 200
"""Held-back sessions from which a score has all the ground it can get."""


def confidence(values: np.ndarray, held_back: np.ndarray, ever_known: np.ndarray) -> np.ndarray:
    """Confidence in scores, 0…1, shape (n,): sessions calibrated on, and known features among those ever known.

    Args:
        values: the sessions' features, shape (n, n_features), NaN unknown.
        held_back: sessions held back at each session's age, shape (n,).
        ever_known: features that any training session has, shape (n_features,), bool.
    """
    if not ever_known.any():
        return np.zeros(len(values))
    return np.asarray(
        np.sqrt(np.minimum(1.0, held_back / FULL_GROUND)) * (~np.isnan(values[:, ever_known])).mean(axis=1)
    )
