"""What explains a score: only what goes beyond the usual, and never more than the score."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.explanation import Case, explain
from analytics.features import FEATURE_NAMES, FEATURES
from analytics.reasons import Subject
from analytics.step_evidence import DISORDER, MEASURES, SEQUENCE, OrderStory, SizeStory, WorstStep
from analytics.traces import CHANNELS
from analytics.voices import COVARIANCE, EXTREME, ORDER, SHAPE, USUAL, WORDS, WRONG_USER

ERRORS, TOKENS = FEATURE_NAMES.index("error_run_longest"), FEATURE_NAMES.index("tokens_total")
STORY = OrderStory(("a", "b", "c"), 40, 16, (("Write", "Glob"), ("Glob", "WebFetch")))
LARGE_OUTPUT = WorstStep(9, "Read", CHANNELS[1], "characters", 90_000.0, 10.0, 900.0)
SIZES = SizeStory(
    {"step": np.eye(4)[1], "channel": np.eye(4)[1], "stretch": np.eye(4)[1], "intake": np.eye(4)[1]},
    (None, LARGE_OUTPUT, None, None),
    1,
)


def subject(**deviations) -> Subject:
    """A session with some features at that many deviations, each expected within two."""
    found = np.zeros(len(FEATURES))
    for name, deviation in deviations.items():
        found[FEATURE_NAMES.index(name)] = deviation
    unit = np.array([max(feature.least, 0.1) for feature in FEATURES])
    return Subject(10 * unit + found * unit, found, (8 * unit, 12 * unit))


def case(subject: Subject, **voices) -> Case:
    """A session whose voices say what is usual, but for some; all that is told by a number is loud."""
    told = (*MEASURES, WORDS, WRONG_USER)
    return Case(
        subject=subject,
        correlated=subject.deviations**2 / max(float((subject.deviations**2).sum()), 1e-12),
        farthest=np.arange(len(FEATURES)) == np.abs(subject.deviations).argmax(),
        anomaly=0.8,
        voices={**USUAL, **voices},
        raw=dict.fromkeys(told, 5.0),
        usual=dict.fromkeys(told, 4.0),
        sizes=SIZES,
        order_measure=DISORDER,
        order=STORY,
        new_words=["Bash:socat"],
    )


def test_what_is_usual_explains_nothing():
    assert explain(case(subject(error_run_longest=6.0))) == ()


def test_what_every_session_says_a_little_does_not_outrank_what_changed():
    """Four voices hear the same sizes, each half as loud again as usual; one hears the feature that changed."""
    noise = {voice: 1.5 * USUAL[voice] for voice in ("step", "channel", "stretch", "intake")}
    first = explain(case(subject(error_run_longest=6.0), **{**noise, COVARIANCE: 4 * USUAL[COVARIANCE]}))[0]
    assert first.feature == "error_run_longest"


def test_features_within_their_range_share_in_nothing():
    found = subject(error_run_longest=6.0, **{name: 1.5 for name in FEATURE_NAMES if name != "error_run_longest"})
    (only,) = explain(case(found, **{SHAPE: USUAL[SHAPE] + 1.0}))
    everything = sum(USUAL.values()) + 1.0
    assert only.feature == "error_run_longest"
    assert only.contribution == pytest.approx(0.8 * 1.0 / everything)


def test_the_feature_that_is_farthest_out_has_its_voice_to_itself():
    (first, *_) = explain(case(subject(error_run_longest=6.0, web_tools_ratio=5.0), **{EXTREME: USUAL[EXTREME] + 1.0}))
    assert first.feature == "error_run_longest"
    assert first.contribution == pytest.approx(0.8 * 1.0 / (sum(USUAL.values()) + 1.0))


def test_the_louder_measure_speaks_for_the_order():
    loud = case(subject(), **{ORDER: 3.0})
    (disorder,), (sequence,) = explain(loud), explain(replace(loud, order_measure=SEQUENCE))
    assert disorder.text == (
        "16 steps in an unusual order from event 40: `Glob` after `Write`, `WebFetch` after `Glob` "
        "(surprise by order alone 5 bits each, expected at most 4)"
    )
    assert sequence.text.startswith("Unusual order of steps: `a`, `b`, `c`")
    assert disorder.contribution == sequence.contribution


def test_an_order_that_is_usual_is_not_told():
    quiet = case(subject(), **{ORDER: 3.0})
    assert explain(replace(quiet, order=None)) == ()
    assert explain(replace(quiet, raw={**quiet.raw, DISORDER: 3.0})) == ()


@given(st.lists(st.floats(0, 30), min_size=len(USUAL), max_size=len(USUAL)), st.floats(0, 1))
@settings(deadline=None, max_examples=80)
def test_contributions_add_up_to_the_anomaly_less_what_is_usual(parts, anomaly):
    voices = dict(zip(USUAL, parts, strict=True))
    told = explain(replace(case(subject(error_run_longest=6.0), **voices), anomaly=anomaly))
    beyond = sum(max(part - USUAL[voice], 0.0) for voice, part in voices.items())
    everything = max(sum(parts), 1e-12)
    assert sum(reason.contribution for reason in told) == pytest.approx(anomaly * beyond / everything, abs=1e-9)
