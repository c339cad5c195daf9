"""Whether the first reason names what was planted: one fit, every cause in every session that was not fitted on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from analytics.activity import WorkingHours
from analytics.analyses.risk import RiskResult
from analytics.analysis import Analysis, History
from analytics.evaluation.cause_row import ORDINARY, CauseRow, count_named, is_unusual
from analytics.evaluation.errors import EvaluationError
from analytics.evaluation.injection import FIT, families, part_by_user
from analytics.evaluation.planted_causes import CAUSES, Cause, Record, planted
from analytics.evaluation.trial import Trial, judge_trial
from analytics.features import FEATURE_NAMES
from analytics.intake import build_event_table
from analytics.rules import RuleSet
from exporter.evaluation.corpus import measure_corpus, measure_judged
from exporter.measuring import Measured, session_rows

LEAST_EVENTS: Final = 20
"""Events below which a session has no middle to plant anything in."""


@dataclass(frozen=True)
class CauseCase:
    """One session with a cause in it, and its features without."""

    cause: Cause
    measured: Measured
    before: np.ndarray

    @property
    def named(self) -> Measured:
        """The session under a name of its own: it is judged with every cause."""
        info = replace(self.measured.info, session_id=f"{self.measured.info.session_id} {self.cause.name}")
        return replace(self.measured, info=info)


def judge_causes(
    records: Sequence[Record],
    rules: RuleSet,
    analyses: Sequence[Analysis],
    seed: int,
    progress: Callable[[float], None] = lambda _: None,
) -> list[CauseRow]:
    """How often each cause is named, judged by a fit on half of each user's sessions.

    Args:
        records: native event lines of ordinary sessions.
        rules: the findings' rules.
        analyses: ``risk`` and all that it needs, in order.
        seed: of the split, the plants and the fit.
        progress: told the share done.

    Raises:
        EvaluationError: too few sessions to fit on or to plant in.
    """
    by_session: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        by_session[record["session_id"]].append(record)
    corpus = measure_corpus(build_event_table(records, "native").table, rules, WorkingHours())
    ids = sorted(corpus.by_id)
    infos = tuple(corpus.by_id[one].info for one in ids)
    is_fitted = part_by_user(infos, families(infos), np.random.default_rng((seed, 5))) == FIT
    history = corpus.history([one for one, fitted in zip(ids, is_fitted, strict=True) if fitted])
    others = {
        info.session_id: by_session[info.session_id]
        for info, fitted in zip(infos, is_fitted, strict=True)
        if not fitted and info.events >= LEAST_EVENTS
    }
    if not others:
        raise EvaluationError(f"no session of {LEAST_EVENTS} events is left to plant causes in; give more events")
    progress(0.3)
    plain = [corpus.by_id[one] for one in others]
    measured = _plant_everywhere(others, {one.info.session_id: one.values for one in plain}, rules, seed)
    progress(0.7)
    trial = Trial(history, session_rows([*plain, *(case.named for case in measured)]), seed)
    results = judge_trial(trial, analyses)["risk"].sessions
    progress(1.0)
    return [_row(cause, [case for case in measured if case.cause is cause], results, history) for cause in CAUSES]


def _plant_everywhere(
    sessions: Mapping[str, Sequence[Record]], before: Mapping[str, np.ndarray], rules: RuleSet, seed: int
) -> list[CauseCase]:
    return [
        CauseCase(cause, one, before[one.info.session_id])
        for cause in CAUSES
        for one in measure_judged(
            [build_event_table(planted(sessions, cause, seed), "native").table], rules, WorkingHours()
        )
    ]


def _row(cause: Cause, cases: Sequence[CauseCase], results: Mapping[str, RiskResult], history: History) -> CauseRow:
    columns = [FEATURE_NAMES.index(name) for name in cause.measured_by]
    users = np.array([info.user_id or "" for info in history.sessions.infos])
    habitual, told = 0, []
    for case in cases:
        before, after = results[case.measured.info.session_id].anomaly, results[case.named.info.session_id]
        if before is None or before >= ORDINARY or after.anomaly is None:
            continue
        own = history.sessions.values[users == (case.measured.info.user_id or "")][:, columns]
        if columns and not is_unusual(case.measured.values[columns], case.before[columns], own):
            habitual += 1
        else:
            told.append((after.anomaly, after.reasons))
    return count_named(cause, told, habitual)
