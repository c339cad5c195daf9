"""The alert budget on simulated sessions: alarms a week among healthy ones that came after the training window.

Half of some weeks of a team's ordinary work is learnt from. The other half is looked at while it runs, at the
checkpoints and half-way between them, and once more when it has ended. ``-s`` shows the figures.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest

from analytics.activity import WorkingHours
from analytics.alert_budget import WEEK_NS, AlertBudget, Looks, fit_alert_budget
from analytics.analyses import risk
from analytics.analysis import SessionRows
from analytics.feature_matrix import measure_features
from analytics.intake import build_event_table
from analytics.registry import load_analyses
from analytics.risk_score import anomaly_part
from analytics.sessions import CHECKPOINTS, SessionEvents
from analytics.simulation import SimulationSettings, simulate_team
from exporter.evaluation.corpus import measure_corpus
from exporter.judging import run_analyses
from exporter.measuring import measure_sessions, session_rows
from exporter.training import fit_models
from exporter.world import EnabledAnalysis, Models
from tests.builders import START
from tests.exporter.worlds import RULES

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif("SIGYN_SLOW" not in os.environ, reason="slow; set SIGYN_SLOW=1"),
]

END_NS = int(START.timestamp()) * 10**9
TEAM = SimulationSettings(END_NS, sessions=6_000, days=60, users=40, anomalous_ratio=0.0)
YOUNG_TEAM = SimulationSettings(END_NS, sessions=2_400, days=24, users=30, anomalous_ratio=0.0)
HALFWAY = tuple(round(age * 2**0.5) for age in CHECKPOINTS)
HIGH = 0.7


def table_of(sessions):
    return build_event_table([record for one in sessions for record in one.records], "native").table


def looks_at(sessions: SessionEvents, ages: tuple[int, ...]) -> Iterator[SessionRows]:
    """The sessions as they ended, and as they were at the ages that they passed."""
    whole = session_rows(measure_sessions(sessions, (), RULES, WorkingHours()))
    yield whole
    place = {info.session_id: number for number, info in enumerate(whole.infos)}
    for age in ages:
        young = measure_features(sessions.at_ages((age,)), WorkingHours()) if max(sessions.lengths) > age else None
        numbers = [place[session_id] for session_id in young.session_ids] if young else []
        if numbers:
            yield SessionRows(
                tuple(replace(whole.infos[number], events=age) for number in numbers),
                young.values,
                tuple(() for _ in numbers),
                tuple(whole.traces[number].until(age) for number in numbers),
            )


@dataclass
class Trial:
    """What the fit saw of its held-back sessions, and the highest anomaly of each new session."""

    looks: Looks
    per_week: float
    at_checkpoints: np.ndarray
    at_all_looks: np.ndarray
    weeks: float

    def budget(self, allowed: float | None) -> AlertBudget:
        return fit_alert_budget(self.looks, self.per_week, allowed)

    def alarms(self, budget: AlertBudget) -> tuple[int, int]:
        """At the checkpoints, and with the looks between them."""
        few, many = (
            int((anomaly_part(highest, budget.high_at) >= HIGH).sum())
            for highest in (self.at_checkpoints, self.at_all_looks)
        )
        sys.stdout.write(
            f"\nallowed {budget.allowed}: high at {budget.high_at:.2f}, {budget.expected:.1f} a week expected; "
            f"{few / self.weeks:.1f} at checkpoints, {many / self.weeks:.1f} with looks between\n"
        )
        return few, many


def tried(settings: SimulationSettings, seed: int) -> Trial:
    team = sorted(
        simulate_team(settings, np.random.default_rng(seed)),
        key=lambda one: max(line["timestamp"] for line in one.records),
    )
    middle = len(team) // 2
    corpus = measure_corpus(table_of(team[:middle]), RULES, WorkingHours())
    enabled = tuple(EnabledAnalysis(one, one.settings()) for one in load_analyses())
    seen = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(risk, "fit_alert_budget", lambda *given: seen.extend(given) or fit_alert_budget(*given))
        models = Models(fit_models(corpus.history(list(corpus.by_id)), enabled, Models()))
    sessions = SessionEvents.from_table(table_of(team[middle:]).without_details())

    def highest(ages):
        found: dict[str, float] = {}
        for rows in looks_at(sessions, ages):
            for name, one in run_analyses(enabled, models, rows)["risk"].sessions.items():
                found[name] = max(found.get(name, 0.0), one.anomaly or 0.0)
        return np.array([found[name] for name in sessions.session_ids])

    at_checkpoints, between = highest(CHECKPOINTS), highest(HALFWAY)
    ended = sessions.table.values("time_ns")[sessions.starts[1:] - 1]
    weeks = float(np.ptp(ended)) / WEEK_NS
    return Trial(seen[0], seen[1], at_checkpoints, np.maximum(at_checkpoints, between), weeks)


@pytest.fixture(scope="module")
def trial():
    return tried(TEAM, 12)


@pytest.mark.parametrize("allowed", [None, 20.0, 7.0, 2.0])
def test_unseen_healthy_sessions_raise_no_more_alarms_a_week_than_expected(trial, allowed):
    budget = trial.budget(allowed)
    few, many = trial.alarms(budget)
    expected = budget.expected * trial.weeks
    # Counted twice, among the sessions held back and among the new ones, and each count has its own chance.
    assert many <= expected + 3 * np.sqrt(2 * expected)
    assert few >= expected / 2 - 3 * np.sqrt(2 * expected)
    assert allowed is None or budget.expected <= allowed


def test_a_smaller_budget_spares_more_alarms_after_twelve_days_of_history_too():
    trial = tried(YOUNG_TEAM, 5)
    alarms = {allowed: trial.alarms(trial.budget(allowed))[1] for allowed in (None, 20.0, 7.0, 2.0)}
    assert alarms[None] > alarms[20.0] > alarms[7.0] > alarms[2.0]
