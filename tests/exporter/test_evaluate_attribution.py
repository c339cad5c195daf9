"""`sigyn evaluate --attribution`: from event lines to tables, on users with planted habits."""

from __future__ import annotations

import json

import orjson
import pytest
from click.testing import CliRunner

from analytics.evaluation import EvaluationError, attribution
from exporter.commands.evaluate_options import evaluate
from exporter.evaluation.attribution_run import read_attributed
from exporter.rule_file import load_rule_set
from tests.analytics.planted_users import READER, SHELL, WRITER, sessions_by


@pytest.fixture(scope="module")
def lines(tmp_path_factory):
    records = [one for habit in (READER, SHELL, WRITER) for one in sessions_by(habit, 22)]
    file = tmp_path_factory.mktemp("events") / "team.jsonl"
    file.write_bytes(b"".join(orjson.dumps({**one, "project": "shop"}) + b"\n" for one in records))
    return file


def test_users_are_attributed_and_swaps_found_as_json_lines(lines, monkeypatch):
    monkeypatch.setattr(attribution, "CANDIDATES", {attribution.OURS: attribution.CANDIDATES[attribution.OURS]})
    outcome = CliRunner().invoke(evaluate, ["--attribution", "--events", str(lines), "--format", "jsonl"])
    assert outcome.exit_code == 0, outcome.output
    rows = [json.loads(line) for line in outcome.stdout.splitlines() if line.startswith("{")]
    ours = [row for row in rows if row.get("method") == "logistic regression (Sigyn)"]
    assert {(row["problem"], row["split"]) for row in ours} == {
        ("user, all sessions", "random"), ("user, all sessions", "earlier to later"),
        ("user, claude-code in shop", "random"), ("user, claude-code in shop", "earlier to later"),
    }  # fmt: skip
    assert all(row["top_1"]["value"] > 0.9 for row in ours)
    assert [row["method"] for row in rows if "outside" in row] == [
        "k-means clusters", "DBSCAN categories", "HDBSCAN categories",
    ]  # fmt: skip


def test_labels_beside_the_events_tell_which_runs_belong_together(lines):
    ids = [f"ana-0-{day}" for day in range(4)]
    labels = lines.with_name("team.labels.csv")
    labels.write_text("session_id,label,group\n" + "".join(f"{name},0,task-1\n" for name in ids))
    try:
        attributed = read_attributed((str(lines),), load_rule_set([], ()), lambda _: None)
    finally:
        labels.unlink()
    family = {info.session_id: code for info, code in zip(attributed.rows.infos, attributed.family, strict=True)}
    assert len({family[name] for name in ids}) == 1
    assert len(set(family.values())) == len(family) - 3


def test_it_needs_events():
    outcome = CliRunner().invoke(evaluate, ["--attribution"])
    assert outcome.exit_code == 2
    assert "--attribution needs --events" in outcome.output


def test_too_few_sessions_are_refused_in_one_line(tmp_path):
    file = tmp_path / "few.jsonl"
    file.write_bytes(b"".join(orjson.dumps(one) + b"\n" for one in sessions_by(READER, 4)))
    outcome = CliRunner().invoke(evaluate, ["--attribution", "--events", str(file)])
    assert isinstance(outcome.exception, EvaluationError)
    assert "give more events" in str(outcome.exception)
