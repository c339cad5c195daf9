"""Drift: how far recent sessions have left what the models learned as ordinary.

In each feature one training session in ten lies outside the expected range. A feature has drifted when so many recent
sessions lie outside that chance is no explanation (one-sided binomial test at ``SIGNIFICANT``).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy.special import bdtrc

from analytics.analysis import SessionRows
from analytics.baseline import EXPECTED_SHARE, Baseline

SIGNIFICANT: Final = 0.001
"""Chance of calling one feature drifted that has not; with sixty features one false call in some sixteen looks."""
LEAST_SESSIONS: Final = 20
"""Recent sessions below which nothing is said."""


def drift_ratio(baseline: Baseline, recent: SessionRows) -> float | None:
    """Share of the features known in training that have drifted, 0…1; None with too few recent sessions."""
    if len(recent) < LEAST_SESSIONS or not baseline.known.any():
        return None
    deviations = baseline.standardise(recent.values, recent.ages, recent.who)
    is_known = ~np.isnan(recent.values)
    outside = ((deviations < baseline.low) | (deviations > baseline.high)) & is_known
    # The binomial's upper tail. scipy.stats has it by name, and takes half a second of every start to load.
    chance = bdtrc(outside.sum(axis=0) - 1.0, is_known.sum(axis=0), 1 - EXPECTED_SHARE)
    return float((chance[baseline.known] < SIGNIFICANT).mean())
