"""A session that a person gave a verdict on, as an example for those that come after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analytics.baseline import Baseline, Who
from analytics.reasons import direct
from analytics.traces import EMPTY_TRACE, Trace


@dataclass(frozen=True, slots=True, eq=False)
class MarkedSession:
    """A session that a person called benign or malicious.

    Attributes:
        who: its agent and user.
        rules: the rules found in it.
        values: its features, shape (n_features,); None where they are of another feature schema.
        age: its events.
        trace: its steps, empty where they were not kept.
    """

    session_id: str
    who: Who
    rules: frozenset[str]
    values: np.ndarray | None
    age: int
    trace: Trace = EMPTY_TRACE


def deviations_of(examples: Sequence[MarkedSession], baseline: Baseline) -> np.ndarray:
    """Directed deviations of the examples with features, shape (n_examples, n_features)."""
    values = np.stack([example.values for example in examples if example.values is not None])
    ages = np.array([example.age for example in examples], dtype=np.int64)
    return direct(baseline.standardise(values, ages, [example.who for example in examples]))


def alignment(rows: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cosine of the angle between each row and each example, and the lengths of both.

    Returns:
        Shapes (n_rows, n_examples), (n_rows, 1) and (1, n_examples).
    """
    lengths, of_known = np.linalg.norm(rows, axis=1)[:, None], np.linalg.norm(known, axis=1)[None, :]
    return rows @ known.T / np.maximum(lengths * of_known, 1e-12), lengths, of_known
