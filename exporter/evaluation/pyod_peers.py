"""Detectors of PyOD to compare with, in PyOD's own default settings.

PyOD is no dependency of the product: it is imported when a comparison is asked for.
"""

from __future__ import annotations

import warnings
from importlib import import_module
from typing import Any, Final

import numpy as np

from analytics.evaluation import EvaluationError
from analytics.evaluation.trial import Scores

PEERS: Final = {
    "IForest": ("iforest", "random_state"),
    "LOF": ("lof", None),
    "KNN": ("knn", None),
    "ECOD": ("ecod", None),
    "COPOD": ("copod", None),
    "MCD": ("mcd", "random_state"),
    "PCA": ("pca", "random_state"),
    "OCSVM": ("ocsvm", None),
}
"""Module of each detector, and the name of its seed where it has one."""
_JITTER: Final = 1e-3
"""Standard deviation of the noise that sets equal rows apart, as our own LOF and DBSCAN get it."""


def require_pyod() -> None:
    """Raise ``EvaluationError`` where PyOD is not installed."""
    try:
        import_module("pyod")
    except ImportError as error:
        raise EvaluationError("--peers: PyOD is not installed; run `pip install pyod`") from error


def pyod_scores(fit: np.ndarray, rows: np.ndarray, seed: int) -> Scores:
    """Each detector fitted on ``fit`` and asked about ``rows``, shapes (n_sessions, n_features)."""
    jittered = fit + np.random.default_rng(seed).normal(0.0, _JITTER, fit.shape)
    varied = jittered.std(axis=0) > 0
    scores: Scores = {}
    for name, (module, seed_name) in PEERS.items():
        # Few rows and many columns make PyOD's covariance and neighbour counts warn; that is its answer all the same.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            make: Any = getattr(import_module(f"pyod.models.{module}"), name)
            detector = make(**({seed_name: seed} if seed_name else {}), **_neighbours(name, len(fit)))
            detector.fit(jittered[:, varied])
            answer = np.asarray(detector.decision_function(rows[:, varied]), dtype=float)
        scores[f"pyod {name}"] = np.nan_to_num(answer, nan=0.0, posinf=1e300, neginf=-1e300)
    return scores


def _neighbours(name: str, rows: int) -> dict[str, int]:
    """PyOD's default numbers of neighbours, as far as there are rows for them."""
    usual = {"LOF": 20, "KNN": 5}.get(name)
    return {} if usual is None else {"n_neighbors": max(1, min(usual, rows - 1))}
