from __future__ import annotations

import numpy as np
import pytest

from analytics.baseline import BEND, bent, fit_baseline, from_model_space, scopes_of, to_model_space
from analytics.features import FEATURE_NAMES, FEATURES

ERRORS = FEATURE_NAMES.index("error_ratio")
OPERATIONS = FEATURE_NAMES.index("operations_total")
COST = FEATURE_NAMES.index("cost_usd_total")
ANA, BOB = ("claude-code", "ana"), ("claude-code", "bob")


def rows(count, seed=0, errors=0.1, operations=20.0):
    """Feature rows of alike sessions; the cost is never known."""
    rng = np.random.default_rng(seed)
    values = np.abs(rng.normal(0.5, 0.1, (count, len(FEATURES))))
    values[:, ERRORS] = np.clip(rng.normal(errors, 0.05, count), 0, 1)
    values[:, OPERATIONS] = np.exp(rng.normal(np.log(operations), 0.2, count))
    values[:, COST] = np.nan
    return values


def baseline_of(values, who, ages=None):
    ages = np.full(len(values), 40) if ages is None else ages
    return fit_baseline(values, ages, np.ones(len(values), dtype=bool), who)


def test_a_typical_session_deviates_little_and_a_planted_one_much():
    baseline = baseline_of(rows(200), [ANA] * 200)
    typical, odd = rows(1, seed=9)[0], rows(1, seed=9)[0]
    odd[ERRORS] = 0.9
    deviations = baseline.standardise(np.stack([typical, odd]), np.array([40, 40]), [ANA, ANA])
    assert abs(deviations[0, ERRORS]) < 3
    assert deviations[1, ERRORS] > BEND


def test_unknown_values_count_as_typical():
    baseline = baseline_of(rows(50), [ANA] * 50)
    assert not baseline.known[COST]
    assert baseline.standardise(rows(1), np.array([40]), [ANA])[0, COST] == 0


def test_a_long_session_is_compared_with_long_ones():
    ages = np.repeat([16, 512], 100)
    values = np.concatenate([rows(100, operations=8), rows(100, seed=1, operations=250)])
    baseline = baseline_of(values, [ANA] * 200, ages)
    long_one = rows(1, seed=5, operations=250)
    as_old, as_young = (baseline.standardise(long_one, np.array([age]), [ANA])[0, OPERATIONS] for age in (512, 16))
    assert abs(as_old) < 3
    assert as_young > 5


def test_a_scope_with_history_has_its_own_normal_and_a_thin_one_leans_on_the_wider():
    values = np.concatenate([rows(200, errors=0.05), rows(100, seed=1, errors=0.5), rows(2, seed=2, errors=0.5)])
    baseline = baseline_of(values, [ANA] * 200 + [BOB] * 100 + [("claude-code", "cat")] * 2)
    erring = rows(1, seed=7, errors=0.5)
    by_user = {
        user: baseline.standardise(erring, np.array([40]), [("claude-code", user)])[0, ERRORS]
        for user in ("ana", "bob", "cat", "stranger")
    }
    assert by_user["bob"] < by_user["cat"] < by_user["ana"]
    assert by_user["cat"] == pytest.approx(by_user["stranger"], rel=0.35)


def test_one_user_cannot_move_anothers_normal():
    calm = [rows(100, seed=k) for k in range(5)]
    who = [(("claude-code", f"u{k}")) for k in range(5) for _ in range(100)]
    before = baseline_of(np.concatenate(calm), who)
    poisoned = [*calm[:4], rows(100, seed=4, errors=0.95)]
    after = baseline_of(np.concatenate(poisoned), who)
    probe = rows(1, seed=11, errors=0.9)
    for baseline in (before, after):
        assert baseline.standardise(probe, np.array([40]), [("claude-code", "u0")])[0, ERRORS] > 5


def test_the_expected_range_holds_nine_in_ten_training_sessions():
    values = rows(400)
    baseline = baseline_of(values, [ANA] * 400)
    low, high = baseline.expected_range(40, ANA)
    inside = (values[:, OPERATIONS] >= low[OPERATIONS]) & (values[:, OPERATIONS] <= high[OPERATIONS])
    assert inside.mean() == pytest.approx(0.9, abs=0.02)


def test_expected_ratios_stay_between_nothing_and_all():
    low, high = baseline_of(rows(60, errors=0.01), [ANA] * 60).expected_range(40, ANA)
    ratios = [k for k, one in enumerate(FEATURES) if one.unit == "ratio"]
    assert (low[ratios] >= 0).all()
    assert (high[ratios] <= 1).all()


def test_model_space_is_left_as_it_was_entered():
    values = rows(3)
    back = np.stack([from_model_space(row) for row in to_model_space(values)])
    assert np.allclose(np.nan_to_num(back), np.nan_to_num(np.clip(values, 0, None)), atol=1e-9)


def test_absurd_deviations_keep_their_order_but_hardly_grow():
    values = np.array([-1e6, -7.0, -1.0, 0.0, 2.0, 8.0, 1e3, 1e9])
    assert (np.diff(bent(values)) > 0).all()
    assert np.abs(bent(values)).max() < 30
    assert np.array_equal(bent(values[2:5]), values[2:5])


def test_scopes_go_from_wide_to_narrow():
    assert scopes_of(("codex", None)) == (("codex",), ("codex", ""))
