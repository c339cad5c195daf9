"""Whether the first reason names the planted cause; the whole table comes from ``sigyn evaluate --reasons``."""

import os

import numpy as np
import pytest

from analytics.evaluation.planted_causes import CAUSES
from analytics.evaluation.trial import needed_for
from analytics.registry import load_analyses
from analytics.simulation import SimulationSettings, simulate_team
from exporter.assembly import build_rules
from exporter.config import load_config
from exporter.evaluation.reasons_run import judge_causes
from exporter.evaluation.records_file import read_records
from tests.exporter.running import run_command, write_lines

UNHEARD = "the whole session at night"
"""One feature of sixty, in teams whose people work at all hours: no detector says more of it than it says anyway."""
BAR = 0.9
REACHED_ON_RECORDED = 0.8
"""Below the bar: recorded sessions have strange things of their own, and 0.84 to 0.89 name the cause before these."""


def simulated(sessions, seed):
    settings = SimulationSettings(end_ns=1_780_000_000 * 10**9, sessions=sessions, anomalous_ratio=0.0, users=6)
    return [one for session in simulate_team(settings, np.random.default_rng(seed)) for one in session.records]


def judged(records, seed=0):
    rules = build_rules(load_config(None, {}))
    return judge_causes(records, rules, needed_for("risk", load_analyses()), seed)


def share_named_first(rows):
    heard = [row for row in rows if row.cause != UNHEARD and row.cases]
    assert len(heard) == len(CAUSES) - 1
    return sum(row.first * row.cases for row in heard) / sum(row.cases for row in heard)


def test_causes_are_named_first_in_simulated_sessions():
    assert share_named_first(judged(simulated(240, 11))) >= BAR


@pytest.mark.skipif("SIGYN_SLOW" not in os.environ, reason="slow; set SIGYN_SLOW=1")
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_causes_are_named_first_in_larger_teams(seed):
    assert share_named_first(judged(simulated(500, seed), seed)) >= BAR


@pytest.mark.skipif("SIGYN_SLOW" not in os.environ, reason="slow; set SIGYN_SLOW=1")
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_causes_are_named_first_in_most_recorded_sessions(shared_data, seed):
    records, _ = read_records([str(shared_data / "real-sessions")], lambda _: None)
    assert share_named_first(judged(records, seed)) >= REACHED_ON_RECORDED


def test_the_command_prints_a_row_for_each_cause(tmp_path, capsys):
    write_lines(tmp_path / "team.jsonl", simulated(80, 5))
    assert run_command("evaluate", "--reasons", "--events", tmp_path / "team.jsonl", "--format", "markdown") == os.EX_OK
    table = capsys.readouterr().out
    assert all(cause.name in table for cause in CAUSES)


def test_the_command_needs_events(capsys):
    assert run_command("evaluate", "--reasons") != os.EX_OK
    assert "--reasons needs --events" in capsys.readouterr().err
