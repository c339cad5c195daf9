"""Detectors of strangeness that share one contract; higher is stranger, whatever the library's own sign."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np


class FittedDetector(Protocol):
    """A detector that has seen its training rows; picklable."""

    def score(self, rows: np.ndarray) -> np.ndarray:
        """Raw scores, shape (n_rows,), of rows of shape (n_rows, n_features): higher is stranger."""


@dataclass(frozen=True, slots=True)
class Detector:
    """A named way to fit: ``fit(rows, seed)`` on rows of shape (n_rows, n_features), without missing values."""

    name: str
    fit: Callable[[np.ndarray, int], FittedDetector]


def sampled(rows: np.ndarray, most: int, seed: int) -> np.ndarray:
    """At most ``most`` of the rows, drawn without replacement: bounds the cost of a fit."""
    if len(rows) <= most:
        return rows
    chosen = np.random.default_rng(seed).choice(len(rows), size=most, replace=False)
    return rows[np.sort(chosen)]
