from __future__ import annotations

import numpy as np
import pytest

from analytics.voices import EMPHASIS, ORDER, SHAPE, USUAL, VOICE_OF, beyond_usual, voices_of


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


def test_of_two_that_look_at_the_order_the_louder_speaks():
    assert heard(sequence=2.0, disorder=1.0) == heard(sequence=2.0) == heard(disorder=2.0)


def test_what_is_usual_is_what_voices_say_of_healthy_sessions_on_average():
    chances = np.random.default_rng(0).uniform(size=(len(VOICE_OF), 200_000))
    said = voices_of(dict(zip(VOICE_OF, -np.log10(chances), strict=True)))
    assert set(USUAL) == set(said)
    for voice, values in said.items():
        if voice == SHAPE:
            assert values.mean() < USUAL[voice]
        else:
            assert values.mean() == pytest.approx(USUAL[voice], rel=0.02)


def test_detectors_that_share_a_voice_say_no_more_than_usual_when_they_agree():
    evidence = -np.log10(np.random.default_rng(1).uniform(size=200_000))
    said = voices_of(dict.fromkeys(VOICE_OF, evidence))
    assert said[SHAPE].mean() == pytest.approx(USUAL[SHAPE], rel=0.02)
    assert said[ORDER].mean() < USUAL[ORDER]


def test_beyond_the_usual_is_what_is_left_of_each_voice():
    beyond = beyond_usual({SHAPE: USUAL[SHAPE] + 2.0, ORDER: USUAL[ORDER] / 2})
    assert beyond == pytest.approx({SHAPE: 2.0, ORDER: 0.0})


def test_silence_is_no_evidence():
    assert heard() == 0.0
    assert EMPHASIS > 1.0
