"""What a person called malicious makes its likes riskier, whoever runs them, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from analytics.analyses.risk import RiskSettings, fit, run
from analytics.features import FEATURE_NAMES
from analytics.leniency import Leniency
from analytics.marked_session import MarkedSession
from analytics.reasons import direct
from analytics.traces import EMPTY_TRACE, Trace
from analytics.verdicts import MALICIOUS_EXAMPLE, SessionVerdict, grounds_of, level_of
from analytics.wariness import MOST_EXAMPLES, Suspects, Usual, Wariness
from tests.analytics.histories import history_of, ordinary_records, rows_of
from tests.analytics.test_leniency import found, noisy_session
from tests.builders import ordinary_session

SETTINGS = RiskSettings(trees=60)


@pytest.fixture(scope="module")
def model():
    return fit(history_of(ordinary_records(120)), SETTINGS, None)


def sending_session(name, user="ana", seed=5, times=1.0):
    """Ordinary work that reads and sends far more than anybody here."""
    session = ordinary_session(2, np.random.default_rng(seed), user=user)
    sent = [
        {
            **one,
            "tool_output_chars": int(4_000_000 * times),
            "tool_input_chars": int(900_000 * times),
            "duration_ms": 400_000.0 * times,
        }
        if one["event"] == "tool_result"
        else {**one, "input_tokens": int(900_000 * times), "output_tokens": int(200_000 * times)}
        for one in session
    ]
    return [{**one, "session_id": name} for one in sent]


def malicious(records, rules=(), trace=EMPTY_TRACE):
    rows = rows_of(records)
    name, values, age = rows.infos[0].session_id, rows.values[0], int(rows.ages[0])
    return MarkedSession(name, rows.who[0], frozenset(rules), values, age, trace)


def judge(model, records, wariness=None, *, findings=None, leniency=None, traces=None):
    rows = replace(rows_of(records, findings), wariness=wariness or Wariness(), leniency=leniency or Leniency())
    if traces is not None:
        rows = replace(rows, traces=tuple(traces))
    return run(rows, model, SETTINGS, {}).sessions


@pytest.fixture(scope="module")
def marked():
    return Wariness.of([malicious(sending_session("known", seed=6))])


def test_what_deviates_like_a_malicious_session_becomes_high_for_every_user(model, marked):
    records = sending_session("again") + sending_session("others", user="bob", seed=9)
    before, after = judge(model, records), judge(model, records, marked)
    assert {level_of(before[name].risk) for name in before} == {"medium"}
    assert {level_of(after[name].risk) for name in after} <= {"high", "critical"}


def test_its_part_adds_up_and_its_reason_names_the_session(model, marked):
    before, after = (judge(model, sending_session("again"), wary)["again"] for wary in (None, marked))
    assert sum(after.parts.values()) == pytest.approx(after.risk)
    assert after.reasons[0].feature == MALICIOUS_EXAMPLE
    assert "session known, which was called malicious" in after.reasons[0].text
    assert after.reasons[0].contribution == after.parts[MALICIOUS_EXAMPLE]
    assert (after.anomaly, after.detectors) == (before.anomaly, before.detectors)
    assert len(after.reasons) <= 5


def test_among_the_grounds_the_likeness_weighs_what_it_weighs_in_the_risk(model, marked):
    result = judge(model, sending_session("again"), marked)["again"]
    verdict = SessionVerdict(
        "again", 0, 1, 9, None, None, None, "scored", risk=result.risk, parts=dict(result.parts), reasons=result.reasons
    )
    assert result.parts[MALICIOUS_EXAMPLE] > result.parts["anomaly"]
    assert grounds_of(verdict)[0] == result.reasons[0].text
    weak = replace(
        verdict,
        parts={"anomaly": 0.6, MALICIOUS_EXAMPLE: 0.0},
        reasons=(replace(result.reasons[0], contribution=0.0), *result.reasons[1:]),
    )
    assert grounds_of(weak)[-1] == result.reasons[0].text


def test_ordinary_sessions_and_strange_ones_of_another_kind_are_as_before(model, marked):
    records = ordinary_records(30, seed=3) + noisy_session("loop")
    before, after = judge(model, records), judge(model, records, marked)
    assert after == before
    assert before["loop"].anomaly >= 0.9


@pytest.mark.parametrize(("times", "is_alike"), [(0.6, False), (0.75, True), (3.0, True)])
def test_a_much_weaker_deviation_of_the_same_kind_is_not_its_like(model, marked, times, is_alike):
    known = marked.examples[0]
    who = ("claude-code", "bob")
    values, ages = known.values[None], np.array([known.age])
    deviations = direct(model.baseline.standardise(values, ages, [known.who])) * times
    suspects = Suspects(["x"], deviations, np.array([True]), [EMPTY_TRACE], [frozenset()], [who])
    usual = Usual(model.baseline, model.ensemble.detectors.words, model.rates)
    assert (marked.likenesses(suspects, usual)[0] is not None) == is_alike
    ordinary = replace(suspects, is_strange=np.array([False]))
    assert marked.likenesses(ordinary, usual) == [None]


def test_a_session_is_not_its_own_like(model, marked):
    known = sending_session("known", seed=6)
    assert judge(model, known, marked) == judge(model, known)


def test_what_a_person_called_benign_for_that_user_is_not_suspected_by_its_deviations(model, marked):
    rows = rows_of(sending_session("fine", seed=8))
    fine = Leniency.of([MarkedSession("fine", rows.who[0], frozenset(), rows.values[0], int(rows.ages[0]))])
    assert MALICIOUS_EXAMPLE not in judge(model, sending_session("again"), marked, leniency=fine)["again"].parts


def test_a_malicious_session_that_looked_ordinary_makes_nobody_alike_by_deviations(model):
    plain = [{**one, "session_id": "plain"} for one in ordinary_session(4, np.random.default_rng(4))]
    wary = Wariness.of([malicious(plain)])
    records = ordinary_records(40, seed=5) + sending_session("strange")
    assert judge(model, records, wary) == judge(model, records)


def worded(words):
    """A trace of one step a word."""
    count = len(words)
    sizes = np.zeros((count, 4), dtype=np.float32)
    return Trace(("Bash",) * count, sizes, np.arange(count, dtype=np.int32), count, tuple(words))


def plain_session(name, user="bob"):
    session = ordinary_session(3, np.random.default_rng(4), user=user)
    return [{**one, "session_id": name} for one in session]


def test_rare_words_and_findings_in_common_make_a_session_alike(model):
    marks = ("nc", "mkfifo", "base64")
    known = malicious(plain_session("known", user="ana"), ["odd-tunnel"], worded(marks))
    findings = {"again": (found("again", "odd-tunnel", "low"),)}
    again = judge(model, plain_session("again"), Wariness.of([known]), findings=findings, traces=[worded(marks)])
    reason = again["again"].reasons[0]
    assert level_of(again["again"].risk) in ("high", "critical")
    assert "shares 4 of its 4 words and findings" in reason.text
    fewer = judge(model, plain_session("again"), Wariness.of([known]), traces=[worded(marks[:2])])
    assert MALICIOUS_EXAMPLE not in fewer["again"].parts


def test_words_that_the_user_always_uses_are_no_marks(model):
    usual = [word for word, used in model.ensemble.detectors.words.counts[()].items() if used >= 30][:4]
    assert len(usual) >= 3
    known = malicious(plain_session("known", user="ana"), (), worded(usual))
    again = judge(model, plain_session("again"), Wariness.of([known]), traces=[worded(usual)])
    assert MALICIOUS_EXAMPLE not in again["again"].parts


def test_features_of_another_schema_leave_the_marks(model):
    marks = ("nc", "mkfifo", "base64")
    known = replace(malicious(plain_session("known"), (), worded(marks)), values=None)
    again = judge(model, plain_session("again"), Wariness.of([known]), traces=[worded(marks)])
    assert MALICIOUS_EXAMPLE in again["again"].parts


def test_only_the_last_examples_are_compared_with():
    values = np.zeros(len(FEATURE_NAMES))
    many = [MarkedSession(str(age), (None, None), frozenset(), values, age) for age in range(MOST_EXAMPLES + 7)]
    assert [one.age for one in Wariness.of(many).examples] == list(range(7, MOST_EXAMPLES + 7))
