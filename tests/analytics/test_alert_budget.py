"""The alert budget: as many false alarms a week as are allowed, over many sessions and many looks at each."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from analytics.age_calibration import AgeCalibration, age_bucket
from analytics.alert_budget import (
    ALLOWED,
    EXPECTED,
    WEEK_NS,
    AlertBudget,
    Looks,
    fit_alert_budget,
    weekly,
)
from analytics.analyses.risk import RiskSettings, fit, run
from analytics.calibration import surprise
from analytics.risk_score import HIGH_AT, anomaly_part
from analytics.verdicts import LEVELS
from tests.analytics.histories import history_of, ordinary_records, rows_of
from tests.builders import record

HIGH = dict(LEVELS)["high"]
CHECKPOINTS, OFTEN = np.arange(3.0, 9.0), np.arange(3.0, 8.01, 0.25)
"""Binary logarithms of the ages at which sessions are held back, and at which they are looked at while they run."""
SESSIONS, PER_WEEK = 2_000, 5_000.0


class Fleet:
    """Exchangeable healthy sessions, strange in turn as they age: waves about four doublings of the age long."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        raw = self.sessions(CHECKPOINTS)
        ages = np.tile(2**CHECKPOINTS, SESSIONS)
        is_final = ages == ages[-1]
        self.calibration = AgeCalibration.of(raw, age_bucket(ages), is_final)
        self.own = self.calibration.own_score(raw, age_bucket(ages), is_final)

    def sessions(self, looks):
        """Raw scores of fresh sessions at some looks each, session by session."""
        waves = 12
        speed, phase = self.rng.normal(0.0, 1.5, (SESSIONS, waves, 1)), self.rng.uniform(0, 6.3, (SESSIONS, waves, 1))
        return np.cos(speed * looks + phase).sum(axis=1).ravel()

    def budget(self, allowed, looks=CHECKPOINTS):
        seen = np.isin(np.tile(CHECKPOINTS, SESSIONS), looks)
        return fit_alert_budget(Looks(self.own[seen], of_each(CHECKPOINTS)[seen]), PER_WEEK, allowed)

    def alarming(self, looks, *budgets):
        """Shares of fresh sessions that raise an alarm at any of the looks, under each budget."""
        anomaly = self.calibration.score(self.sessions(looks), np.tile(2**looks, SESSIONS)).reshape(SESSIONS, -1)
        return [float((anomaly_part(anomaly.max(axis=1), one.high_at) >= HIGH).mean()) for one in budgets]


def of_each(looks):
    """The session of each look."""
    return np.repeat(np.arange(SESSIONS), len(looks))


def spread_of(share, fleets):
    """Standard error of a share realised over some fleets.

    The chance beyond an order statistic of n sessions is Beta distributed, the count among n fresh ones binomial.
    """
    return np.sqrt(share * (1 - share) * (1 / (SESSIONS + 2) + 1 / SESSIONS) / fleets)


@pytest.mark.parametrize("allowed", [20.0, 50.0, 150.0])
def test_unseen_healthy_sessions_raise_no_more_alarms_than_allowed_however_often_they_are_looked_at(allowed):
    fleets = [Fleet(seed) for seed in range(12)]
    realised = np.mean([fleet.alarming(OFTEN, fleet.budget(allowed)) for fleet in fleets])
    share = allowed / PER_WEEK
    assert realised <= share + 3 * spread_of(share, len(fleets))
    # A session counts at most twice, and the line stops short of the alarm that would be too many, counted twice too.
    assert realised >= share / 2 - 3 / SESSIONS - 3 * spread_of(share, len(fleets))


@pytest.mark.parametrize("allowed", [20.0, 150.0])
def test_sessions_looked_at_once_raise_the_alarms_that_are_allowed(allowed):
    fleets, once = [Fleet(seed) for seed in range(25)], CHECKPOINTS[-1:]
    realised = np.mean([fleet.alarming(once, fleet.budget(allowed, once)) for fleet in fleets])
    share = min(allowed / PER_WEEK, 0.01)  # the line that holds without a budget leaves one look in a hundred
    assert realised == pytest.approx(share, abs=3 * spread_of(share, len(fleets)) + 1 / SESSIONS)


