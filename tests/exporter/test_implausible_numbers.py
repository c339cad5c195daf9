"""One machine that writes numbers without sense: nothing that is summed or scored takes harm, and it is counted."""

import json
import math

import pytest

from analytics.intake import NATIVE_NUMBERS
from tests.builders import START, record
from tests.exporter.running import HOUR, Clock, exporter_of, sample, team, thief, write_lines

IMPLAUSIBLE = (1e308, 1e300, 2**63, -5, "1e308", "-5")
NO_NUMBERS = ("NaN", "nan dollars")
ENDED = 1_790_000_000.0
WHO = {"agent": "claude-code", "user_id": "ana", "project": "/home/ana/shop"}

pytestmark = pytest.mark.filterwarnings("error")


def request(session, number, ended, **numbers):
    seconds = ended - START.timestamp() - HOUR + number
    return record("api_request", seconds, session_id=session, sequence=number, **WHO, **numbers)


def poisoned(ended):
    """A session whose every number is none of this world, twice, so that sums overflow."""
    records = [one for one in thief(ended - HOUR, "poisoned") if one["event"] == "tool_result"]
    values = (*IMPLAUSIBLE, *NO_NUMBERS)
    made = [
        request("poisoned", 100 + number, ended, **dict.fromkeys(NATIVE_NUMBERS, value))
        for number, value in enumerate(values * 2)
    ]
    return [*({**one, **dict.fromkeys(NATIVE_NUMBERS, 1e308)} for one in records), *made], len(records)


def test_sums_go_on_and_what_was_left_out_is_counted(tmp_path):
    clock = Clock(ENDED)
    file = tmp_path / "telemetry" / "team.jsonl"
    good = [request(f"good-{number}", number, ENDED, cost_usd=2.0, input_tokens=10) for number in range(5)]
    hostile, results = poisoned(ENDED)
    write_lines(file, [*team(34, ENDED - 2 * HOUR), *good, *hostile])
    with exporter_of(tmp_path, clock, analyses={"risk": {"trees": 20}}) as exporter:
        assert exporter.cycle() is not None
        assert exporter.training()
        assert exporter.cycle() is not None
        cost = sample(exporter, "sigyn_cost_usd_total", user_id="ana", project="/home/ana/shop")
        assert cost >= 10.0
        left_out = len(NATIVE_NUMBERS) * (2 * len(IMPLAUSIBLE) + results)
        assert sample(exporter, "sigyn_values_lost_total", reason="implausible_number") == left_out
        assert sample(exporter, "sigyn_events_dropped_total", reason="implausible_number") is None
        write_lines(file, [request("late", 200, ENDED, cost_usd=20.0)])
        assert exporter.cycle() is not None
        later = sample(exporter, "sigyn_cost_usd_total", user_id="ana", project="/home/ana/shop")
        assert later == pytest.approx(cost + 20.0)
        exposed = [one for family in exporter.registry.collect() for one in family.samples if "le" not in one.labels]
        assert [one for one in exposed if not math.isfinite(one.value)] == []


def test_the_session_is_scored_by_what_makes_sense_and_the_command_says_what_was_left_out(sigyn, tmp_path):
    hostile, results = poisoned(ENDED)
    trained = write_lines(tmp_path / "team.jsonl", [*team(34, ENDED - 2 * HOUR), *hostile])
    training = sigyn("train", "--input", trained, "--state", "state")
    assert training.status == 0
    left_out = len(NATIVE_NUMBERS) * (2 * len(IMPLAUSIBLE) + results)
    assert f"left out: {left_out} implausible_number" in training.err
    scored = sigyn("score", "--input", trained, "--state", "state", "--format", "jsonl")
    assert scored.status == 0
    verdicts = {one["session_id"]: one for one in map(json.loads, scored.out.splitlines())}
    assert len(verdicts) == 35
    assert verdicts["poisoned"]["level"] == "critical"
    assert "NaN" not in scored.out
    assert "Infinity" not in scored.out
