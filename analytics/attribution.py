"""Attribution: whose habits a session shows, as a probability for each class of user, agent or model.

Multinomial logistic regression with an L2 penalty on standardised habits (D. R. Cox, "The regression analysis of
binary sequences", J. R. Statist. Soc. B 20, 1958): of the models tried it is as good as any, and it judges a session
with one product of matrices. Its probabilities stand on the classes it was fitted on; what is none of them is
told by ``analytics.wrong_user``.
"""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import log_softmax
from threadpoolctl import threadpool_limits

LEAST_SESSIONS: Final = 20
"""Sessions a class needs; one with fewer is not attributed to."""
MOST_SESSIONS: Final = 4_000
"""Sessions fitted on, the newest of each class; bounds the cost of a fit."""
MOST_CLASSES: Final = 200
"""Classes told apart: those with most sessions."""
PENALTY: Final = 0.1
"""Inverse strength of the L2 penalty (``C`` of scikit-learn)."""
MOST_ITERATIONS: Final = 100


@dataclass(frozen=True)
class Attributor:
    """Fitted weights.

    Attributes:
        classes: names, shape (n_classes,).
        prior: share of each class in the sessions fitted on, shape (n_classes,).
        weights: shape (n_columns, n_classes).
        offset: shape (n_classes,).
    """

    classes: tuple[str, ...]
    prior: np.ndarray
    weights: np.ndarray
    offset: np.ndarray

    def log_probabilities(self, habits: np.ndarray) -> np.ndarray:
        """Logarithm of each class's probability, shape (n_sessions, n_classes)."""
        # Unlike BLAS, einsum gives a session the same to the last bit whatever sessions stand beside it.
        sums = np.einsum("ij,jk->ik", habits.astype(float), self.weights, optimize=False)
        return log_softmax(sums + self.offset, axis=1)

    def odds_against(self, log_probabilities: np.ndarray) -> np.ndarray:
        """Logarithm of the odds that a session is another class's, shape (n_sessions, n_classes); higher is stranger.

        Every class counts alike: how much a user works is no evidence of who is at work.
        """
        likelihood = log_probabilities - np.log(self.prior)
        # The sum over all others is that of those before and those after: none is taken away, which would cancel.
        nobody = np.full((len(likelihood), 1), -np.inf)
        before = np.logaddexp.accumulate(np.hstack([nobody, likelihood[:, :-1]]), axis=1)
        after = np.logaddexp.accumulate(np.hstack([nobody, likelihood[:, :0:-1]]), axis=1)[:, ::-1]
        return np.asarray(np.logaddexp(before, after) - likelihood)


def fit_attributor(habits: np.ndarray, labels: Sequence[str | None], least: int = LEAST_SESSIONS) -> Attributor | None:
    """Learn to tell classes apart; None where fewer than two have ``least`` sessions.

    Args:
        habits: shape (n_sessions, n_columns), oldest session first.
        labels: class of each session, None unknown.
        least: sessions a class needs.
    """
    from sklearn.exceptions import ConvergenceWarning  # noqa: PLC0415 - only a fit needs it, and it is half of what a start would load
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - as above

    chosen = newest_of_each(labels, least)
    classes = tuple(sorted({str(labels[number]) for number in chosen.tolist()}))
    if len(classes) < 2:
        return None
    place = {name: code for code, name in enumerate(classes)}
    codes = np.array([place[str(labels[number])] for number in chosen.tolist()])
    # Hundreds of small products: on a busy machine threads that wait for each other cost many times the work.
    with threadpool_limits(1, "blas"), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a bounded fit is good enough, and its cost is known
        fitted = LogisticRegression(C=PENALTY, max_iter=MOST_ITERATIONS).fit(habits[chosen], codes)
    weights, offset = fitted.coef_.T.astype(float), fitted.intercept_.astype(float)
    if len(classes) == 2:  # scikit-learn keeps one column then, that of the second class
        weights, offset = np.hstack([np.zeros_like(weights), weights]), np.append(0.0, offset)
    counts = np.bincount(codes, minlength=len(classes))
    return Attributor(classes, counts / counts.sum(), weights, offset)


def newest_of_each(labels: Sequence[str | None], least: int) -> np.ndarray:
    """Numbers of the sessions to fit on, in order: at most MOST_SESSIONS of the classes with at least ``least``.

    Where there are more, each class brings its newest, equally many as far as it has them.
    """
    members: dict[str, list[int]] = defaultdict(list)
    for number, label in enumerate(labels):
        if label is not None:
            members[label].append(number)
    large = sorted((own for own in members.values() if len(own) >= least), key=lambda own: (-len(own), own))
    kept = large[:MOST_CLASSES]
    share = _equal_share([len(own) for own in kept], MOST_SESSIONS)
    return np.array(sorted(number for own in kept for number in own[-share:]), dtype=np.int64)


def _equal_share(counts: Sequence[int], total: int) -> int:
    """Most that each may bring so that all together bring at most ``total``, at least 1."""
    left = total
    for position, count in enumerate(sorted(counts)):
        share = left // (len(counts) - position)
        if count > share:
            return max(share, 1)
        left -= count
    return total