def test_looking_many_times_asks_for_a_stranger_session_than_looking_once():
    fleets = [Fleet(seed) for seed in range(10)]
    once, often = ([fleet.budget(25.0, looks) for fleet in fleets] for looks in (CHECKPOINTS[-1:], CHECKPOINTS))
    assert all(many.high_at > one.high_at for many, one in zip(often, once, strict=True))
    realised = [fleet.alarming(CHECKPOINTS, *pair) for fleet, *pair in zip(fleets, once, often, strict=True)]
    share = 25.0 / PER_WEEK
    uncorrected, corrected = np.mean(realised, axis=0)
    assert uncorrected > share + 3 * spread_of(share, len(fleets))
    assert corrected <= share + 3 * spread_of(share, len(fleets))


def looked_at(*surprises):
    """Looks at sessions, each with the surprises that it gave."""
    session = np.repeat(np.arange(len(surprises)), [len(np.atleast_1d(one)) for one in surprises])
    return Looks(1.0 - 10.0 ** -np.concatenate([np.atleast_1d(one) for one in surprises]), session)


def test_a_session_strange_at_a_single_look_tells_of_others_that_are_so_between_the_looks():
    quiet = [(0.5, 0.5, 0.5, 0.5)] * 98
    lasting, passing = looked_at((3.0, 3.0, 3.0, 0.5), *quiet), looked_at((3.0, 0.5, 0.5, 0.5), *quiet)
    expected = [fit_alert_budget(looks, 100.0, None).expected for looks in (lasting, passing)]
    assert expected == pytest.approx([2.0, 2.75])  # of a hundred, the new session itself counted


def test_a_line_lies_where_no_higher_one_breaks_the_budget():
    # One session is as strange at two looks, which counts less than one look: yet only below where the first counts.
    looks = looked_at((3.0, 2.5), (2.9, 2.4), *[(0.5, 0.5)] * 97)
    assert fit_alert_budget(looks, 100.0, 2.0).high_at == pytest.approx(3.0, abs=1e-5)
    assert fit_alert_budget(looks, 100.0, 2.6).high_at == pytest.approx(2.9, abs=1e-5)
    assert fit_alert_budget(looks, 100.0, 4.0).high_at == HIGH_AT


def test_a_budget_that_is_not_used_up_changes_nothing():
    looks = looked_at(*np.linspace(0, 2.5, 400))
    without, ample = fit_alert_budget(looks, 100.0, None), fit_alert_budget(looks, 100.0, 99.0)
    assert ample.high_at == without.high_at == HIGH_AT
    assert fit_alert_budget(looks, 3.0, 20.0).high_at == HIGH_AT  # fewer sessions than alarms that may be
    assert ample.expected == ample.expected_without == without.expected


@pytest.mark.parametrize("allowed", [1.0, 3.5, 40.0])
def test_the_line_is_drawn_where_the_alarms_are_used_up_and_not_before(allowed):
    looks = looked_at(*np.linspace(0.0, 4.0, 999))
    budget = fit_alert_budget(looks, 1000.0, allowed)
    above = np.count_nonzero(anomaly_part(looks.anomaly, budget.high_at) >= HIGH)
    assert above == int(allowed) - 1  # and the new session itself, of a thousand
    assert budget.expected == pytest.approx(int(allowed))


def test_a_budget_finer_than_the_held_back_sessions_gets_the_strangest_of_them_and_says_what_remains():
    looks = looked_at(*np.linspace(0.0, 3.0, 499))
    budget = fit_alert_budget(looks, 5_000.0, 0.5)
    assert not (anomaly_part(looks.anomaly, budget.high_at) >= HIGH).any()
    assert budget.high_at == pytest.approx(3.0, abs=1e-5)
    assert budget.expected == pytest.approx(5_000.0 / 500)
    assert budget.expected > budget.allowed


