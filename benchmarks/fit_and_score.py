"""Fitting all analyses on growing numbers of sessions, and scoring one session and a thousand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from sklearn.ensemble import IsolationForest

from analytics.analysis import SessionRows
from analytics.assessment import assess
from benchmarks.bench import Bench, median_seconds, percentiles, say, seconds
from benchmarks.child import Outcome, in_child
from benchmarks.grown_sessions import MEASURED, enabled_analyses, grow, measured_sessions, part
from benchmarks.table import Row, duration, size
from exporter.judging import run_analyses
from exporter.training import fit_models
from exporter.world import Models

SIZES: Final = (1_000, 10_000, 30_000)
SIZE_FULL: Final = 100_000
FIT_TARGETS: Final = {30_000: (60.0, 1.5e9), 100_000: (120.0, 2.0e9)}
"""Most seconds and bytes of a fit, by number of sessions."""
SCORED_WITH: Final = 30_000
"""Sessions behind the model that scoring is measured with."""
MOST_SECONDS_ONE: Final = 0.02
MOST_SECONDS_THOUSAND: Final = 0.25
_REPEATS_ONE: Final = 500
_SCORED_SEED: Final = 1


def rows(bench: Bench) -> Iterator[Row]:
    """Fits by size, then scoring."""
    say(f"fit: simulating and measuring {MEASURED:,} sessions")
    measured = measured_sessions(bench)
    smallest: Outcome | None = None
    for count in (*SIZES, SIZE_FULL) if bench.is_full else SIZES:
        say(f"fit: {count:,} sessions")
        fitted = in_child(fit, measured, count, bench.now_ns)
        smallest = smallest or fitted
        yield _fit_row(count, fitted, smallest)
    say("score: one session and a thousand")
    yield from _score_rows(in_child(score, measured, bench.now_ns).answer)


def _fit_row(count: int, fitted: Outcome, smallest: Outcome) -> Row:
    took, bare = fitted.answer["fit"], fitted.answer["bare"]
    beside = f"bare scikit-learn Isolation Forest on the final rows {duration(bare)}"
    if count > SIZES[0]:
        beside += f"; {took / smallest.answer['fit']:.1f} times the time for {count // SIZES[0]} times the sessions"
    row = Row(
        f"Fit all analyses, {count:,} sessions with {fitted.answer['rows']:,} checkpoint rows (rows resampled)",
        f"{duration(took)}, peak {size(fitted.peak_bytes)}",
        beside,
    )
    if count not in FIT_TARGETS:
        return row
    most_seconds, most_bytes = FIT_TARGETS[count]
    return Row(
        row.measured,
        row.figure,
        row.beside,
        f"≤ {duration(most_seconds)}, ≤ {size(most_bytes)}",
        took <= most_seconds and fitted.peak_bytes <= most_bytes,
    )


def _score_rows(answer: dict[str, Any]) -> Iterator[Row]:
    one, bare = answer["one"], answer["bare_one"]
    yield Row(
        f"Score one session ({_REPEATS_ONE} times, model of {SCORED_WITH:,})",
        f"p50 {duration(one['p50'])}, p99 {duration(one['p99'])}",
        f"bare scikit-learn Isolation Forest alone p50 {duration(bare['p50'])}, p99 {duration(bare['p99'])}",
        f"p99 ≤ {duration(MOST_SECONDS_ONE)}",
        one["p99"] <= MOST_SECONDS_ONE,
    )
    yield Row(
        "Score 1,000 sessions at once",
        duration(answer["thousand"]),
        f"bare scikit-learn Isolation Forest alone {duration(answer['bare_thousand'])}",
        f"≤ {duration(MOST_SECONDS_THOUSAND)}",
        answer["thousand"] <= MOST_SECONDS_THOUSAND,
    )


def fit(measured: str, count: int, now_ns: int) -> dict[str, float]:
    """Seconds to fit all analyses on ``count`` sessions, and a bare Isolation Forest on their final rows."""
    history = grow(measured, count, now_ns)
    took = seconds(lambda: fit_models(history, enabled_analyses(), Models()))
    bare = seconds(lambda: _bare_forest(history.sessions))
    return {"fit": took, "bare": bare, "rows": len(history.checkpoint_ages)}


def _bare_forest(sessions: SessionRows) -> IsolationForest:
    forest = IsolationForest(n_estimators=200, contamination=0.1, random_state=0)
    return forest.fit(np.nan_to_num(sessions.values))


def score(measured: str, now_ns: int) -> dict[str, Any]:
    """Seconds to judge sessions that the models did not see, with what a bare Isolation Forest takes for them."""
    analyses = enabled_analyses()
    history = grow(measured, SCORED_WITH, now_ns)
    models = Models(fitted=fit_models(history, analyses, Models()))
    unseen = grow(measured, 1_000, now_ns, seed=_SCORED_SEED).sessions
    forest, values = _bare_forest(history.sessions), np.nan_to_num(unseen.values)

    def judge(rows: SessionRows) -> None:
        assess(rows, run_analyses(analyses, models, rows), "benchmark", {})

    judge(unseen)
    ours, bare = [], []
    for number in range(_REPEATS_ONE):
        ours.append(seconds(lambda at=number: judge(part(unseen, at, at + 1))))  # type: ignore[misc]  # bound now
        bare.append(seconds(lambda at=number: forest.score_samples(values[at : at + 1])))  # type: ignore[misc]  # as above
    return {
        "one": percentiles(ours),
        "bare_one": percentiles(bare),
        "thousand": median_seconds(lambda: judge(unseen)),
        "bare_thousand": median_seconds(lambda: forest.score_samples(values)),
    }
