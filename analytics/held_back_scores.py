"""Training sessions scored by detectors that did not see them: what calibration and alert budget stand on."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from analytics.baseline import Baseline, fit_baseline
from analytics.detectors import Detector
from analytics.ensemble import FittedDetectors, HeldBack, fit_detectors
from analytics.held_back import folds
from analytics.spreading import Spread
from analytics.training_rows import TrainingRows

MOST_SESSIONS: Final = 4_000
"""Held-back sessions scored for calibration; more would not make the promise noticeably finer."""


@dataclass(frozen=True, slots=True)
class FitSettings:
    """How detectors are fitted, in whole and fold by fold.

    Attributes:
        detectors: the named detectors.
        minimum_events: events below which a row does not teach and is not scored.
        folds: parts the sessions are split into.
        seed: of everything random in the fit.
    """

    detectors: tuple[Detector, ...]
    minimum_events: int
    folds: int
    seed: int


def fit_on(rows: TrainingRows, chosen: np.ndarray, settings: FitSettings) -> tuple[Baseline, FittedDetectors]:
    """Fit baseline and detectors on the chosen sessions (mask of shape (n_sessions,))."""
    part = np.flatnonzero(chosen[rows.session] & (rows.ages >= settings.minimum_events))
    people = [rows.history.sessions.who_of(number) for number in rows.session[part]]
    baseline = fit_baseline(rows.values[part], rows.ages[part], rows.is_final[part], people)
    finals = part[rows.is_final[part]]
    return baseline, fit_detectors(settings.detectors, rows.evidence(finals, baseline), settings.seed)


def score_held_back(rows: TrainingRows, settings: FitSettings, spread: Spread) -> tuple[HeldBack, np.ndarray]:
    """Raw scores of the sessions, once in each age bucket, by detectors fitted on the other folds.

    Returns:
        The scores fold by fold, and the numbers of the rows they are of, shape (n_held,).
    """
    found = _folds(rows, settings)
    raw: dict[str, list[np.ndarray]] = defaultdict(list)
    for scores in spread(partial(_score_fold, rows, settings), found):
        for name, values in scores.items():
            raw[name].append(values)
    held = np.concatenate([fold.held for fold in found])
    by_name = {name: np.concatenate(parts) for name, parts in raw.items()}
    return HeldBack(by_name, rows.ages[held], rows.is_final[held]), held


@dataclass(frozen=True)
class _Fold:
    """What detectors are fitted on, mask of shape (n_sessions,), and the rows they score, shape (n_held,)."""

    fitted: np.ndarray
    held: np.ndarray


def _folds(rows: TrainingRows, settings: FitSettings) -> list[_Fold]:
    """The folds with anything to score: every session, held back from what the others are fitted on."""
    rng = np.random.default_rng(settings.seed)
    history = rows.history
    fold = folds(
        [info.started_ns for info in history.sessions.infos],
        [history.sessions.trace(number) for number in range(len(history))],
        [history.sessions.who_of(number) for number in range(len(history))],
        settings.folds,
    )
    usable = rows.one_a_bucket() & (rows.ages >= settings.minimum_events)
    usable &= (rng.permutation(len(history)) < MOST_SESSIONS)[rows.session]
    cut = [
        _Fold(fold != number, np.flatnonzero(usable & (fold[rows.session] == number)))
        for number in range(settings.folds)
    ]
    return [one for one in cut if len(one.held)]


def _score_fold(rows: TrainingRows, settings: FitSettings, fold: _Fold) -> dict[str, np.ndarray]:
    """Raw scores of the rows held back, by detectors fitted on the other folds."""
    baseline, detectors = fit_on(rows, fold.fitted, settings)
    return detectors.raw(rows.evidence(fold.held, baseline))
