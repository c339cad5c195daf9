"""Hostile names in a terminal: what `sigyn score` and `sigyn explain` print steers nothing."""

import re

import pytest

from tests.abuse.hostile import HOSTILE, READ, steering
from tests.exporter.running import run_command

OURS = re.compile(r"\x1b\[[0-9;]*m")
"""Colours, which the commands print themselves where somebody watches."""


@pytest.fixture(scope="module")
def scored(telemetry, tmp_path_factory):
    """A state folder in which the sessions are scored."""
    state = tmp_path_factory.mktemp("scored")
    assert run_command("score", "--input", telemetry / "telemetry", "--state", state) == 0
    return state


@pytest.fixture(params=["piped", "watched"])
def _watched(request, monkeypatch):
    if request.param == "watched":
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setenv("COLUMNS", "200")


@pytest.mark.usefixtures("_watched")
def test_the_table_has_one_inert_line_a_session(telemetry, scored, capsys):
    assert run_command("score", "--input", telemetry / "telemetry", "--state", scored) == 0
    printed = capsys.readouterr()
    shown = OURS.sub("", printed.out)
    assert steering(shown) == set()
    assert "evil" not in printed.err, "progress names no session"
    assert sum(
        line.split()[1] in ("low", "medium", "high", "critical") for line in shown.splitlines()[1:] if line
    ) == 34 + len(READ)


@pytest.mark.usefixtures("_watched")
@pytest.mark.parametrize("name", READ)
def test_an_explanation_is_inert(scored, capsys, name):
    assert run_command("explain", "--state", scored, "--", READ[name]) == 0
    assert steering(OURS.sub("", capsys.readouterr().out)) == set()


def test_an_unknown_session_is_named_inertly(scored, capsys):
    assert run_command("explain", "--state", scored, "--", "nobody" + HOSTILE["terminal"]) == 1
    error = capsys.readouterr().err
    assert steering(error) == set()
    assert error.count("\n") == 1


def test_json_lines_are_one_line_a_session_and_csv_starts_no_formula(telemetry, scored, capsys):
    assert run_command("score", "--input", telemetry / "telemetry", "--state", scored, "--format", "jsonl") == 0
    lines = capsys.readouterr().out.split("\n")
    assert len([line for line in lines if line.startswith('{"session_id":')]) == 34 + len(READ)
    assert run_command("score", "--input", telemetry / "telemetry", "--state", scored, "--format", "csv") == 0
    assert not re.search(r'(^|,)"?[=+@]', capsys.readouterr().out, re.MULTILINE)
