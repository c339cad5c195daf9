"""A running session stays at the highest alarm it has reached, with what was said of it then."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analytics.latching import LATCHED_FROM, latch, unreleased
from analytics.verdicts import Peak, Reason, SessionVerdict, level_of

HIGH = SessionVerdict(
    "s", 0, 50, 9, None, None, None, "scored", risk=0.8, level="high", parts={"anomaly": 0.6, "loop": 0.2}, anomaly=0.99,
    reasons=(Reason("tool_uses", 9.0, 0.0, 3.0, 0.5, "many"),), model_version="v1",
)  # fmt: skip
LOW = replace(
    HIGH, ended_ns=90, risk=0.3, level="low", parts={"anomaly": 0.3}, anomaly=0.4, reasons=(), model_version="v2"
)


def after(*verdicts):
    """The last of some verdicts of one session, each latched by the one before."""
    peak, latched = None, None
    for verdict in verdicts:
        latched = latch(verdict, peak)
        peak = latched.peak
    return latched


def test_a_running_session_is_held_with_parts_and_reasons_of_its_peak_and_its_live_risk_beside():
    held = after(HIGH, LOW)
    assert (held.risk, held.level, held.parts, held.reasons) == (HIGH.risk, "high", HIGH.parts, HIGH.reasons)
    assert sum(held.parts.values()) == pytest.approx(held.risk)
    assert (held.live_risk, held.peak.at_ns, held.model_version) == (LOW.risk, HIGH.ended_ns, "v1")


def test_the_anomaly_is_a_promise_about_now_and_stays_live():
    assert after(HIGH, LOW).anomaly == LOW.anomaly


def test_a_higher_risk_is_the_new_peak_and_an_equal_one_is_not():
    higher = replace(HIGH, ended_ns=70, risk=0.95, level="critical")
    assert after(HIGH, higher, LOW).level == "critical"
    assert after(HIGH, higher, LOW).peak.at_ns == 70
    assert after(HIGH, replace(HIGH, ended_ns=70)).peak.at_ns == HIGH.ended_ns
    assert after(HIGH, higher).live_risk is None


def test_below_high_nothing_is_held():
    medium = replace(HIGH, risk=LATCHED_FROM - 1e-9, level="medium")
    assert after(medium, LOW) == LOW


def test_the_line_is_where_the_level_high_begins():
    assert level_of(LATCHED_FROM) == "high"
    assert level_of(LATCHED_FROM - 1e-9) == "medium"


def test_a_final_score_is_its_own_and_remembers_the_peak():
    final = after(HIGH, replace(LOW, is_final=True))
    assert replace(final, peak=None) == replace(LOW, is_final=True)
    assert final.peak.risk == HIGH.risk


def test_a_verdict_without_a_score_publishes_none_and_the_next_one_is_held_again():
    unscored = replace(LOW, status="initializing", risk=None, level=None, parts={})
    assert after(HIGH, unscored) == replace(unscored, peak=after(HIGH).peak)
    assert after(HIGH, unscored, LOW).level == "high"


@pytest.mark.parametrize(("said_ns", "is_released"), [(None, False), (49, False), (50, True), (80, True)])
def test_a_benign_verdict_releases_what_had_happened_by_then(said_ns, is_released):
    peak = Peak(0.8, 50, {}, (), None)
    assert (unreleased(peak, said_ns) is None) == is_released
    assert unreleased(None, said_ns) is None
