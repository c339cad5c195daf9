"""Which training sessions teach what is ordinary: not those in which the rules found what is worth an alert.

A few attacks in the training window would otherwise teach the detectors that such sessions are ordinary and stand at
the top of the calibration, where they hide their like. Where the users have many sessions with such findings, they
are everyday business of this deployment, and all teach; the median user decides, so that no single one can flood the
window into that.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from analytics.analysis import History
from analytics.held_back_odds import select

ALERTING: Final = frozenset(("high", "critical"))
"""Severities of findings that make a session teach nothing."""
MOST_LEFT_OUT: Final = 0.1
"""Share of the median user's sessions with such findings above which nobody is left out."""


def vetted(history: History) -> History:
    """The sessions that teach, with their earlier ages; those left out keep no row."""
    is_alerting = np.array(
        [any(finding.severity in ALERTING for finding in found) for found in history.sessions.findings], dtype=bool
    )
    if not is_alerting.any() or _usual_share(history, is_alerting) > MOST_LEFT_OUT:
        return history
    kept = np.flatnonzero(~is_alerting)
    place = np.full(len(history), -1)
    place[kept] = np.arange(len(kept))
    rows = np.flatnonzero(place[history.checkpoint_session] >= 0)
    findings = tuple(history.sessions.findings[number] for number in kept.tolist())
    return History(
        replace(select(history.sessions, kept), findings=findings),
        history.checkpoint_values[rows],
        history.checkpoint_ages[rows],
        place[history.checkpoint_session[rows]],
    )


def _usual_share(history: History, is_alerting: np.ndarray) -> float:
    """The median over the users of the share of their sessions that the mask, shape (n_sessions,), chooses."""
    _, user = np.unique([info.user_id or "" for info in history.sessions.infos], return_inverse=True)
    return float(np.median(np.bincount(user, weights=is_alerting) / np.bincount(user)))
