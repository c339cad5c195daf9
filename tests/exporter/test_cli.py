"""The commands as people and scripts meet them: exit status, output that pipes, errors in one line."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

from exporter.cli import cli, main
from tests.builders import record, use
from tests.exporter.running import run_command, team, thief, write_config, write_lines

CONTRACT_KEYS = [
    "session_id", "started_at", "ended_at", "events", "agent", "user_id", "project", "status", "risk", "level",
    "confidence", "anomaly", "detectors", "reasons", "findings", "fingerprint",
]  # fmt: skip
CONTRACT_COMMANDS = {
    "demo", "serve", "once", "check-config", "train", "score", "explain", "replay", "simulate", "hook",
}  # fmt: skip
ENDED = 1_700_000_000.0
SESSIONS = 40


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with ``team.jsonl``, ``new.jsonl`` (a thief and one too short) and models in ``state``."""
    folder = tmp_path_factory.mktemp("trained")
    write_lines(folder / "team.jsonl", team(SESSIONS, ENDED))
    write_lines(folder / "new.jsonl", [*team(3, ENDED, seed=9, prefix="new-"), *thief(ENDED), use(0, session="short")])
    with contextlib.redirect_stdout(io.StringIO()) as told:
        assert run_command("train", "--input", folder / "team.jsonl", "--state", folder / "state") == 0
    (folder / "told.txt").write_text(told.getvalue())
    return folder


def scored(sigyn, trained, *arguments):
    outcome = sigyn("score", "--input", trained / "new.jsonl", "--state", trained / "state", *arguments)
    assert outcome.status == 0, outcome.err
    return outcome


# Help


def test_the_contracts_commands_are_there():
    assert set(cli.commands) >= CONTRACT_COMMANDS


@pytest.mark.parametrize("name", sorted(CONTRACT_COMMANDS - {"hook"}))
def test_help_ends_well_and_names_every_option(sigyn, name):
    outcome = sigyn(name, "--help")
    assert outcome.status == 0
    options = [option for option in cli.commands[name].params if isinstance(option, click.Option)]
    assert options or name == "check-config"
    for option in options:
        assert all(spelling in outcome.out for spelling in option.opts), option.opts
        assert option.help or option.name == "help", option.name


def test_the_hooks_own_help_is_reached():
    # A process of its own: the hook ends it without ceremony, to be quick.
    ended = subprocess.run([sys.executable, "-m", "exporter", "hook", "--help"], capture_output=True, check=False)
    assert ended.returncode == 0
    assert b"--out" in ended.stdout


def test_without_a_command_the_commands_are_listed(sigyn):
    outcome = sigyn()
    assert outcome.status == 0
    assert all(name in outcome.out for name in CONTRACT_COMMANDS)


def test_the_version_is_the_distributions(sigyn):
    assert re.fullmatch(r"sigyn, version \d+\.\d+\.\d+\n", sigyn("--version").out)


