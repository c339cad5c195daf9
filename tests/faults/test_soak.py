"""The soak, shortened: ``python -m tests.faults.soak --minutes 30`` is the long one."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pytest

from tests.faults.soak import Sample, Soak, soak


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("SIGYN_SLOW"), reason="slow: SIGYN_SLOW=1 runs it")
def test_under_faults_at_random_nothing_grows_and_every_event_is_counted_once(tmp_path):
    result = soak(tmp_path, 90, say=lambda _: None)
    assert result.faults > 0
    assert result.pushed > 1000
    assert result.complaints() == []


def test_a_soak_complains_about_what_grows_and_what_is_lost():
    flat = [Sample(at, 200 << 20, 12, 700) for at in range(100)]
    assert Soak(flat, pushed=5, counted=5).complaints() == []
    leaking = [Sample(at, (200 + at) << 20, 12 + at, 700 + 10 * at) for at in range(100)]
    complaints = Soak(leaking, pushed=5, counted=4).complaints()
    assert [line.split()[0] for line in complaints] == ["resident", "handles", "series", "4"]


def run_of(minutes, megabytes_a_minute, seed=3):
    """Samples every five seconds of a process that grows steadily; 2 MB come and go."""
    rng = np.random.default_rng(seed)
    return [
        Sample(at, int((250 + at / 60 * megabytes_a_minute + rng.normal(0, 2)) * 2**20), 12, 700)
        for at in np.arange(0, minutes * 60, 5.0).tolist()
    ]


def test_a_leak_of_half_a_megabyte_a_minute_is_seen_within_half_an_hour_and_a_fifth_of_it_is_let_pass():
    (complaint,) = Soak(run_of(30, 0.5)).complaints()
    assert complaint.startswith("resident grew by")
    assert "MB an hour" in complaint
    assert Soak(run_of(30, 0.1)).complaints() == []


def test_a_short_soak_has_no_rate_and_is_held_to_the_absolute_bound_only():
    short = Soak(run_of(2, 1.0))
    assert short.megabytes_an_hour() is None
    assert short.complaints() == []
    assert len(Soak(run_of(2, 30.0)).complaints()) == 1


@pytest.mark.parametrize("minutes", [17, 30, 120])
def test_the_rate_is_that_of_the_stretch_after_the_warm_up(minutes):
    assert Soak(run_of(minutes, 0.5)).megabytes_an_hour() == pytest.approx(30, abs=8)


def test_the_jump_of_the_first_scores_is_no_growth_and_without_them_there_is_nothing_to_judge():
    late = [Sample(at, (160 + 80 * (at > 50)) << 20, 13, 300 + 900 * (at > 50), at > 50) for at in range(0, 90, 5)]
    assert Soak(late).complaints() == []
    (complaint,) = Soak([replace(one, is_scored=False) for one in late]).complaints()
    assert "run it for longer" in complaint
