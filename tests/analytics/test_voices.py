from __future__ import annotations

import numpy as np
import pytest

from analytics.voices import EMPHASIS, SHAPE, VOICE_OF, voices_of


def heard(**loud: float) -> float:
    """The joint evidence when some detectors speak and the others say nothing."""
    evidence = {name: np.array([loud.get(name, 0.0)]) for name in VOICE_OF}
    return float(sum(voices_of(evidence).values())[0])


def test_the_three_named_detectors_share_one_voice():
    voices = voices_of({name: np.ones(2) for name in ("isolation_forest", "lof", "dbscan")})
    assert list(voices) == [SHAPE]
    assert voices[SHAPE] == pytest.approx(np.ones(2))


def test_one_loud_voice_outweighs_two_that_are_half_as_loud():
    assert heard(sequence=2.0) > heard(sequence=1.0, channel=1.0)


def test_two_voices_say_more_than_one_of_them():
    assert heard(sequence=2.0, channel=1.0) > heard(sequence=2.0)


def test_the_joint_evidence_rises_in_every_detector():
    assert all(heard(**{name: 1.0}) > heard(**{name: 0.5}) > 0.0 for name in VOICE_OF)


def test_silence_is_no_evidence():
    assert heard() == 0.0
    assert EMPHASIS > 1.0
