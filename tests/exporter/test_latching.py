"""An alarm in whole cycles: a running session stays at its highest level, whatever harmless steps follow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from analytics.analyses.risk import RiskResult
from analytics.analysis import Analysis, AnalysisResult
from exporter.collector import SnapshotCollector
from exporter.marks import read_marks
from exporter.pipeline import restore, run_cycle
from exporter.publisher import Publisher
from exporter.state import HumanVerdict, State
from exporter.verdict_json import verdict_to_dict
from exporter.world import EnabledAnalysis, Models, World
from tests.builders import START, ordinary_session
from tests.exporter.worlds import HOUR_NS, RULES, Lines

START_NS = int(START.timestamp()) * 1_000_000_000
FADING = Models({"risk": 1.0})
"""A model by which a session's risk fades with its length."""


@dataclass(frozen=True)
class NoSettings:
    minimum_sessions: int = 1


def fading_risk(rows, model, _settings, _upstream):
    """Risk that halves with every doubling beyond twenty events, times what the model says."""
    risks = {info.session_id: 0.95 * model * min(1.0, 20 / info.events) for info in rows.infos} if model else {}
    scored = {
        name: RiskResult("scored", risk=risk, anomaly=risk, confidence=1.0, detectors={}, parts={"anomaly": risk})
        for name, risk in risks.items()
    }
    return AnalysisResult(scored or {info.session_id: RiskResult("initializing", needed=1) for info in rows.infos})


FADING_RISK = Analysis("risk", NoSettings, (), lambda *_: None, fading_risk)


def after(hours):
    return START_NS + int(hours * HOUR_NS)


def steps(count, begin_hour, name="live"):
    """Harmless work in one session."""
    made = ordinary_session(1, np.random.default_rng(3), start=begin_hour * 3600.0, uses=count)
    return [{**one, "session_id": name, "tool_use_id": f"{begin_hour}-{one.get('tool_use_id')}"} for one in made][
        :count
    ]


def opened(folder, source, models=FADING):
    enabled = (EnabledAnalysis(FADING_RISK, NoSettings()),)
    world = World((source,), State.open(folder), RULES, enabled, models=models)
    restore(world, after(1))
    return world


@pytest.fixture
def world(tmp_path):
    made = opened(tmp_path, Lines(steps(18, 1.0), batch=50))
    run_cycle(made, after(1.1))
    assert made.verdicts["live"].level == "critical"
    yield made
    made.state.close()


def bring(world, records, hour):
    world.sources[0].records += records
    return run_cycle(world, after(hour)).snapshot


def say(world, verdict, hour):
    with world.state.begin() as transaction:
        transaction.put_human_verdict("live", HumanVerdict(verdict, "", after(hour) / 1e9))
    world.marks = read_marks(world.state)


def exposed(snapshot):
    publisher, registry = Publisher(), CollectorRegistry()
    registry.register(SnapshotCollector(publisher))
    publisher.publish(snapshot)
    risks = [
        sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.name == "sigyn_session_risk_score"
    ]
    return risks, registry


def test_five_hundred_harmless_steps_do_not_end_an_alarm(world):
    reached = world.verdicts["live"]
    for number in range(10):
        hour = 1.2 + number / 10
        snapshot = bring(world, steps(50, hour), hour + 0.08)
        verdict = world.verdicts["live"]
        assert (verdict.level, verdict.risk, verdict.parts) == ("critical", reached.risk, reached.parts)
    assert verdict.events == 518
    assert verdict.live_risk < 0.1
    risks, registry = exposed(snapshot)
    assert risks == [reached.risk]
    assert registry.get_sample_value("sigyn_sessions", {"level": "critical"}) == 1.0


def test_the_json_says_what_is_held_what_is_live_and_since_when(world):
    bring(world, steps(50, 1.2), 1.3)
    told = verdict_to_dict(world.verdicts["live"])
    reached_ns = world.state.session("live").verdict.peak.at_ns
    assert (told["latched_level"], told["peak_risk"]) == ("critical", told["risk"])
    assert told["live_risk"] == pytest.approx(0.95 * 20 / 68)
    assert told["peak_at"].startswith("2026-03-02T10:0")
    assert after(1.0) <= reached_ns <= after(1.1)


def test_an_ended_session_has_the_score_of_the_whole_and_the_peak_beside_it(world):
    bring(world, steps(50, 1.2), 1.3)
    run_cycle(world, after(9))
    final = world.verdicts["live"]
    assert final.is_final
    assert (final.risk, final.level, final.live_risk) == (pytest.approx(0.95 * 20 / 68), "low", None)
    assert final.peak.risk == pytest.approx(0.95)


def test_a_benign_verdict_releases_the_level_in_the_next_cycle_without_a_new_event(world):
    bring(world, steps(50, 1.2), 1.3)
    say(world, "benign", 1.4)
    run_cycle(world, after(1.4))
    verdict = world.verdicts["live"]
    assert (verdict.level, verdict.live_risk, verdict.peak, verdict.is_final) == ("low", None, None, False)


@pytest.mark.parametrize("verdict", ["malicious", "broken"])
def test_other_verdicts_hold_it(world, verdict):
    bring(world, steps(50, 1.2), 1.3)
    say(world, verdict, 1.4)
    run_cycle(world, after(1.4))
    assert world.verdicts["live"].level == "critical"


def test_what_happens_after_a_benign_verdict_is_held_anew(world):
    say(world, "benign", 1.15)
    bring(world, steps(2, 1.2), 1.3)
    bring(world, steps(50, 1.31), 1.4)
    verdict = world.verdicts["live"]
    assert verdict.level == "critical"
    assert verdict.peak.at_ns > after(1.15)


def test_another_model_does_not_lower_it(world):
    reached = world.verdicts["live"]
    world.models = Models({"risk": 0.1})
    bring(world, steps(2, 1.2), 1.3)
    assert world.verdicts["live"].risk == reached.risk
    assert world.verdicts["live"].live_risk < 0.1


def test_a_restart_holds_it(world, tmp_path):
    reached = world.verdicts["live"].risk
    bring(world, steps(50, 1.2), 1.3)
    world.state.close()
    again = opened(tmp_path, world.sources[0])
    run_cycle(again, after(1.35))
    assert again.verdicts["live"].risk == reached
    assert again.verdicts["live"].live_risk < reached
    world.state = again.state


def test_events_that_a_crash_left_unjudged_do_not_lose_the_peak(world, tmp_path, monkeypatch):
    reached = world.verdicts["live"].risk
    monkeypatch.setattr("exporter.pipeline.judge", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        bring(world, steps(50, 1.2), 1.3)
    monkeypatch.undo()
    assert world.state.session("live").verdict.risk is None
    world.state.close()
    again = opened(tmp_path, world.sources[0])
    run_cycle(again, after(1.35))
    assert again.verdicts["live"].risk == reached
    world.state = again.state
