"""The feature table: every number that describes a session, each a small documented function.

The reference page, the explanations' words and the contract tests are made from ``FEATURES``.
"""

from __future__ import annotations

import hashlib
from typing import Final

from analytics.features import boundaries, consumption, context, sequence, timing, volume
from analytics.features.feature import Feature

FEATURES: Final[tuple[Feature, ...]] = (
    *volume.FEATURES,
    *sequence.FEATURES,
    *boundaries.FEATURES,
    *context.FEATURES,
    *timing.FEATURES,
    *consumption.FEATURES,
)
"""In the order of the columns of every feature matrix."""

FEATURE_NAMES: Final = tuple(feature.name for feature in FEATURES)
FEATURE_BY_NAME: Final = {feature.name: feature for feature in FEATURES}
SCHEMA: Final = hashlib.sha256("\n".join(FEATURE_NAMES).encode()).hexdigest()[:12]
"""Identifies the columns of a stored feature row; rows of another schema are measured again, never mixed."""
