"""What twenty benign verdicts do for a user with odd but honest habits, measured on sessions not seen before.

From the middle of the simulated time on, the user waits for a deployment by polling and retries a flaky command, in
every session; nobody did so while the model was fitted. Attacks are planted into sessions that have the habit.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
import pytest

from analytics.activity import WorkingHours
from analytics.analyses.risk import RiskModel, RiskSettings, fit, run
from analytics.analysis import SessionRows
from analytics.leniency import Leniency
from analytics.marked_session import MarkedSession
from analytics.simulation import SimulationSettings, UnusableSessionError, inject, simulate_team
from exporter.batch_run import history_of, read_inputs
from exporter.measuring import session_rows
from tests.builders import START
from tests.exporter.worlds import RULES, Lines

pytestmark = pytest.mark.slow

HABIT = (("stall", "strong"), ("retry_storm", "mild"))
KINDS = (
    "secret_access", "exfiltration", "destruction", "persistence", "reconnaissance", "scope_violation",
    "permission_bypass", "hijacked_tool_use",
)  # fmt: skip
MARKS = 20
HIGH, MEDIUM = 0.7, 0.4


def inputs_of(sessions):
    lines = Lines([one for session in sessions for one in session], batch=20_000)
    return read_inputs(lines, RULES, WorkingHours(), 0, lambda _share: None)


def rows_of(sessions) -> SessionRows:
    return session_rows(inputs_of(sessions).measured)


def with_deeds(records, deeds, seed):
    """The session with deeds done in it, one after the other; None where it has no room for one."""
    try:
        for kind, strength in deeds:
            records = inject(records, kind, strength, np.random.default_rng(seed)).records
    except UnusableSessionError:
        return None
    return records


@dataclass
class Trial:
    model: RiskModel
    leniency: Leniency
    honest: SessionRows
    attacked: dict[str, SessionRows]

    def risks(self, rows: SessionRows, leniency: Leniency) -> np.ndarray:
        found = run(replace(rows, leniency=leniency), self.model, RiskSettings(), {}).sessions
        return np.array([one.risk or 0.0 for one in found.values()])

    def before_and_after(self, rows: SessionRows) -> tuple[np.ndarray, np.ndarray]:
        return self.risks(rows, Leniency()), self.risks(rows, self.leniency)


@pytest.fixture(scope="module")
def trial():
    settings = SimulationSettings(
        int(START.timestamp()) * 1_000_000_000, 600, 40, 3, anomalous_ratio=0.0, agents={"claude-code": 1.0}
    )
    team = list(simulate_team(settings, np.random.default_rng(23)))
    past, present = team[: len(team) // 2], team[len(team) // 2 :]
    user = Counter(one.user_id for one in present).most_common(1)[0][0]
    noisy = [with_deeds(one.records, HABIT, [n, 7]) for n, one in enumerate(present) if one.user_id == user]
    noisy = [records for records in noisy if records is not None]
    marked, unseen = rows_of(noisy[:MARKS]), noisy[MARKS:]
    benign = [
        MarkedSession(info.session_id, who, frozenset(one.rule for one in found), values, int(age), trace)
        for info, who, found, values, age, trace in zip(
            marked.infos, marked.who, marked.findings, marked.values, marked.ages, marked.traces, strict=True
        )
    ]
    attacked = {}
    for strength in ("mild", "strong"):
        planted = [
            with_deeds(records, [(kind, strength)], [n, 3]) for kind in KINDS for n, records in enumerate(unseen[:15])
        ]
        named = [
            [{**line, "session_id": f"{n}-{line['session_id']}"} for line in records]
            for n, records in enumerate(planted)
            if records is not None
        ]
        attacked[strength] = rows_of(named)
    model = fit(history_of(inputs_of(one.records for one in past)), RiskSettings(), None)
    return Trial(model, Leniency.of(benign), rows_of(unseen), attacked)


@pytest.mark.parametrize("line", [HIGH, MEDIUM])
def test_false_alarms_on_unseen_sessions_at_least_halve(trial, line):
    before, after = trial.before_and_after(trial.honest)
    assert len(before) >= 60
    assert (before >= line).sum() >= 15
    assert (after >= line).sum() <= (before >= line).sum() / 2


def test_no_strong_attack_is_lost(trial):
    before, after = trial.before_and_after(trial.attacked["strong"])
    assert (before >= HIGH).sum() >= 0.9 * len(before)
    assert (after >= HIGH).sum() >= (before >= HIGH).sum()


@pytest.mark.parametrize("strength", ["mild", "strong"])
def test_at_the_same_share_of_false_alarms_more_attacks_are_found(trial, strength):
    honest, attacked = trial.before_and_after(trial.honest), trial.before_and_after(trial.attacked[strength])
    found = [(ours > np.quantile(theirs, 0.95)).mean() for ours, theirs in zip(attacked, honest, strict=True)]
    assert found[1] >= found[0]
