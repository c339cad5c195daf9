from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from analytics.evaluation import attribution
from analytics.evaluation.attribution import (
    CANDIDATES,
    OURS,
    PICKED,
    judge_problem,
    problem_of,
    random_folds,
    time_split,
)
from analytics.evaluation.grouping_trial import METHODS, judge_groupings
from analytics.evaluation.injection import families
from analytics.evaluation.wrong_user_trial import KNOWN, UNKNOWN, judge_wrong_users
from tests.analytics.histories import history_of, rows_of
from tests.analytics.planted_users import READER, STRANGER, sessions_by, team
from tests.analytics.test_session_categories import blobs


@pytest.fixture(scope="module")
def problem():
    rows = rows_of(team(25) + sessions_by(STRANGER, 6))
    users = [info.user_id for info in rows.infos]
    return problem_of("user", rows, users, families(rows.infos), has_clock=True)


@pytest.fixture(autouse=True)
def _few_candidates(monkeypatch):
    """Without those that take long."""
    few = {name: CANDIDATES[name] for name in (OURS, "linear discriminant", "nearest neighbours")}
    monkeypatch.setattr(attribution, "CANDIDATES", few)


def test_rare_classes_are_out_and_sessions_stand_in_order_of_time(problem):
    assert problem.classes == ("ana", "bob", "cat")
    started = [info.started_ns for info in problem.rows.infos]
    assert started == sorted(started)
    rows = rows_of(sessions_by(READER, 30))
    assert problem_of("user", rows, ["ana"] * 30, families(rows.infos), has_clock=True) is None


def test_no_family_is_fitted_on_and_judged(problem):
    whole = replace(problem, family=np.arange(len(problem.labels)) // 5)
    for fitted, judged in [*random_folds(whole, 0), *time_split(whole)]:
        assert not set(whole.family[fitted]) & set(whole.family[judged])
        assert sorted([*fitted, *judged]) == list(range(len(whole.labels)))


def test_the_split_by_time_judges_later_sessions(problem):
    ((fitted, judged),) = time_split(problem)
    labels = np.array(problem.labels)
    for user in problem.classes:
        assert max(fitted[labels[fitted] == user]) < min(judged[labels[judged] == user])


def test_planted_users_are_found_and_the_majority_is_not_enough(problem):
    rows = {row.method: row for row in judge_problem(problem, "random", random_folds(problem, 0), 0)}
    assert set(rows) == {"majority class", "tool histogram", PICKED, *attribution.CANDIDATES}
    assert rows[OURS].top_1.value > 0.95
    assert rows[OURS].top_1.low <= rows[OURS].top_1.value <= rows[OURS].top_1.high
    assert rows["majority class"].top_1.value <= 0.5
    assert all(row.top_3.value == 1.0 for row in rows.values() if row.method != "nearest neighbours")


def test_labels_dealt_at_random_cannot_be_attributed(problem):
    mixed = tuple(np.random.default_rng(0).permutation(problem.labels))
    dealt = replace(problem, labels=mixed)
    rows = {row.method: row for row in judge_problem(dealt, "random", random_folds(dealt, 0), 0)}
    # Chance is 0.33 of 75 sessions; above 0.52 lies one in a thousand.
    assert rows[OURS].top_1.value < 0.52


def test_swapped_users_are_told_from_untouched_sessions(problem):
    records = {info.session_id: [] for info in problem.rows.infos}
    for one in team(25):
        records[one["session_id"]].append(one)

    def histories(ids):
        return history_of([one for name in ids for one in records[name]])

    rows = {row.other: row for row in judge_wrong_users(problem, "random", random_folds(problem, 0), histories, 0)}
    assert set(rows) == {KNOWN, UNKNOWN}
    assert rows[KNOWN].auroc.value > 0.98
    assert rows[KNOWN].swapped == 2 * rows[KNOWN].genuine
    assert rows[KNOWN].found.value > 0.8
    assert rows[KNOWN].false_alarms.value < 0.2


def test_planted_groups_are_stable_and_keep_their_ids():
    vectors = blobs(each=60)[np.random.default_rng(0).permutation(180)]
    rows = {row.method: row for row in judge_groupings(vectors, 0)}
    assert set(rows) == set(METHODS)
    hdbscan = rows["HDBSCAN categories"]
    assert hdbscan.groups == 3
    assert hdbscan.agreement > 0.6
    assert hdbscan.kept == 1.0
