from __future__ import annotations

import numpy as np
import pytest

from analytics.age_calibration import LEAST_IN_BUCKET, AgeCalibration, age_bucket, bucket_of
from analytics.calibration import Calibration


def calibrated(raw: np.ndarray, ages: np.ndarray) -> AgeCalibration:
    return AgeCalibration.of(raw, age_bucket(ages), np.ones(len(raw), dtype=bool))


def test_the_same_score_is_stranger_at_the_age_where_it_is_rarer():
    raw = np.concatenate([np.linspace(0, 1, 100), np.linspace(0, 10, 100)])
    ages = np.repeat([16, 256], 100)
    young, old = calibrated(raw, ages).score(np.array([2.0, 2.0]), np.array([16, 256]))
    assert young > 0.95
    assert old < 0.5


def test_an_age_with_too_few_sessions_is_judged_by_all():
    raw = np.concatenate([np.linspace(0, 1, 100), np.full(LEAST_IN_BUCKET - 1, 50.0)])
    ages = np.concatenate([np.full(100, 16), np.full(LEAST_IN_BUCKET - 1, 256)])
    assert calibrated(raw, ages).ground(256) == len(raw)


def test_ages_that_few_sessions_reach_share_one_calibration():
    ages = np.repeat([16, 256, 512, 1024], [100, 20, 20, 5])
    raw = np.where(ages == 16, np.linspace(0, 1, len(ages)), np.linspace(50, 60, len(ages)))
    known = calibrated(raw, ages)
    assert [known.ground(age) for age in (16, 256, 512, 4096)] == [100, 45, 45, 45]
    assert known.score(np.array([55.0]), np.array([1024]))[0] < 0.5
    own = known.own_score(raw, age_bucket(ages), np.ones(len(ages), dtype=bool))
    assert (own[ages > 16] > 0.9).mean() == pytest.approx(0.1, abs=0.03)


def test_one_age_lies_in_the_same_bucket_as_an_array_of_it():
    ages = np.arange(40_000)
    assert [bucket_of(age) for age in ages.tolist()] == age_bucket(ages).tolist()


@pytest.mark.parametrize(("age", "nearest"), [(11, 8), (12, 16), (22, 16), (23, 32)])
def test_what_is_usual_and_its_ground_are_those_of_the_sessions_it_is_scored_among(age, nearest):
    checkpoints = (8, 16, 32)
    raw = np.concatenate([np.linspace(0, 10**number, 100 + number) for number in range(3)])
    known = calibrated(raw, np.repeat(checkpoints, [100, 101, 102]))
    number = checkpoints.index(nearest)
    assert known.ground(age) == 100 + number
    assert known.usual(age) == pytest.approx(0.95 * 10**number)
    assert known.score(np.array([known.usual(age)]), np.array([age]))[0] == pytest.approx(0.95, abs=0.02)


def test_nothing_to_look_at_is_no_evidence():
    known = calibrated(np.linspace(0, 1, 100), np.full(100, 16))
    assert known.evidence(np.array([np.nan, 2.0]), np.array([16, 16]))[0] == 0.0


def test_where_hardly_anything_was_known_nothing_is_said():
    raw = np.full(100, np.nan)
    raw[:5] = 1.0
    silent = calibrated(raw, np.full(100, 16))
    assert silent.rest is None
    assert silent.score(np.array([9.0]), np.array([16]))[0] == 0.0
    assert silent.evidence(np.array([9.0]), np.array([16]))[0] == 0.0
    assert (silent.ground(16), silent.usual(16)) == (0, 0.0)


def test_held_back_rows_have_the_evidence_they_would_have_as_new_ones():
    # Each row left out in turn and judged by the others: that is what its own evidence stands for.
    raw = np.random.default_rng(0).normal(size=60)
    own = Calibration.of(raw).own_evidence(raw)
    for number in range(len(raw)):
        others = Calibration.of(np.delete(raw, number))
        assert own[number] == pytest.approx(others.evidence(raw[number : number + 1])[0], abs=0.05)


def test_the_joint_promise_holds_for_rows_that_were_not_calibrated_on():
    rng = np.random.default_rng(1)
    exceeded = []
    for _ in range(200):
        held, new = rng.exponential(size=(80, 3)), rng.exponential(size=(50, 3))
        voices = [Calibration.of(held[:, k]) for k in range(3)]
        joint = Calibration.of(sum(voices[k].own_evidence(held[:, k]) for k in range(3)))
        exceeded.append((joint.score(sum(voices[k].evidence(new[:, k]) for k in range(3))) > 0.95).mean())
    assert np.mean(exceeded) == pytest.approx(0.05, abs=0.02)
