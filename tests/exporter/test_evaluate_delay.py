"""How many events past the onset the alarm comes, from event lines to tables; the detectors are stood in for."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

import numpy as np
import orjson
import pytest
from click.testing import CliRunner

from analytics.activity import WorkingHours
from analytics.analysis import Analysis, AnalysisResult
from analytics.evaluation import EvaluationError
from analytics.evaluation.injection import DEEDS, donors_of, injections
from analytics.evaluation.prefixes import ranks_of
from analytics.intake import build_event_table
from analytics.simulation import Injection, SimulationSettings, simulate_team
from exporter.assembly import build_rules
from exporter.commands.evaluate_options import evaluate
from exporter.config import load_config
from exporter.evaluation import watched
from exporter.evaluation.corpus import measure_judged
from exporter.evaluation.watched import measure_prefixes
from tests.builders import sessions_of, use
from tests.exporter.running import write_lines

ODD = "Teleport"
ALARMED_AT = 3
"""Uses of the odd tool that the stand-in alarms at."""
KINDS = ("secret_access", "exfiltration", "loop")
"""What rules with details, sequences of rules and runs of calls say."""
RULES = build_rules(load_config(None, {}))


@dataclass(frozen=True)
class Settings:
    seed: int = 0


@dataclass(frozen=True)
class Result:
    risk: float
    anomaly: float
    detectors: dict[str, float]


def fit(history, settings, previous):
    del previous
    return len(history) + settings.seed


def run(rows, model, settings, upstream):
    """Risk is 1 exactly when the odd tool has just been used so often and falls again; anomaly knows nothing."""
    del model, settings, upstream
    uses = [sum(symbol == ODD for symbol in rows.trace(number).symbols) for number in range(len(rows))]
    return AnalysisResult(
        {
            info.session_id: Result(float(count == ALARMED_AT), 0.5, {})
            for info, count in zip(rows.infos, uses, strict=True)
        }
    )


@pytest.fixture(autouse=True)
def _stand_in(monkeypatch):
    plain = Analysis("risk", Settings, (), fit, run)
    monkeypatch.setattr("exporter.commands.evaluate_command.load_analyses", lambda: (plain,))


def a_set(folder, name="runs", *, has_onset=True, odd_before=0):
    """60 good sessions of reads; 20 bad ones that use the odd tool from the sixth event on, five times."""
    lines, labels = [], ["session_id,label,onset_sequence,group,model,agent"]
    for number in range(80):
        is_bad, session = number >= 60, f"s{number:02d}"
        tools = ["Read"] * (12 + number % 7)
        if is_bad:
            tools[5:10] = [ODD] * 5
        if number < odd_before:
            tools[2:7] = [ODD] * 5
        lines += [use(1000 * number + k, tool, session=session, sequence=100 + k) for k, tool in enumerate(tools)]
        labels.append(f"{session},{int(is_bad)},{105 if is_bad and has_onset else ''},g{number},m,a")
    (folder / f"{name}.jsonl").write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in lines))
    (folder / f"{name}.labels.csv").write_text("\n".join(labels) + "\n")
    return folder


def delays(*arguments):
    given = ["--delay", "--jobs", "1", "--seeds", "1", "--format", "jsonl", *map(str, arguments)]
    result = CliRunner().invoke(evaluate, given, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    return {(row["dataset"], row["condition"], row["scorer"]): row for row in rows}


def test_an_alarm_planted_two_events_past_the_onset_is_told_there(tmp_path):
    rows = delays("--folder", a_set(tmp_path))
    risk = rows["runs", "good, from the onset", "sigyn risk"]
    assert [risk["delay"][share]["value"] for share in ("0.25", "0.5", "0.75")] == [ALARMED_AT - 1] * 3
    assert risk["alarmed"]["value"] == risk["within"]["5"]["value"] == 1
    assert risk["before_onset"]["value"] == risk["false_alarms"]["value"] == 0
    assert (risk["bad"], risk["good"]) == (20, 60)
    anomaly = rows["runs", "good, from the onset", "sigyn anomaly"]
    assert anomaly["alarmed"]["value"] == 0
    assert anomaly["delay"]["0.5"]["value"] is None
    # Bad sessions are as long as good ones: counting finds hardly any of them.
    assert rows["runs", "good, from the onset", "events"]["alarmed"]["value"] < 0.3
    assert ("runs", "good, from the onset", "tool calls") in rows


def test_good_sessions_that_exceed_for_a_moment_raise_the_line_for_all(tmp_path):
    rows = delays("--folder", a_set(tmp_path, odd_before=30))
    risk = rows["runs", "good, from the onset", "sigyn risk"]
    # Every second unseen good session reached 1.0 at some look, and nothing is above that.
    assert risk["alarmed"]["value"] == risk["false_alarms"]["value"] == 0


def test_without_an_onset_delays_are_counted_from_the_first_event(tmp_path):
    risk = delays("--folder", a_set(tmp_path, has_onset=False))["runs", "good, from the first event", "sigyn risk"]
    assert risk["delay"]["0.5"]["value"] == 5 + ALARMED_AT - 1
    assert risk["before_onset"]["value"] is None


def test_sets_of_one_family_end_in_their_mean_and_one_that_cannot_be_judged_is_named(tmp_path):
    for name in ("runs-1", "runs-2"):
        a_set(tmp_path, name)
    rows = delays("--folder", tmp_path)
    assert rows["mean of runs-*", "good, from the onset", "sigyn risk"]["alarmed"]["value"] == 1
    (tmp_path / "runs-2.labels.csv").write_text("session_id,label,model,agent\nx,1,m,a\n")
    result = CliRunner().invoke(evaluate, ["--delay", "--folder", str(tmp_path), "--jobs", "1", "--seeds", "1"])
    assert isinstance(result.exception, EvaluationError)
    assert "runs-2" in str(result.exception)
    assert "sigyn risk" in result.stdout


def test_tables_say_what_their_columns_mean(tmp_path):
    folder = a_set(tmp_path)
    for output in ("table", "markdown"):
        given = ["--delay", "--folder", str(folder), "--jobs", "1", "--seeds", "1", "--format", output]
        text = CliRunner().invoke(evaluate, given, catch_exceptions=False).stdout
        assert "20 bad, 60 good" in text
        assert "an alarm is" in text
    assert "| scorer | alarmed | before onset |" in text
    assert "2 / 2 / 2 (2 to 2)" in text


def simulated(sessions):
    settings = SimulationSettings(
        sessions=sessions, days=10, end_ns=1_780_000_000 * 10**9, anomalous_ratio=0.0, agents={"codex": 1.0}
    )
    return list(simulate_team(settings, np.random.default_rng(2)))


def odd_tools_put_in(sessions, deed, seed, others):
    """Five uses of the odd tool in the middle of each session, between its fourth event and its end."""
    del seed, others
    for session_id, records in sessions.items():
        middle = len(records) // (2 if deed.strength == "mild" else 4)
        time = records[middle - 1]["timestamp"]
        put_in = [{**use(0, ODD, session=session_id), "timestamp": time} for _ in range(5)]
        joined = [*records[:middle], *put_in, *({**one, "timestamp": time} for one in records[middle:])]
        yield session_id, Injection([{**one, "sequence": k} for k, one in enumerate(joined)], middle)


@pytest.fixture
def team(tmp_path):
    """Event lines of a few sessions of one agent."""
    return write_lines(tmp_path / "team.jsonl", [record for one in simulated(16) for record in one.records])


@pytest.fixture
def _two_deeds(monkeypatch):
    chosen = tuple(deed for deed in DEEDS if deed.kind == "wrong_user")
    monkeypatch.setattr("exporter.commands.evaluate_command.DEEDS", chosen)


@pytest.mark.usefixtures("_two_deeds")
def test_misbehaviour_put_in_is_told_where_it_was_planted(monkeypatch, team):
    monkeypatch.setattr("exporter.evaluation.injected_delay_run.injections", odd_tools_put_in)
    rows = delays("--inject", "--events", team)
    for details in ("with details", "without details"):
        for condition in ("wrong_user mild", "wrong_user strong", "all"):
            risk = rows[details, condition, "sigyn risk"]
            assert [risk["delay"][share]["value"] for share in ("0.25", "0.5", "0.75")] == [ALARMED_AT - 1] * 3
            assert risk["within"]["5"]["value"] == 1
            assert risk["before_onset"]["value"] == risk["false_alarms"]["value"] == 0
            assert rows[details, condition, "sigyn anomaly"]["alarmed"]["value"] == 0


@pytest.mark.usefixtures("_two_deeds")
def test_what_begins_with_the_session_has_nothing_before_it(team):
    rows = delays("--inject", "--events", team)
    for details in ("with details", "without details"):
        assert {condition for dataset, condition, _ in rows if dataset == details} == {
            "wrong_user mild", "wrong_user strong", "all", "all mild", "all strong",
        }  # fmt: skip
        assert rows[details, "wrong_user strong", "tool calls"]["before_onset"]["value"] == 0
        assert rows[details, "wrong_user strong", "tool calls"]["bad"] > 0


@pytest.mark.usefixtures("_two_deeds")
def test_kinds_of_misbehaviour_stand_in_one_table(team):
    given = ["--delay", "--inject", "--events", str(team), "--jobs", "1", "--seeds", "1", "--format", "markdown"]
    text = CliRunner().invoke(evaluate, given, catch_exceptions=False).stdout
    assert "with details: each kind" in text
    assert "without details: all strong" in text
    assert "| wrong_user strong |" in text


def test_a_measured_prefix_is_what_the_cut_session_is_measured_as(monkeypatch):
    monkeypatch.setattr(watched, "MOST_EVENTS", 300)  # far less than they hold together: several parts
    own = {session.records[0]["session_id"]: session.records for session in simulated(3)}
    planted = {}
    for number, deed in enumerate(one for one in DEEDS if one.strength == "strong" and one.kind in KINDS):
        session_id = list(own)[number % len(own)]
        placed = dict(injections({session_id: own[session_id]}, deed, 0, donors_of(own)))
        name = f"{session_id} {deed.kind}"
        planted[name] = replace(
            placed[session_id], records=[{**record, "session_id": name} for record in placed[session_id].records]
        )
    sessions = sessions_of(*(record for injection in planted.values() for record in injection.records))
    onsets = ranks_of(sessions, {name: injection.onset_sequence for name, injection in planted.items()})
    prefixes = measure_prefixes(sessions, onsets, RULES, WorkingHours())
    found = set()
    for position, (number, age) in enumerate(zip(prefixes.grid.flat_sessions, prefixes.grid.flat_ages, strict=True)):
        if position % 4:  # each measured alone takes its time
            continue
        name, measured = prefixes.session_ids[number], prefixes.measured[position]
        table = build_event_table(planted[name].records[:age], "native").table
        alone = measure_judged([table], RULES, WorkingHours())[0]
        np.testing.assert_allclose(measured.values, alone.values, rtol=1e-9)
        assert measured.info.events == alone.info.events == age
        assert measured.trace.symbols == alone.trace.symbols
        assert {(one.rule, one.count) for one in measured.findings} == {(one.rule, one.count) for one in alone.findings}
        found |= {one.rule for one in measured.findings}
    assert len(found) >= 3


def test_sessions_without_an_onset_among_those_asked_for_are_left_out():
    sessions = sessions_of(*(use(k, session=name) for name in "abc" for k in range(4)))
    prefixes = measure_prefixes(sessions, {"c": 1, "a": 2}, RULES, WorkingHours())
    assert prefixes.session_ids == ("a", "c")
    assert prefixes.grid.onsets.tolist() == [2, 1]
    assert prefixes.only(["c"]).rows().infos == prefixes.rows().infos[4:]


@pytest.mark.parametrize("option", [("--cut", "5"), ("--equal-length",), ("--past-onset", "0"), ("--contaminate", "5")])
def test_sessions_cut_in_another_way_are_refused(tmp_path, option):
    result = CliRunner().invoke(evaluate, ["--delay", "--folder", str(a_set(tmp_path)), *option])
    assert result.exit_code == 2
    assert option[0] in result.stderr


def test_help_names_the_option():
    assert "--delay" in CliRunner().invoke(evaluate, ["--help"]).output
