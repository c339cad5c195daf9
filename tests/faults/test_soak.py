"""The soak, shortened: ``python -m tests.faults.soak --minutes 30`` is the long one."""

from __future__ import annotations

import os

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
