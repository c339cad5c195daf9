from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.calibration import Calibration, surprise

scores = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60)


@given(scores, st.lists(st.floats(-1e7, 1e7), min_size=1, max_size=30))
@settings(deadline=None, max_examples=200)
def test_scores_rise_with_the_raw_score_and_stay_below_the_promise(held, raw):
    calibration = Calibration.of(np.array(held))
    ordered = np.sort(np.array(raw))
    calibrated = calibration.score(ordered)
    assert (np.diff(calibrated) >= 0).all()
    assert (calibrated >= 0).all()
    # One minus the conformal p-value bounds the score from above, so the promise holds for every a.
    below = np.array([(np.array(held) < one).sum() for one in ordered])
    assert (calibrated <= below / (len(held) + 1) + 1e-12).all()


@pytest.mark.parametrize("share", [0.5, 0.9, 0.95, 0.99])
def test_healthy_sessions_exceed_a_score_no_more_often_than_promised(share):
    rng = np.random.default_rng(3)
    exceeding = [(Calibration.of(rng.normal(size=200)).score(rng.normal(size=200)) > share).mean() for _ in range(200)]
    assert np.mean(exceeding) <= 1 - share + 0.003


def test_beyond_the_largest_calibration_score_the_ranking_is_kept():
    calibrated = Calibration.of(np.arange(20.0)).score(np.array([19.5, 25.0, 100.0, 1e9]))
    assert (np.diff(calibrated) > 0).all()
    assert calibrated[-1] < 20 / 21


@given(scores)
@settings(deadline=None, max_examples=100)
def test_a_held_back_session_has_the_score_it_would_have_as_a_new_one(held):
    raw = np.array(held)
    own = Calibration.of(raw).own_score(raw)
    for number in range(len(raw)):
        others = np.delete(raw, number)
        alone = Calibration.of(others).score(raw[number : number + 1])[0] if len(others) else 0.0
        assert own[number] == pytest.approx(alone, abs=1e-12)


def test_a_score_needs_held_back_sessions():
    with pytest.raises(ValueError, match="at least one held-back session"):
        Calibration.of(np.array([]))


def test_surprise_counts_orders_of_magnitude():
    assert surprise(np.array([0.0, 0.9, 0.99, 1.0])) == pytest.approx([0, 1, 2, 12])
