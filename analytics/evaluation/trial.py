"""One fit and everything judged with it: the product's scores, and other detectors' beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final

import numpy as np

from analytics.analysis import Analysis, AnalysisResult, History, NotEnoughData, SessionRows
from analytics.evaluation.errors import EvaluationError
from analytics.evaluation.peer_space import peer_rows

NOT_JUDGED: Final = -1.0
"""Score of a session that the product does not judge: below every other, so never an alarm."""
LEAST_FIT: Final = 10
"""Sessions enough for a fit here; the product waits for more, but small sets would have no figures at all."""
RISK: Final = "sigyn risk"
ANOMALY: Final = "sigyn anomaly"
OURS: Final = "sigyn "
"""How the names of the product's scorers begin; a detector's is followed by its own name."""

Scores = dict[str, np.ndarray]
"""Scores by scorer, shape (n_sessions,) each; higher is stranger."""
Peers = Callable[[np.ndarray, np.ndarray, int], Scores]
"""Other detectors: rows to fit on, rows to judge, seed → scores."""


@dataclass(frozen=True)
class Trial:
    """Sessions to fit on and sessions to judge."""

    history: History
    rows: SessionRows
    seed: int


def needed_for(name: str, analyses: Sequence[Analysis]) -> tuple[Analysis, ...]:
    """An analysis and all that it needs, in the order they run."""
    by_name = {analysis.name: analysis for analysis in analyses}
    wanted, waiting = {name}, [name]
    while waiting:
        for other in by_name[waiting.pop()].needs:
            if other not in wanted:
                wanted.add(other)
                waiting.append(other)
    return tuple(analysis for analysis in analyses if analysis.name in wanted)


def run_trial(trial: Trial, analyses: Sequence[Analysis], peers: Peers | None = None) -> Scores:
    """Fit and judge.

    Args:
        trial: the sessions; each session to judge has an id of its own.
        analyses: ``risk`` and all that it needs, in order.
        peers: other detectors, fitted and judged on the same features.

    Raises:
        EvaluationError: too few sessions to fit on.
    """
    scores = product_scores(trial.rows, judge_trial(trial, analyses)["risk"].sessions)
    if peers is not None:
        scores.update(peers(*peer_rows(trial.history, trial.rows), trial.seed))
    return scores


def judge_trial(trial: Trial, analyses: Sequence[Analysis]) -> dict[str, AnalysisResult]:
    """Fit and judge: everything the analyses say, by their names.

    Raises:
        EvaluationError: too few sessions to fit on.
    """
    return fit_analyses(trial.history, analyses, trial.seed).judge(trial.rows)


@dataclass(frozen=True)
class Fitted:
    """Analyses with the settings and the model of one fit each, in the order they run."""

    parts: tuple[tuple[Analysis, Any, Any], ...]

    def judge(self, rows: SessionRows) -> dict[str, AnalysisResult]:
        """Everything the analyses say of some sessions, by their names."""
        results: dict[str, AnalysisResult] = {}
        for analysis, settings, model in self.parts:
            upstream = {name: results[name] for name in analysis.needs}
            results[analysis.name] = analysis.run(rows, model, settings, upstream)
        return results


def fit_analyses(history: History, analyses: Sequence[Analysis], seed: int) -> Fitted:
    """Fit once, to judge any number of times.

    Raises:
        EvaluationError: too few sessions to fit on.
    """
    parts = []
    for analysis in analyses:
        settings = _settings(analysis, seed)
        model = analysis.fit(history, settings, None)
        if isinstance(model, NotEnoughData):
            raise EvaluationError(
                f"{analysis.name}: {model.needed} more sessions are needed to fit on; "
                "give more sessions, or compare over fewer columns"
            )
        parts.append((analysis, settings, model))
    return Fitted(tuple(parts))


def _settings(analysis: Analysis, seed: int) -> Any:
    """The analysis's own settings, with the trial's seed and fewer sessions needed."""
    settings: Any = analysis.settings()
    known = {field.name for field in fields(settings)}
    changed = {"seed": seed, "minimum_sessions": LEAST_FIT}
    return replace(settings, **{name: value for name, value in changed.items() if name in known})


def product_scores(rows: SessionRows, judged: Mapping[str, Any]) -> Scores:
    """Risk, anomaly and each detector's score of some sessions, from their ``RiskResult``s."""
    results = [judged[info.session_id] for info in rows.infos]
    detectors = sorted({name for result in results for name in result.detectors or ()})
    scores = {
        RISK: _column([result.risk for result in results]),
        ANOMALY: _column([result.anomaly for result in results]),
    }
    for name in detectors:
        scores[f"{OURS}{name}"] = _column([(result.detectors or {}).get(name) for result in results])
    return scores


def _column(values: Sequence[float | None]) -> np.ndarray:
    return np.array([NOT_JUDGED if value is None else value for value in values], dtype=float)