def test_nothing_held_back_is_no_ground_for_a_line():
    nothing = Looks(np.zeros(0), np.zeros(0, dtype=np.int64))
    assert fit_alert_budget(nothing, 0.0, 1.0) == AlertBudget(1.0, 0.0, HIGH_AT, 0.0, 0.0)


@pytest.mark.parametrize(("days", "per_week"), [(28, 75.0), (7, 300.0), (0.5, 300.0)])
def test_sessions_a_week_are_those_of_the_time_that_they_cover(days, per_week):
    ended = np.linspace(0, days / 7 * WEEK_NS, 300).astype(np.int64).tolist()
    assert weekly(ended) == pytest.approx(per_week)
    assert weekly([]) == 0.0


@pytest.mark.parametrize("high_at", [HIGH_AT, 2.4, 3.6])
def test_a_later_line_moves_high_and_critical_and_leaves_what_is_below_medium(high_at):
    anomaly = 1.0 - 10.0 ** -np.linspace(0.0, 12.0, 500)
    part, usual = anomaly_part(anomaly, high_at), anomaly_part(anomaly)
    assert (np.diff(part) >= 0).all()
    assert (part <= usual).all()
    below = surprise(anomaly) <= 1.0
    assert part[below].tolist() == usual[below].tolist()
    at = 1.0 - 10.0 ** -np.array([1.0, high_at, high_at + 1.0])
    assert anomaly_part(at, high_at) == pytest.approx([0.4, 0.7, 0.9])


# As part of the risk


SETTINGS = RiskSettings(trees=20)


def idle_talk(name):
    """A session without a tool use, which is never judged."""
    who = {"session_id": name, "user_id": "ana", "agent": "claude-code"}
    return [record("user_prompt", 60.0 * minute, prompt_length=40, **who) for minute in range(5)]


@pytest.fixture(scope="module")
def history():
    talk = [one for number in range(30) for one in idle_talk(f"talk{number}")]
    return history_of(ordinary_records(120) + talk)


@pytest.fixture(scope="module")
def model(history):
    return fit(history, SETTINGS, None)


def test_sessions_that_are_never_judged_raise_no_alarms(model):
    ended = [info.ended_ns for info in rows_of(ordinary_records(120)).infos]
    assert model.budget.sessions_per_week == pytest.approx(weekly(ended))


def test_a_small_fleet_is_judged_as_without_a_budget(history, model):
    rows = rows_of(ordinary_records(20, seed=3))
    free = replace(SETTINGS, false_alarms_per_week=None)
    assert model.budget.allowed == 20.0
    assert run(rows, model, SETTINGS, {}).sessions == run(rows, fit(history, free, None), free, {}).sessions


def test_gauges_tell_what_is_expected_and_what_is_allowed(model):
    rows = rows_of(ordinary_records(1, seed=3))
    readings = run(rows, model, SETTINGS, {}).readings
    assert readings == {EXPECTED.name: {(): model.budget.expected}, ALLOWED.name: {(): 20.0}}
    without = replace(model, budget=replace(model.budget, allowed=None))
    assert run(rows, without, SETTINGS, {}).readings[ALLOWED.name] == {}
    assert run(rows, None, SETTINGS, {}).readings == {}


def test_a_budget_lowers_what_an_anomaly_amounts_to_and_the_parts_still_add_up(model):
    rows = rows_of(ordinary_records(60, seed=3))
    strict = replace(model, budget=replace(model.budget, high_at=3.0))
    before, after = run(rows, model, SETTINGS, {}).sessions, run(rows, strict, SETTINGS, {}).sessions
    lowered = [name for name in before if after[name].risk < before[name].risk]
    assert lowered == [name for name in before if before[name].anomaly > 0.9]
    assert lowered
    for name, one in after.items():
        assert one.anomaly == before[name].anomaly
        assert sum(one.parts.values()) == pytest.approx(one.risk)
