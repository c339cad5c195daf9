from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from analytics.held_back_odds import HeldBackOdds, stretches
from analytics.training_rows import TrainingRows
from analytics.wrong_user import fit_user_model, wrong_user_evidence
from tests.analytics.histories import history_of, rows_of
from tests.analytics.planted_users import READER, SHELL, STRANGER, USERS, WRITER, sessions_by, team


@pytest.fixture(scope="module")
def model():
    return fit_user_model(history_of(team(40)))


@pytest.mark.parametrize("habit", USERS, ids=lambda habit: habit.user)
def test_unseen_sessions_are_attributed_to_the_user_with_their_habits(model, habit):
    evidence = wrong_user_evidence(model, rows_of(sessions_by(habit, 20, seed=1)))
    named = [one.likely_user for one in evidence]
    assert named.count(habit.user) >= 17
    assert set(named) <= {habit.user, None}
    assert all(0 <= one.probability <= 1 for one in evidence)


def test_a_session_under_the_wrong_user_is_found(model):
    own = wrong_user_evidence(model, rows_of(sessions_by(READER, 20, seed=2)))
    swapped = wrong_user_evidence(model, rows_of(sessions_by(SHELL, 20, seed=2, claimed="ana")))
    assert min(one.odds_against for one in swapped) > max(one.odds_against for one in own)
    assert max(one.p_value for one in swapped) <= 0.05
    assert {one.likely_user for one in swapped} <= {"cat", None}


def test_a_users_own_sessions_raise_few_alarms(model):
    rows = rows_of(team(60, seed=3))
    p_values = np.array([one.p_value for one in wrong_user_evidence(model, rows)])
    # 180 sessions at a promise of 5 %: more than 20 would happen once in a thousand times.
    assert (p_values <= 0.05).sum() <= 20


def test_a_user_without_history_is_unknown_and_not_accused(model):
    evidence = wrong_user_evidence(model, rows_of(sessions_by(READER, 5, seed=4, claimed="newcomer")))
    assert {(one.odds_against, one.p_value) for one in evidence} == {(None, None)}
    assert {one.likely_user for one in evidence} <= {"ana", None}


def test_habits_between_two_users_are_nobodys():
    model = fit_user_model(history_of(team(40)))
    mixed = replace(READER, user="mix", tools={"Bash": 0.4, "Read": 0.3, "Edit": 0.3}, hour=8.5, chars=300)
    evidence = wrong_user_evidence(model, rows_of(sessions_by(mixed, 20, seed=5)))
    assert [one.likely_user for one in evidence].count(None) >= 15


def test_another_agents_sessions_are_not_judged(model):
    records = [{**one, "agent": "codex"} for one in sessions_by(READER, 3, seed=6)]
    assert wrong_user_evidence(model, rows_of(records)) == [None, None, None]


@pytest.mark.parametrize(
    "records",
    [team(12), sessions_by(READER, 60), [{**one, "user_id": None} for one in team(30)]],
    ids=["few sessions", "one user", "no user"],
)
def test_nothing_is_claimed_without_two_users_with_history(records):
    assert fit_user_model(history_of(records)) is None


def test_a_user_with_few_sessions_is_left_out_beside_others():
    model = fit_user_model(history_of(team(30) + sessions_by(STRANGER, 5)))
    assert model.attributors["claude-code"].classes == ("ana", "bob", "cat")


def test_a_young_session_is_set_against_others_at_its_age(model):
    young = [
        one
        for day in range(20)
        for one in [r for r in sessions_by(WRITER, 20, seed=7) if r["session_id"].endswith(f"-{day}")][:8]
    ]
    evidence = wrong_user_evidence(model, rows_of(young))
    assert sum(one.p_value <= 0.05 for one in evidence) <= 4


def test_each_row_that_is_calibrated_on_has_the_odds_of_its_own_age():
    rows = TrainingRows.of(history_of(team(30)))
    calibrated = rows.one_a_bucket()
    assert len(set(rows.ages[calibrated].tolist())) > 5
    assert not np.isnan(rows.odds[calibrated]).any()


def test_all_held_back_odds_of_an_agent_are_at_hand_to_calibrate_on(model):
    assert len(model.held_back_odds("claude-code")) >= 120
    assert np.median(model.held_back_odds("claude-code")) < 0
    assert len(model.held_back_odds("codex")) == 0


def test_p_values_are_conformal_and_need_enough_rows():
    held = HeldBackOdds(np.arange(39.0), np.full(39, 5), np.arange(39))
    assert held.p_value(1e9, 5, 20) == pytest.approx(1 / 40)
    assert held.p_value(-1e9, 5, 20) == 1.0
    assert held.p_value(0.0, 9, 20) == 1.0
    assert held.p_value(0.0, 5, 40) is None


def test_a_family_lies_in_one_stretch():
    rows = rows_of(team(8))
    first = rows.infos[0].session_id
    infos = tuple(
        replace(info, parent_session_id=first if info.session_id.endswith("-7") else None) for info in rows.infos
    )
    fold = stretches(replace(rows, infos=infos))
    family = {int(fold[number]) for number, info in enumerate(infos) if info.parent_session_id == first}
    assert family == {int(fold[0])}
    assert len(set(fold.tolist())) > 1
