"""Truths written by hand."""

from __future__ import annotations

import numpy as np

from analytics.evaluation.truth import Truth


def truth_of(*sessions, keys=None) -> Truth:
    """Rows of (id, is_bad, group, onset or None)."""
    return Truth(
        tuple(row[0] for row in sessions),
        np.array([row[1] for row in sessions], dtype=bool),
        np.array([row[2] for row in sessions], dtype=np.int64),
        np.array([np.nan if row[3] is None else row[3] for row in sessions], dtype=float),
        tuple(keys) if keys is not None else (("m",),) * len(sessions),
    )
