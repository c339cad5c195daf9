"""The rows that the risk models learn from: each training session at its end and at the ages it passed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analytics.age_calibration import age_bucket
from analytics.analysis import History
from analytics.baseline import Baseline
from analytics.ensemble import Evidence, TraceScopes
from analytics.feature_rows import FeatureRows
from analytics.reasons import direct
from analytics.sessions import SessionInfo
from analytics.step_evidence import trace_scopes
from analytics.wrong_user import held_back_odds


def step_scopes(info: SessionInfo) -> TraceScopes:
    """The scopes of a session's steps, widest first."""
    return trace_scopes(info.agent, info.model)


@dataclass(frozen=True)
class TrainingRows:
    """Final and checkpoint rows of the training sessions, one under the other.

    Attributes:
        history: the sessions.
        values: features, shape (n_rows, n_features), in the history's own tables.
        ages: events the session had, shape (n_rows,).
        session: number of the row's session, shape (n_rows,).
        is_final: whether the row is its session's last one, shape (n_rows,).
        odds: odds against the session's own user by a fit that did not see it, NaN unknown, shape (n_rows,).
    """

    history: History
    values: FeatureRows
    ages: np.ndarray
    session: np.ndarray
    is_final: np.ndarray
    odds: np.ndarray

    @classmethod
    def of(cls, history: History) -> TrainingRows:
        """Stack the rows of a history."""
        count = len(history)
        ages = np.concatenate([history.sessions.ages, history.checkpoint_ages])
        session = np.concatenate([np.arange(count), history.checkpoint_session])
        odds = held_back_odds(history)
        keys = zip(session.tolist(), age_bucket(ages).tolist(), strict=True)
        return cls(
            history,
            FeatureRows.of(history.sessions.values, history.checkpoint_values),
            ages,
            session,
            np.arange(len(ages)) < count,
            np.array([odds.get(key, np.nan) for key in keys]),
        )

    def evidence(self, chosen: np.ndarray, baseline: Baseline) -> Evidence:
        """What the detectors look at in the chosen rows (numbers of shape (n,))."""
        sessions = self.history.sessions
        numbers = self.session[chosen].tolist()
        who = [sessions.who_of(number) for number in numbers]
        deviations = baseline.standardise(np.asarray(self.values[chosen]), self.ages[chosen], who)
        return Evidence(
            direct(deviations),
            [
                sessions.trace(number) if is_final else sessions.trace(number).until(int(age))
                for number, age, is_final in zip(numbers, self.ages[chosen], self.is_final[chosen], strict=True)
            ],
            [step_scopes(sessions.infos[number]) for number in numbers],
            self.ages[chosen],
            who,
            self.odds[chosen],
        )

    def one_a_bucket(self) -> np.ndarray:
        """Mask that leaves each session once in each age bucket: its final row where that falls in it."""
        buckets = age_bucket(self.ages)
        final_bucket = np.zeros(int(self.session.max()) + 1, dtype=np.int64)
        final_bucket[self.session[self.is_final]] = buckets[self.is_final]
        return self.is_final | (buckets != final_bucket[self.session])
