"""Figures of merit of one score: ranking, precision, thresholds at a promised rate of false alarms.

Every score is higher for stranger sessions; an alarm is a score above its threshold. All of them take ``weights``,
the number of times each session counts, of shape (n_resamples, n_sessions), so that a bootstrap is one call.
"""

from __future__ import annotations

import numpy as np


def alarm_threshold(good: np.ndarray, rate: float) -> float:
    """The score above which a share of at most ``rate`` of good sessions is expected.

    The conformal quantile: with n good scores the ``ceil((n + 1) * (1 - rate))``-th smallest, above which a further
    good session lies with probability at most ``rate``. Where n is too small for that rate it is the highest score,
    and the rate kept is 1 / (n + 1).

    Args:
        good: scores of good sessions that were not fitted on, shape (n,), n at least 1.
        rate: promised share of false alarms, in 0…1.
    """
    ordered = np.sort(good)
    # The tolerance keeps (n + 1) * 0.95 = 19.000000000000004 from asking for one score more.
    position = int(np.ceil((len(ordered) + 1) * (1.0 - rate) - 1e-9))
    return float(ordered[min(max(position, 1), len(ordered)) - 1])


def auroc(is_bad: np.ndarray, scores: np.ndarray) -> float:
    """Share of the pairs of a bad and a good session in which the bad one scores higher, ties counting half."""
    concordant, pairs = pair_counts(is_bad, scores, np.zeros(len(scores), dtype=np.int64), 1)
    return float(concordant[0, 0] / pairs[0, 0]) if pairs[0, 0] else float("nan")


def pair_counts(
    is_bad: np.ndarray, scores: np.ndarray, groups: np.ndarray, group_count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Concordant pairs and all pairs by group of the bad and group of the good session.

    The AUROC of a resample with group weights w is ``w @ concordant @ w / (w @ pairs @ w)``.

    Returns:
        Two arrays of shape (n_groups, n_groups).
    """
    bad, good = np.flatnonzero(is_bad), np.flatnonzero(~is_bad)
    difference = scores[bad][:, None] - scores[good][None, :]
    won = np.where(difference > 0, 1.0, np.where(difference == 0, 0.5, 0.0))
    place = (groups[bad][:, None] * group_count + groups[good][None, :]).ravel()
    shape = (group_count, group_count)
    size = group_count * group_count
    return (
        np.bincount(place, weights=won.ravel(), minlength=size).reshape(shape),
        np.bincount(place, minlength=size).astype(float).reshape(shape),
    )


def average_precision(is_bad: np.ndarray, scores: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Precision averaged over the steps of recall, equal scores being one step.

    Args:
        is_bad: truth, shape (n,), bool.
        scores: shape (n,).
        weights: shape (n_resamples, n); one resample that counts everyone once by default.

    Returns:
        Shape (n_resamples,); NaN in a resample without bad sessions.
    """
    counts = np.ones((1, len(scores))) if weights is None else weights
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    ends = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))
    found = np.cumsum(counts[:, order] * is_bad[order], axis=1)[:, ends]
    alarmed = np.cumsum(counts[:, order], axis=1)[:, ends]
    steps = np.diff(found, axis=1, prepend=0.0)
    precision = np.divide(found, alarmed, out=np.zeros_like(found), where=alarmed > 0)
    total = found[:, -1]
    return np.asarray(
        np.divide((steps * precision).sum(axis=1), total, out=np.full(len(total), np.nan), where=total > 0)
    )
