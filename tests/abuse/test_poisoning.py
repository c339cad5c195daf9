"""Training on what attackers wrote: what one user's flood does to another, and what bad sessions do to their like."""

import os

import numpy as np
import pytest

from tests.abuse.training_window import anomalies, bad, halves, judged, renamed, team

pytestmark = pytest.mark.skipif("SIGYN_SLOW" not in os.environ, reason="slow; set SIGYN_SLOW=1")

KINDS = ("loop", "exfiltration", "reconnaissance")
HIGH = 0.7
"""Risk from which there is an alert."""
MOST_MOVED = 0.05
"""Median change of another user's anomaly that a flood may bring about."""
MOST_HIDDEN = 0.1
"""Share of an attack's like that may go unfound for its being in the training window."""
LEAST_FOUND = 0.7
"""Share of an attack's like that the anomaly alone finds however much of it is in the training window."""


def user_of(records):
    return records[0]["user_id"]


@pytest.fixture(scope="module")
def flooded():
    """Other users' sessions, ordinary and bad, judged by a clean fit and by one with five times a user's sessions."""
    training, unseen = halves(team())
    flooder = user_of(next(iter(training.values())))
    own = {name: records for name, records in training.items() if user_of(records) == flooder}
    flood = {
        name: records
        for number in range(5)
        for name, records in renamed(bad(own, KINDS[number % 3], number), f"-{number}").items()
    }
    others = {name: records for name, records in unseen.items() if user_of(records) != flooder}
    cases = {**others, **renamed(bad(others, "reconnaissance"), "-bad")}
    return judged(training, cases), judged({**training, **flood}, cases)


def test_a_flood_by_one_user_hardly_moves_another_users_ordinary_sessions(flooded):
    clean, after = map(anomalies, flooded)
    moved = [abs(after[name] - clean[name]) for name in clean if not name.endswith("-bad")]
    assert np.median(moved) <= MOST_MOVED


def test_a_flood_by_one_user_does_not_hide_the_like_in_another_users_sessions(flooded):
    clean, after = ({name: one.risk for name, one in part.items() if name.endswith("-bad")} for part in flooded)
    high = [np.mean([risk >= 0.7 for risk in part.values()]) for part in (clean, after)]
    assert high[1] >= high[0] - MOST_HIDDEN


@pytest.fixture(scope="module", params=KINDS)
def kind(request):
    """What goes wrong in training and in the judged sessions."""
    return request.param


@pytest.fixture(scope="module")
def contaminated(kind):
    """Unseen sessions, good and bad, judged by a clean fit and by one with 5 % of the same kind: results by fit."""
    training, unseen = halves(team())
    planted = dict(list(training.items())[::20])
    spoilt = {**training, **bad(planted, kind, 1)}
    cases = {**unseen, **renamed(bad(unseen, kind, 2), "-bad")}
    return judged(training, cases), judged(spoilt, cases)


def parted(results):
    """Anomalies of the good and of the bad sessions, and the bad ones' risks."""
    bad_ones = {name: one for name, one in results.items() if name.endswith("-bad")}
    good = [value for name, value in anomalies(results).items() if name not in bad_ones]
    return np.array(good), np.array([one.anomaly for one in bad_ones.values()]), [one.risk for one in bad_ones.values()]


def found_at_five_false_alarms(results):
    good, wrong, _ = parted(results)
    return (wrong > np.quantile(good, 0.95)).mean()


def alerted(results):
    return np.mean([risk >= HIGH for risk in parted(results)[2]])


def test_five_in_a_hundred_bad_sessions_in_training_do_not_silence_alerts(contaminated):
    clean, after = map(alerted, contaminated)
    assert after >= clean - MOST_HIDDEN


def test_five_in_a_hundred_bad_sessions_in_training_leave_most_of_their_like_to_be_found(contaminated):
    _, after = map(found_at_five_false_alarms, contaminated)
    assert after >= LEAST_FOUND


def test_five_in_a_hundred_bad_sessions_in_training_do_not_hide_their_like_among_good_ones(contaminated, kind, request):
    if kind == "loop":
        reason = (
            "a known shortfall: no rule leaves a loop of a dozen calls out of training, and a sixth of them is hidden"
        )
        request.applymarker(pytest.mark.xfail(raises=AssertionError, strict=True, reason=reason))
    clean, after = map(found_at_five_false_alarms, contaminated)
    assert after >= clean - MOST_HIDDEN