# Wrong usage: status 2, one line


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["score"], "--input"),
        (["score", "--input", "x", "--format", "xml"], "--format"),
        (["score", "--bogus"], "--bogus"),
        (["nonsense"], "nonsense"),
        (["serve"], "--config"),
        (["serve", "--config", "x.yml", "--listen", "9847"], "--listen"),
        (["demo", "--listen", "127.0.0.1:99999"], "--listen"),
        (["demo", "--sessions", "3"], "--sessions"),
        (["explain"], "SESSION"),
        (["replay", "--config", "x.yml", "--from", "7d"], "--to"),
        (["replay", "--config", "x.yml", "--from", "7d", "--to", "now", "--step", "soon"], "--step"),
        (["replay", "--config", "x.yml", "--from", "7d", "--to", "now", "--step", "0s"], "--step"),
        (["simulate", "--sessions", "0"], "--sessions"),
        (["simulate", "--sessions", "5", "--anomalous", "1.5"], "--anomalous"),
        (["simulate", "--sessions", "5", "--days", "5000"], "--days"),
        (["simulate", "--sessions", "5", "--seed", "-1"], "--seed"),
        (["simulate", "--sessions", "5", "--push", "localhost:3100"], "--push"),
        (["simulate", "--sessions", "5", "--out", "x.jsonl", "--push", "http://localhost:3100"], "--out"),
        (["simulate", "--sessions", "5", "--end", "tomorrow"], "tomorrow"),
        (["simulate", "--sessions", "5", "--end", "1970-01-15"], "1980"),
        (["check-config"], "FILE"),
        (["check-config", "missing.yml"], "missing.yml"),
        (["once", "--config", "missing.yml"], "missing.yml"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(sigyn, arguments, named):
    outcome = sigyn(*arguments)
    assert outcome.status == 2
    assert len(outcome.lines) == 1
    assert named in outcome.err
    assert outcome.out == ""


@pytest.mark.parametrize("times", [("2026-01-02", "2026-01-01"), ("now", "now"), ("whenever", "now")])
def test_replay_refuses_times_that_make_no_span(sigyn, tmp_path, times):
    outcome = sigyn("replay", "--config", write_config(tmp_path), "--from", times[0], "--to", times[1])
    assert outcome.status == 2
    assert len(outcome.lines) == 1
    assert times[0] in outcome.err


# Work that fails: status 1, one line


def test_input_that_does_not_exist_is_named(sigyn):
    for command in ("score", "train"):
        outcome = sigyn(command, "--input", "nowhere.jsonl", "--state", "state")
        assert outcome.status == 1
        assert len(outcome.lines) == 1
        assert "nowhere.jsonl" in outcome.err


def test_a_stack_trace_appears_under_debug_only(sigyn):
    assert "Traceback" not in sigyn("score", "--input", "nowhere.jsonl").err
    debugged = sigyn("--debug", "score", "--input", "nowhere.jsonl")
    assert debugged.status == 1
    assert "Traceback" in debugged.err


def test_an_unexpected_error_is_one_line_that_asks_for_a_report(sigyn, monkeypatch):
    def broken(*_):
        raise RuntimeError("two\nlines")

    monkeypatch.setattr("exporter.commands.explain_command.run_explain", broken)
    outcome = sigyn("explain", "s1")
    assert outcome.status == 1
    assert len(outcome.lines) == 1
    assert "--debug" in outcome.err


def test_interrupting_a_command_is_quiet(monkeypatch, capsys):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("exporter.commands.explain_command.run_explain", interrupted)
    with pytest.raises(SystemExit) as ending:
        main(["explain", "s1"])
    assert ending.value.code == 130
    assert capsys.readouterr().err.strip() == ""


# Training and scoring


def test_train_says_what_it_fitted(trained):
    told = (trained / "told.txt").read_text()
    assert re.search(rf"^risk: trained on {SESSIONS} sessions", told, re.MULTILINE)
    assert re.search(rf"^fingerprint: trained on {SESSIONS} sessions", told, re.MULTILINE)


def test_train_on_too_few_sessions_fails_and_says_how_many_are_missing(sigyn, tmp_path):
    few = write_lines(tmp_path / "few.jsonl", team(4, ENDED))
    outcome = sigyn("train", "--input", few, "--state", "state")
    assert outcome.status == 1
    assert "risk needs 26 more sessions" in outcome.lines[-1]
    assert outcome.out == ""


def test_jsonl_has_the_contracts_keys_in_order_most_risky_first(sigyn, trained):
    sessions = [json.loads(line) for line in scored(sigyn, trained, "--format", "jsonl").out.splitlines()]
    assert {one["session_id"] for one in sessions} == {"new-s0000", "new-s0001", "new-s0002", "thief", "short"}
    for session in sessions:
        assert list(session)[: len(CONTRACT_KEYS)] == CONTRACT_KEYS
    risks = [one["risk"] for one in sessions if one["risk"] is not None]
    assert risks == sorted(risks, reverse=True)
    assert [one["session_id"] for one in (sessions[0], sessions[-1])] == ["thief", "short"]


def test_a_scored_session_has_every_number_within_its_bounds(sigyn, trained):
    first = json.loads(scored(sigyn, trained, "--format", "jsonl").out.splitlines()[0])
    assert first["status"] == "scored"
    assert first["level"] in ("high", "critical")
    assert {finding["rule"] for finding in first["findings"]}
    assert {"rule", "severity", "count"} <= first["findings"][0].keys()
    assert {"isolation_forest", "lof", "dbscan"} <= first["detectors"].keys()
    for score in (first["risk"], first["confidence"], first["anomaly"], *first["detectors"].values()):
        assert 0 <= score <= 1
    assert sum(first["parts"].values()) == pytest.approx(first["risk"])
    assert {"id", "cluster", "distance", "description", "category", "wrong_user"} <= first["fingerprint"].keys()
    for reason in first["reasons"]:
        assert {"feature", "value", "expected_low", "expected_high", "contribution"} <= reason.keys()


def test_a_session_too_short_to_judge_has_no_numbers(sigyn, trained):
    last = json.loads(scored(sigyn, trained, "--format", "jsonl").out.splitlines()[-1])
    assert (last["session_id"], last["status"]) == ("short", "insufficient")
    assert [last[name] for name in ("risk", "level", "confidence", "anomaly")] == [None] * 4


def test_with_too_few_sessions_the_number_still_needed_is_told(sigyn, tmp_path):
    few = write_lines(tmp_path / "few.jsonl", team(4, ENDED))
    outcome = sigyn("score", "--input", few, "--state", "state", "--format", "jsonl")
    assert outcome.status == 0
    for session in map(json.loads, outcome.out.splitlines()):
        assert session["status"] == "initializing"
        assert session["needed"] == 26
        assert session["risk"] is session["anomaly"] is session["level"] is None


def test_scoring_without_models_fits_them_first_and_says_so_and_does_so_again_for_a_damaged_one(sigyn, trained):
    config = write_config(trained, analyses={"risk": {"trees": 20}})
    state = ("--state", "fresh", "--config", config, "--format", "jsonl")
    sound = sigyn("score", "--input", trained / "team.jsonl", *state)
    assert sound.status == 0
    assert "fitting on these 40 sessions" in sound.err
    assert {json.loads(line)["status"] for line in sound.out.splitlines()} == {"scored"}
    again = sigyn("score", "--input", trained / "team.jsonl", *state)
    assert "fitting" not in again.err
    assert again.out == sound.out
    (model,) = Path("fresh/models/risk").glob("*.joblib")
    model.write_bytes(b"not a model")
    outcome = sigyn("score", "--input", trained / "team.jsonl", *state)
    assert outcome.status == 0
    assert [line for line in outcome.lines if str(model) in line and "not used" in line]
    assert "no model of risk" in outcome.err
    assert "fingerprint" not in outcome.err
    assert [json.loads(line)["risk"] for line in outcome.out.splitlines()] == [
        json.loads(line)["risk"] for line in sound.out.splitlines()
    ]


def test_csv_has_one_row_a_session(sigyn, trained):
    rows = list(csv.DictReader(io.StringIO(scored(sigyn, trained, "--format", "csv").out)))
    assert len(rows) == 5
    assert rows[0]["session_id"] == "thief"
    assert float(rows[0]["risk"]) >= 0.7
    assert rows[-1]["risk"] == ""


def test_csv_holds_no_formula_that_a_spreadsheet_would_run(sigyn, tmp_path):
    lines = [{**one, "user_id": "=HYPERLINK(1)", "session_id": "@x"} for one in team(1, ENDED)]
    outcome = sigyn("score", "--input", write_lines(tmp_path / "x.jsonl", lines), "--state", "s", "--format", "csv")
    (row,) = csv.DictReader(io.StringIO(outcome.out))
    assert row["user_id"] == "'=HYPERLINK(1)"
    assert row["session_id"] == "'@x"


def test_the_table_has_a_line_a_session_and_says_why(sigyn, trained):
    lines = scored(sigyn, trained).out.splitlines()
    assert len(lines) == 6
    assert lines[0].split()[:3] == ["RISK", "LEVEL", "SESSION"]
    assert "thief" in lines[1]
    assert max(map(len, lines)) <= 160


def test_what_cannot_be_used_is_counted_and_does_not_stop_a_run(sigyn, tmp_path):
    path = write_lines(tmp_path / "mixed.jsonl", [use(0), use(1), record("tool_result", 2, session_id=None)])
    with path.open("ab") as file:
        file.write(
            b'{"half": \n\xff\xfe\x00\n[1, 2]\n"text"\n{"timestamp": "never", "session_id": "s", "event": "x"}\n'
        )
    outcome = sigyn("score", "--input", path, "--state", "state", "--format", "jsonl")
    assert outcome.status == 0
    assert "left out: " in outcome.err
    assert len(outcome.out.splitlines()) == 1


def test_empty_input_is_no_error(sigyn, tmp_path):
    (tmp_path / "nothing").mkdir()
    (tmp_path / "nothing" / "empty.jsonl").write_bytes(b"")
    outcome = sigyn("score", "--input", "nothing", "--state", "state", "--format", "jsonl")
    assert (outcome.status, outcome.out) == (0, "")


def test_names_that_would_steer_a_terminal_are_shown_escaped(sigyn, tmp_path):
    lines = [{**one, "session_id": "a\x1b[31mb", "user_id": "u\nforged"} for one in team(1, ENDED)]
    path = write_lines(tmp_path / "x.jsonl", lines)
    outcome = sigyn("score", "--input", path, "--state", "state")
    assert "\x1b" not in outcome.out
    assert len(outcome.out.splitlines()) == 2
    known = json.loads(sigyn("score", "--input", path, "--state", "state", "--format", "jsonl").out)["session_id"]
    told = sigyn("explain", known, "--state", "state")
    assert told.status == 0
    assert "\x1b" not in told.out
    assert "\nforged" not in told.out


@pytest.mark.parametrize("output_format", ["jsonl", "csv", "table"])
def test_a_reader_that_closes_the_pipe_early_ends_it_quietly(trained, output_format):
    command = [sys.executable, "-m", "exporter", "score", "--format", output_format, "--state", trained / "state"]
    reading, writing = os.pipe()
    os.close(reading)
    ended = subprocess.run(
        [*command, "--input", trained / "new.jsonl"], stdout=writing, stderr=subprocess.PIPE, check=False, text=True
    )
    os.close(writing)
    assert ended.returncode == 0, ended.stderr
    assert "Traceback" not in ended.stderr
    assert "BrokenPipe" not in ended.stderr


# Explaining


def test_explain_names_parts_reasons_and_findings(sigyn, trained):
    scored(sigyn, trained)
    outcome = sigyn("explain", "thief", "--state", trained / "state")
    assert outcome.status == 0
    assert outcome.out.startswith("session thief\n")
    for word in ("risk", "anomaly", "isolation_forest", "findings:", "fingerprint"):
        assert word in outcome.out
    assert "finding " in outcome.out


def test_explain_says_why_a_session_has_no_score(sigyn, trained):
    scored(sigyn, trained)
    outcome = sigyn("explain", "short", "--state", trained / "state")
    assert outcome.status == 0
    assert "not scored (insufficient)" in outcome.out


def test_explain_of_an_unknown_session_says_how_to_score_it(sigyn, trained):
    outcome = sigyn("explain", "nobody", "--state", trained / "state")
    assert outcome.status == 1
    assert len(outcome.lines) == 1
    assert "nobody" in outcome.err
    assert "sigyn score" in outcome.err


def test_explain_without_a_state_names_the_folder_and_makes_none(sigyn, tmp_path):
    outcome = sigyn("explain", "s1", "--state", "nowhere")
    assert outcome.status == 1
    assert len(outcome.lines) == 1
    assert "nowhere" in outcome.err
    assert not (tmp_path / "nowhere").exists()


# Checking a configuration


def test_a_valid_configuration_is_said_to_be_valid(sigyn, tmp_path):
    outcome = sigyn("check-config", write_config(tmp_path))
    assert (outcome.status, outcome.err) == (0, "")
    assert outcome.out.endswith(": valid\n")


def test_an_empty_configuration_is_valid(sigyn, tmp_path):
    (tmp_path / "empty.yml").write_text("")
    assert sigyn("check-config", "empty.yml").status == 0


def test_every_mistake_is_listed_at_once_with_its_path_those_of_rule_files_too(sigyn, tmp_path):
    (tmp_path / "own.yml").write_text("rules: [{id: X}]\ndisable: [no-such-rule]\n")
    (tmp_path / "bad.yml").write_text(
        "cycle: {intervall: 5m}\ntraining: {growth: much}\nsessions: {time_zone: Nowhere}\n"
        "rules: {files: [own.yml, missing.yml], disable: [nothing-of-this-name]}\n"
    )
    outcome = sigyn("check-config", "bad.yml")
    assert outcome.status == 2
    for path in ("cycle.intervall", "training.growth", "sessions.time_zone", "rules.files[1]", "own.yml:rules.0"):
        assert [line for line in outcome.lines if path in line], path
    assert sum("missing.yml" in line or "rules.files[1]" in line for line in outcome.lines) == 1
    assert outcome.out == ""


def test_mistakes_in_rule_files_alone_are_wrong_configuration(sigyn, tmp_path):
    (tmp_path / "own.yml").write_text("disable: [no-such-rule]\n")
    config = write_config(tmp_path, rules={"files": ["own.yml"]})
    for command in (["check-config", config], ["once", "--config", config]):
        outcome = sigyn(*command)
        assert outcome.status == 2
        assert len(outcome.lines) == 1
        assert "no-such-rule" in outcome.err


def test_a_secret_is_never_repeated(sigyn, tmp_path):
    (tmp_path / "bad.yml").write_text("sources: {loki: {url: 'http://me:hunter2@loki', password: hunter2}}\n")
    outcome = sigyn("check-config", "bad.yml")
    assert outcome.status == 2
    assert "hunter2" not in outcome.err + outcome.out


# Demo


def test_demo_shows_the_riskiest_sessions_of_ones_own_history(sigyn, tmp_path):
    now = time.time()
    write_lines(tmp_path / "own" / "a.jsonl", [*team(SESSIONS, now - 7200), *thief(now - 7200)])
    outcome = sigyn("demo", "--no-serve", "--input", tmp_path / "own", "--directory", tmp_path / "demo")
    assert outcome.status == 0, outcome.err
    assert "thief" in outcome.out.splitlines()[1]
    assert "41 sessions, 41 scored" in outcome.out
