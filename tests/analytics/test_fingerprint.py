from __future__ import annotations

import numpy as np
import pytest

from analytics.analyses.fingerprint import FingerprintSettings, fit, run, unit_vectors
from analytics.analysis import NotEnoughData
from tests.analytics.histories import history_of, ordinary_records, rows_of
from tests.analytics.planted_users import SHELL, sessions_by, team
from tests.builders import ordinary_session, use

SETTINGS = FingerprintSettings()


def shell_records(count, user="cat", seed=9):
    """Sessions of somebody who does everything in the shell, fast and with long commands."""
    rng = np.random.default_rng(seed)
    return [
        {**one, "user_id": user, "agent": "claude-code"}
        for number in range(count)
        for one in (
            use(1e6 + number * 7200 + 2 * step, "Bash", session=f"shell{seed}-{number}", tool_use_id=f"b{number}-{step}",
                tool_input={"command": f"run {step}"}, tool_input_chars=int(rng.integers(2000, 4000)),
                tool_output_chars=int(rng.integers(5, 20)), duration_ms=5.0)
            for step in range(int(rng.integers(20, 30)))
        )
    ]  # fmt: skip


@pytest.fixture(scope="module")
def model():
    return fit(history_of(ordinary_records(60) + shell_records(30)), SETTINGS, None)


def test_different_behaviours_fall_into_different_clusters(model):
    views = run(rows_of(ordinary_records(6, seed=2) + shell_records(6, seed=4)), model, SETTINGS, {}).sessions
    shell = {view.cluster for name, view in views.items() if name.startswith("shell")}
    others = {view.cluster for name, view in views.items() if not name.startswith("shell")}
    assert len(shell) == 1
    assert not shell & others


def test_a_session_unlike_its_users_history_is_far_from_it(model):
    own = shell_records(3, seed=5)
    stolen = [
        {**one, "user_id": "cat", "session_id": "stolen"} for one in ordinary_session(1, np.random.default_rng(3))
    ]
    views = run(rows_of(own + stolen), model, SETTINGS, {}).sessions
    assert views["stolen"].distance > 3 > max(view.distance for name, view in views.items() if name != "stolen")


def test_clusters_keep_their_ids_across_retraining(model):
    again = fit(history_of(ordinary_records(70, seed=0) + shell_records(32)), SETTINGS, model)
    fresh = run(rows_of(shell_records(3, seed=6)), again, SETTINGS, {}).sessions
    before = run(rows_of(shell_records(3, seed=6)), model, SETTINGS, {}).sessions
    assert {view.cluster for view in fresh.values()} == {view.cluster for view in before.values()}


def test_the_same_behaviour_has_the_same_id(model):
    views = [run(rows_of(shell_records(1, seed=7)), model, SETTINGS, {}).sessions["shell7-0"] for _ in range(2)]
    assert views[0] == views[1]
    assert views[0].id.startswith("f-")


def test_nobody_without_history_has_a_distance_of_their_own(model):
    stranger = [{**one, "agent": "unheard-of"} for one in ordinary_records(1, seed=8)]
    (view,) = run(rows_of(stranger), model, SETTINGS, {}).sessions.values()
    assert view.distance is None


def test_too_few_sessions_give_no_fingerprints():
    assert fit(history_of(ordinary_records(10)), SETTINGS, None) == NotEnoughData(20)
    assert run(rows_of(ordinary_records(1)), None, SETTINGS, {}).sessions == {}


def test_vectors_have_unit_length_and_unknown_is_typical():
    vectors = unit_vectors(np.array([[3.0, np.nan, 4.0]]))
    assert np.allclose(vectors, [[0.6, 0.0, 0.8]])


@pytest.fixture(scope="module")
def team_model():
    return fit(history_of(team(30)), SETTINGS, None)


def test_a_view_says_whose_habits_it_shows_and_what_its_cluster_does(team_model):
    views = run(rows_of(sessions_by(SHELL, 10, seed=1)), team_model, SETTINGS, {}).sessions.values()
    assert sum(view.likely_user == "cat" for view in views) >= 8
    assert sum("`Bash`" in (view.description or "") for view in views) >= 8
    assert all((view.user_probability is None) == (view.likely_user is None) for view in views)


def test_a_session_under_the_wrong_user_is_told_in_its_view(team_model):
    swapped = run(rows_of(sessions_by(SHELL, 10, seed=2, claimed="ana")), team_model, SETTINGS, {}).sessions
    assert all(view.wrong_user >= 0.95 for view in swapped.values())


def test_few_sessions_of_a_user_claim_nothing():
    few = fit(history_of(team(12)), SETTINGS, None)
    views = run(rows_of(sessions_by(SHELL, 4, seed=3)), few, SETTINGS, {}).sessions.values()
    assert {(view.likely_user, view.user_probability, view.wrong_user) for view in views} == {(None, None, None)}


def test_categories_and_their_descriptions_stay_across_retraining(team_model):
    again = fit(history_of(team(34)), SETTINGS, team_model)
    rows = rows_of(team(10, seed=4))
    before, after = (run(rows, model, SETTINGS, {}).sessions for model in (team_model, again))
    both = [name for name in before if before[name].category and after[name].category]
    assert len(both) >= 15
    assert all(before[name].category == after[name].category for name in both)
    assert all(after[name].category_description for name in both)
