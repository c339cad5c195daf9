from dataclasses import dataclass

import numpy as np
import pytest

from analytics.analysis import Analysis, AnalysisResult, NotEnoughData
from analytics.evaluation import EvaluationError
from analytics.evaluation.peer_space import peer_rows
from analytics.evaluation.trial import NOT_JUDGED, Trial, fit_analyses, judge_trial, needed_for, run_trial
from tests.analytics.histories import history_of, ordinary_records, rows_of


@dataclass(frozen=True)
class Settings:
    seed: int = 0
    minimum_sessions: int = 30


@dataclass(frozen=True)
class Result:
    risk: float | None
    anomaly: float | None
    detectors: dict[str, float] | None


def fit(history, settings, previous):
    assert previous is None
    return NotEnoughData(5) if len(history) < settings.minimum_sessions else (len(history), settings.seed)


def run(rows, model, settings, upstream):
    assert model[1] == settings.seed
    results = {
        info.session_id: Result(number / 10, number / 20, {"lof": 0.5}) if number else Result(None, None, None)
        for number, info in enumerate(rows.infos)
    }
    return AnalysisResult(results, {"needs": {(): float(len(upstream))}})


def analysis(name, needs=()):
    return Analysis(name, Settings, (), fit, run, needs)


HISTORY = history_of(ordinary_records(12))
ROWS = rows_of(ordinary_records(4, seed=1))


def test_scores_are_told_by_scorer_and_sessions_that_are_not_judged_lie_below_all_others():
    scores = run_trial(Trial(HISTORY, ROWS, 3), (analysis("risk"),))
    assert scores["sigyn risk"].tolist() == [NOT_JUDGED, 0.1, 0.2, 0.3]
    assert scores["sigyn anomaly"].tolist() == [NOT_JUDGED, 0.05, 0.1, 0.15]
    assert scores["sigyn lof"].tolist() == [NOT_JUDGED, 0.5, 0.5, 0.5]


def test_one_fit_judges_any_number_of_times_as_if_fitted_for_each():
    analyses = (analysis("steps"), analysis("risk", ("steps",)))
    fitted = fit_analyses(HISTORY, analyses, 3)
    expected = judge_trial(Trial(HISTORY, ROWS, 3), analyses)
    assert fitted.judge(ROWS) == fitted.judge(ROWS) == expected
    assert expected["risk"].readings["needs"][()] == 1


def test_small_sets_are_fitted_on_but_not_on_next_to_nothing():
    with pytest.raises(EvaluationError, match="risk: 5 more sessions are needed"):
        run_trial(Trial(history_of(ordinary_records(3)), ROWS, 0), (analysis("risk"),))


def test_an_analysis_comes_with_all_that_it_needs_in_order_and_without_the_rest():
    order = [analysis("drift"), analysis("steps"), analysis("other"), analysis("risk", ("drift",))]
    order[0] = analysis("drift", ("steps",))
    assert [one.name for one in needed_for("risk", order)] == ["drift", "steps", "risk"]


def test_peers_are_fitted_on_the_same_sessions_with_the_trials_seed():
    seen = []

    def peers(fitted, rows, seed):
        seen.append((fitted.shape, rows.shape, seed, np.isnan(fitted).any() or np.isnan(rows).any()))
        return {"pyod Own": rows[:, 0]}

    scores = run_trial(Trial(HISTORY, ROWS, 3), (analysis("risk"),), peers)
    features = HISTORY.sessions.values.shape[1]
    assert seen == [((12, features), (4, features), 3, False)]
    assert (scores["pyod Own"] == peer_rows(HISTORY, ROWS)[1][:, 0]).all()
