"""What is left of an anomaly when a person has called its like benign: the score it would have without the habit.

A habit that was called benign explains deviations in the range that the benign sessions span, the words they used, and
in what order and size the steps came. A session that shares the habit is scored a second time without these, by the
same detectors and calibrations. What remains, new words and deviations of another kind, is how an attack within a noisy
session speaks.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from analytics.baseline import Who
from analytics.ensemble import Ensemble, Evidence
from analytics.leniency import QUIETED, Explained
from analytics.risk_score import anomaly_part
from analytics.step_measures import MEASURES
from analytics.voices import BURST, WORDS, added_up, voices_of


def anomaly_parts(
    joint: np.ndarray, evidence: Evidence, explained: Explained, ensemble: Ensemble, high_at: float
) -> np.ndarray:
    """What each session's anomaly alone amounts to as a risk, shape (n_rows,).

    Args:
        joint: the sessions' joint scores, shape (n_rows,).
        evidence: what they come from.
        explained: what benign sessions explain of it.
        ensemble: what scores.
        high_at: the surprise from which an anomaly alone amounts to ``high``.
    """
    full = anomaly_part(joint, high_at)
    rows = np.flatnonzero(explained.is_alike)
    if not len(rows):
        return full
    rest = _without_habit(_rows_of(evidence, explained.rest, rows), explained.words, ensemble)
    full[rows] = np.minimum(full[rows], np.maximum(QUIETED * full[rows], anomaly_part(rest, high_at)))
    return full


def _without_habit(evidence: Evidence, words: Mapping[Who, frozenset[str]], ensemble: Ensemble) -> np.ndarray:
    """Joint scores, shape (n_rows,), of what benign sessions do not explain; nothing is said about single steps."""
    raw = ensemble.detectors.raw(evidence)
    raw[WORDS], raw[BURST] = ensemble.detectors.words.measure(evidence.traces, evidence.who, words)
    voices = voices_of(
        {
            name: ensemble.calibrations[name].evidence(one, evidence.ages)
            for name, one in raw.items()
            if name not in MEASURES
        }
    )
    return ensemble.joint.score(added_up(voices), evidence.ages)


def _rows_of(evidence: Evidence, deviations: np.ndarray, rows: np.ndarray) -> Evidence:
    """The evidence of some rows (numbers of shape (n,)) with other deviations, shape (n_rows, n_features)."""
    chosen = rows.tolist()
    return Evidence(
        deviations[rows],
        [evidence.traces[row] for row in chosen],
        [evidence.scopes[row] for row in chosen],
        evidence.ages[rows],
        [evidence.who[row] for row in chosen],
        evidence.odds[rows],
    )
