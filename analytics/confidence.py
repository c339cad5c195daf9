"""How much ground a score stands on."""

from __future__ import annotations

from typing import Final

import numpy as np

FULL_GROUND: Final = 200
"""Held-back sessions from which a score has all the ground it can get."""


def confidence(values: np.ndarray, held_back: int, ever_known: np.ndarray) -> float:
    """Confidence in a session's score, 0…1: sessions it was calibrated on, and known features among those ever known.

    Args:
        values: the session's features, shape (n_features,), NaN unknown.
        held_back: sessions held back at the session's age.
        ever_known: features that any training session has, shape (n_features,), bool.
    """
    ground = min(1.0, held_back / FULL_GROUND) ** 0.5
    known = float((~np.isnan(values))[ever_known].mean()) if ever_known.any() else 0.0
    return ground * known
