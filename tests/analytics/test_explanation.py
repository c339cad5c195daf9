"""What explains a score: only what goes beyond the usual, and never more than the score."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.explanation import Cases
from analytics.explanation import explain as explain_each
from analytics.features import FEATURE_NAMES, FEATURES
from analytics.order_model import OrderModel
from analytics.reasons import Subjects
from analytics.size_model import KnownSizes, SizeModel
from analytics.step_evidence import SeenSteps, StepModels
from analytics.step_measures import DISORDER, MEASURES, SEQUENCE, StepMeasures
from analytics.traces import Trace
from analytics.verdicts import Reason
from analytics.voices import BURST, COVARIANCE, EXTREME, ORDER, SHAPE, USUAL, WORDS, WRONG_USER

ERRORS, TOKENS = FEATURE_NAMES.index("error_run_longest"), FEATURE_NAMES.index("tokens_total")
FOREIGN = 3
"""The step at which steps begin to follow one another in a foreign order."""
LARGE = 7
"""The step with a large output."""
SYMBOLS = ("a", "b", "c", "Read", "Write", "Glob", "WebFetch", *["Read"] * 14)
SCORES = {SEQUENCE: 0.5, DISORDER: 0.9, WORDS: 0.9, BURST: 0.5}
"""Calibrated scores of the detectors of which the louder speaks for two."""


def steps() -> SeenSteps:
    """A session whose order is foreign in two steps, and whose output is novel in one."""
    sizes = np.full((len(SYMBOLS), 4), np.nan, dtype=np.float32)
    sizes[LARGE, 1] = np.log1p(90_000.0)
    trace = Trace(SYMBOLS, sizes, np.arange(len(SYMBOLS)) + 37, len(SYMBOLS))
    found = StepMeasures.nothing(1)
    found.disordered[0] = FOREIGN
    glob, fetch = SYMBOLS.index("Glob") - FOREIGN, SYMBOLS.index("WebFetch") - FOREIGN
    found.disorder[0, [glob, fetch]] = 2.0, 1.0
    found.largest[0, 1], found.novelty[0, 1], found.throughout[0], found.stretch[0, 1] = LARGE, 3.0, 1, 1.0
    known = KnownSizes.of(np.log1p(np.linspace(10.0, 900.0, 20)))
    return SeenSteps([trace], [StepModels(OrderModel({}, ()), SizeModel({("Read", 1): known}))], found)


def subject(**deviations) -> Subjects:
    """A session with some features at that many deviations, each expected within two."""
    found = np.zeros(len(FEATURES))
    for name, deviation in deviations.items():
        found[FEATURE_NAMES.index(name)] = deviation
    unit = np.array([max(feature.least, 0.1) for feature in FEATURES])
    values, low, high = (np.array([row]) for row in (10 * unit + found * unit, 8 * unit, 12 * unit))
    return Subjects(values, found[None], (low, high), steps().traces, [True])


def case(subject: Subjects, **voices) -> Cases:
    """A session whose voices say what is usual, but for some; all that is told by a number is loud."""
    told, squares = (*MEASURES, WORDS, BURST, WRONG_USER), subject.deviations**2
    return Cases(
        subjects=subject,
        correlated=squares / max(float(squares.sum()), 1e-12),
        farthest=np.abs(subject.deviations).argmax(axis=1),
        anomaly=np.array([0.8]),
        voices={voice: np.array([part]) for voice, part in {**USUAL, **voices}.items()},
        raw={name: np.array([5.0]) for name in told},
        usual={name: np.array([4.0]) for name in told},
        calibrated={name: np.array([score]) for name, score in SCORES.items()},
        steps=steps(),
        new_words=lambda row: ["Bash:socat"][row:],
        burst_words=lambda row: ["Bash:shred"][row:],
    )


def explain(cases: Cases) -> tuple[Reason, ...]:
    (reasons,) = explain_each(cases)
    return reasons


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


def louder(found: Cases, detector: str) -> Cases:
    """The same, with that detector's score above the others'."""
    return replace(found, calibrated={**found.calibrated, detector: np.array([0.95])})


def test_the_louder_measure_speaks_for_the_words():
    loud = case(subject(), **{WORDS: USUAL[WORDS] + 3.0})
    (throughout,), (burst,) = explain(loud), explain(louder(loud, BURST))
    assert throughout.text == "New for this user: `Bash socat` (newness 5, expected at most 4)"
    assert burst.text == "New for this user within 4 tool uses: `Bash shred` (newness 5, expected at most 4)"
    assert throughout.contribution == burst.contribution


def test_the_louder_measure_speaks_for_the_order():
    loud = case(subject(), **{ORDER: 3.0})
    (disorder,), (sequence,) = explain(loud), explain(louder(loud, SEQUENCE))
    assert disorder.text == (
        "16 steps in an unusual order from event 40: `Glob` after `Write`, `WebFetch` after `Glob` "
        "(surprise by order alone 5 bits each, expected at most 4)"
    )
    assert sequence.text.startswith("Unusual order of steps: `a`, `b`, `c`")
    assert disorder.contribution == sequence.contribution


def test_an_order_that_is_usual_is_not_told():
    quiet = case(subject(), **{ORDER: 3.0})
    assert explain(replace(quiet, steps=replace(quiet.steps, models=[None]))) == ()
    assert explain(replace(quiet, raw={**quiet.raw, DISORDER: np.array([3.0])})) == ()


@given(st.lists(st.floats(0, 30), min_size=len(USUAL), max_size=len(USUAL)), st.floats(0, 1))
@settings(deadline=None, max_examples=80)
def test_contributions_add_up_to_the_anomaly_less_what_is_usual(parts, anomaly):
    voices = dict(zip(USUAL, parts, strict=True))
    told = explain(replace(case(subject(error_run_longest=6.0), **voices), anomaly=np.array([anomaly])))
    beyond = sum(max(part - USUAL[voice], 0.0) for voice, part in voices.items())
    everything = max(sum(parts), 1e-12)
    assert sum(reason.contribution for reason in told) == pytest.approx(anomaly * beyond / everything, abs=1e-9)


def test_sessions_explained_together_are_explained_as_if_each_were_alone():
    """The second has nothing to tell, the third something else."""
    alone = [
        case(subject(error_run_longest=6.0), **{SHAPE: 9.0, ORDER: 3.0}),
        case(subject()),
        case(subject(web_tools_ratio=5.0), **{"step": 9.0, WORDS: 4.0}),
    ]

    def stacked(parts):
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    subjects = [one.subjects for one in alone]
    seen = [one.steps for one in alone]
    found = StepMeasures.nothing(3)
    for row, one in enumerate(seen):
        found.put([row], one.measures)
    together = Cases(
        Subjects(
            np.concatenate([one.values for one in subjects]),
            np.concatenate([one.deviations for one in subjects]),
            tuple(np.concatenate([one.expected[bound] for one in subjects]) for bound in (0, 1)),
            [one.traces[0] for one in subjects],
            [True] * 3,
        ),
        np.concatenate([one.correlated for one in alone]),
        np.concatenate([one.farthest for one in alone]),
        np.concatenate([one.anomaly for one in alone]),
        *(stacked([getattr(one, name) for one in alone]) for name in ("voices", "raw", "usual", "calibrated")),
        SeenSteps([one.traces[0] for one in seen], [one.models[0] for one in seen], found),
        lambda _row: ["Bash:socat"],
        lambda _row: ["Bash:shred"],
    )
    reasons = explain_each(together)
    assert reasons == [explain(one) for one in alone]
    assert [len(own) for own in reasons] == [2, 0, 2]
