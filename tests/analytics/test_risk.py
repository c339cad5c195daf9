from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from analytics.analyses.risk import RiskSettings, fit, run
from analytics.analysis import NotEnoughData
from analytics.findings import Finding
from analytics.risk_score import anomaly_part, fit_finding_rates, join_parts
from analytics.verdicts import level_of
from tests.analytics.histories import history_of, ordinary_records, rows_of
from tests.builders import ordinary_session, record

SETTINGS = RiskSettings(trees=60)


@pytest.fixture(scope="module")
def model():
    return fit(history_of(ordinary_records(120)), SETTINGS, None)


def judge(model, records, findings=None, settings=SETTINGS):
    return run(rows_of(records, findings), model, settings, {}).sessions


def looping_session(name="loop", calls=60):
    session = ordinary_session(1, np.random.default_rng(77))
    last = session[-1]
    loop = [
        {
            **record("tool_result", 7200 + 2000 + 3 * k, tool_name="Bash", tool_use_id=f"x{k}", success=False),
            "tool_input": {"command": "make deploy"},
            "error": "Exit code 2",
            "tool_input_chars": 30,
            "tool_output_chars": 90,
            "duration_ms": 300.0,
        }
        for k in range(calls)
    ]
    who = {key: last[key] for key in ("user_id", "agent", "project")}
    return [{**one, **who, "session_id": name} for one in session + loop]


def test_a_planted_loop_is_the_strangest_session_and_is_named_as_the_reason(model):
    results = judge(model, ordinary_records(20, seed=3) + looping_session())
    assert max(results, key=lambda session: results[session].anomaly) == "loop"
    named = [reason.feature for reason in results["loop"].reasons]
    assert set(named) & {
        "identical_run_longest",
        "error_run_longest",
        "repetition_ratio",
        "retry_ratio",
        "error_ratio",
    }


def test_reasons_carry_value_range_and_share(model):
    result = judge(model, looping_session())["loop"]
    for reason in result.reasons:
        assert not reason.expected_low <= reason.value <= reason.expected_high
        assert reason.contribution > 0
        assert reason.text
    assert sum(reason.contribution for reason in result.reasons) <= result.anomaly + 1e-9


def test_a_healthy_session_exceeds_a_score_no_more_often_than_promised(model):
    anomalies = np.array([one.anomaly for one in judge(model, ordinary_records(300, seed=5)).values()])
    assert (anomalies > 0.9).mean() <= 0.1 + 0.06  # three standard errors of 300 sessions and 120 held back
    assert (anomalies > 0.5).mean() == pytest.approx(0.5, abs=0.17)


def test_all_scores_lie_between_nothing_and_all(model):
    for one in judge(model, ordinary_records(10, seed=8) + looping_session()).values():
        assert {"isolation_forest", "lof", "dbscan"} <= set(one.detectors)
        for score in (one.risk, one.anomaly, one.confidence, *one.detectors.values()):
            assert 0 <= score <= 1


def test_too_few_sessions_give_no_model_and_say_how_many_are_missing():
    answer = fit(history_of(ordinary_records(12)), SETTINGS, None)
    assert answer == NotEnoughData(SETTINGS.minimum_sessions - 12)


def test_without_a_model_nothing_is_scored():
    results = judge(None, ordinary_records(2))
    assert {one.status for one in results.values()} == {"initializing"}
    assert all(one.risk is None and one.needed for one in results.values())


def test_a_session_that_is_too_short_is_not_judged(model):
    short = [record("user_prompt", 0, session_id="short"), record("user_prompt", 1, session_id="short")]
    talk = [record("user_prompt", k, session_id="talk") for k in range(9)]
    results = judge(model, short + talk)
    assert results["short"].status == results["talk"].status == "insufficient"
    assert results["short"].risk is None


def test_a_finding_raises_the_risk_and_the_parts_add_up(model):
    quiet = ordinary_session(1, np.random.default_rng(4))
    name = quiet[0]["session_id"]
    finding = Finding(name, "reverse-shell", "critical", 1, 0, 0)
    plain, found = judge(model, quiet)[name], judge(model, quiet, {name: (finding,)})[name]
    assert found.risk > plain.risk
    assert level_of(found.risk) == "critical"
    assert sum(found.parts.values()) == pytest.approx(found.risk)
    assert found.anomaly == plain.anomaly


def test_everyday_findings_weigh_less_than_rare_ones():
    everyday = Finding("s", "git-reset", "high", 1, 0, 0)
    who = [("claude-code", "ana")] * 60 + [("claude-code", "bob")] * 60
    rates = fit_finding_rates([(everyday,)] * 60 + [()] * 60, who)
    weights = {user: rates.weight(everyday, ("claude-code", user)) for user in ("ana", "bob")}
    assert weights["ana"] < weights["bob"]
    assert rates.weight(replace(everyday, rule="never-seen"), ("claude-code", "ana")) == 0.72


@pytest.mark.parametrize(("anomaly", "level"), [(0.5, "low"), (0.9, "medium"), (0.99, "high"), (0.999, "critical")])
def test_anomaly_alone_reaches_a_level_at_its_promised_rarity(anomaly, level):
    risk, _ = join_parts({"anomaly": float(anomaly_part(np.array([anomaly]))[0]) + 1e-9})
    assert level_of(risk) == level


def test_the_same_seed_gives_the_same_scores():
    history = history_of(ordinary_records(50))
    first, second = (judge(fit(history, SETTINGS, None), looping_session())["loop"] for _ in range(2))
    assert first == second


def test_a_session_without_details_is_scored_too(model):
    bare = [
        {key: value for key, value in one.items() if key not in ("tool_input", "project")}
        for one in ordinary_records(5, seed=6)
    ]
    results = judge(model, bare)
    assert all(one.status == "scored" for one in results.values())
    with_details = judge(model, ordinary_records(5, seed=6))
    assert all(results[name].confidence < with_details[name].confidence for name in results)
