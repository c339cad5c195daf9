"""The whole way from event lines to tables, on small simulated sessions."""

from __future__ import annotations

import csv
import json
import os
from dataclasses import dataclass

import numpy as np
import orjson
import pytest
from click.testing import CliRunner

from analytics.analysis import Analysis, AnalysisResult
from analytics.evaluation import EvaluationError
from analytics.simulation import (
    LABEL_COLUMNS,
    MISBEHAVIOURS,
    STRENGTHS,
    SimulationSettings,
    labels_rows,
    merge_in_time,
    simulate_team,
)
from exporter.commands.evaluate_options import evaluate
from exporter.evaluation.corpus import count_errors, read_events
from exporter.evaluation.labels_file import Choice, read_labels
from exporter.evaluation.pyod_peers import PEERS, pyod_scores
from exporter.evaluation.records_file import read_records
from exporter.processes import in_processes
from exporter.sources.source import SourceError
from tests.builders import record, table_of, use

END_NS = 1_780_000_000_000_000_000


def simulated(home, name, sessions, anomalous):
    """Sessions of one agent with strong loops in some, and their truth, as files."""
    settings = SimulationSettings(
        sessions=sessions,
        days=20,
        end_ns=END_NS,
        anomalous_ratio=anomalous,
        kinds=("loop",),
        strength="strong",
        agents={"codex": 1.0},
    )
    made = list(simulate_team(settings, np.random.default_rng(1)))
    lines = home / f"{name}.jsonl"
    lines.write_bytes(b"".join(orjson.dumps(one) + b"\n" for one in merge_in_time(made)))
    with (home / f"{name}.labels.csv").open("w", newline="") as labels:
        writer = csv.DictWriter(labels, LABEL_COLUMNS)
        writer.writeheader()
        writer.writerows(labels_rows(made))
    return lines


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A labelled set in which strong loops are planted."""
    return simulated(tmp_path_factory.mktemp("sets"), "team", 110, 0.2).parent


@pytest.fixture(scope="module")
def healthy(tmp_path_factory):
    """Sessions in which nothing is planted."""
    return simulated(tmp_path_factory.mktemp("healthy"), "team", 40, 0.0)


@dataclass(frozen=True)
class PlainSettings:
    seed: int = 0


@dataclass(frozen=True)
class PlainResult:
    risk: float
    anomaly: float
    detectors: dict[str, float]


def plain_fit(history, settings, previous):
    assert previous is None
    return len(history) + settings.seed


def plain_run(rows, model, settings, upstream):
    assert model > settings.seed
    assert not upstream
    return AnalysisResult(
        {info.session_id: PlainResult(1 - 1 / (1 + info.events), 0.5, {"lof": 0.1}) for info in rows.infos}
    )


@pytest.fixture
def _plain_risk(monkeypatch):
    """An analysis that takes no time, where the test is about what lies round it: risk rises with the events."""
    plain = Analysis("risk", PlainSettings, (), plain_fit, plain_run)
    monkeypatch.setattr("exporter.commands.evaluate_command.load_analyses", lambda: (plain,))


def run(*arguments):
    result = CliRunner().invoke(evaluate, ["--jobs", "1", "--seeds", "1", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def rows_of(output):
    rows = [json.loads(line) for line in output.splitlines()]
    return {(row["dataset"], row["condition"], row["scorer"]): row for row in rows if "scorer" in row}


def test_planted_loops_are_found_beyond_counting(folder):
    rows = rows_of(run("--folder", folder, "--group-by", "agent", "--format", "jsonl"))
    risk = rows["team", "good, whole", "sigyn risk"]
    assert risk["auroc"]["value"] > 0.95
    assert risk["auroc"]["value"] > rows["team", "good, whole", "events"]["auroc"]["value"]
    assert risk["detected"]["0.05"]["value"] > 0.8
    assert risk["auroc"]["low"] <= risk["auroc"]["value"] <= risk["auroc"]["high"]
    assert (risk["bad"], risk["good"]) == (22, 88)
    assert {"sigyn anomaly", "sigyn isolation_forest", "sigyn lof", "sigyn dbscan", "tool calls", "errors"} <= {
        scorer for _, _, scorer in rows
    }


@pytest.mark.usefixtures("_plain_risk")
def test_the_same_run_gives_the_same_figures_and_other_seeds_others(folder):
    arguments = ("--folder", folder, "--group-by", "agent", "--format", "jsonl")
    assert run(*arguments) == run(*arguments)
    assert run(*arguments) != run(*arguments, "--seeds", 2)


@pytest.mark.usefixtures("_plain_risk")
def test_several_sets_end_in_their_means(folder, tmp_path):
    for name in ("a-1", "a-2"):
        for ending in (".jsonl", ".labels.csv"):
            (tmp_path / f"{name}{ending}").write_bytes((folder / f"team{ending}").read_bytes())
    rows = rows_of(run("--folder", tmp_path, "--group-by", "agent", "--format", "jsonl"))
    assert {name for name, _, _ in rows} == {"a-1", "a-2", "mean of a-*"}
    single, mean = (rows[name, "good, whole", "sigyn risk"]["auroc"] for name in ("a-1", "mean of a-*"))
    assert mean["value"] == pytest.approx(single["value"])
    assert mean["high"] - mean["low"] == pytest.approx((single["high"] - single["low"]) / 2**0.5)


@pytest.mark.usefixtures("_plain_risk")
def test_a_set_that_cannot_be_judged_is_named_and_leaves_the_others_unharmed(folder, tmp_path):
    for name in ("good", "labels-of-nobody"):
        for ending in (".jsonl", ".labels.csv"):
            (tmp_path / f"{name}{ending}").write_bytes((folder / f"team{ending}").read_bytes())
    (tmp_path / "labels-of-nobody.labels.csv").write_text("session_id,label,model,agent\nx,1,m,a\n")
    result = CliRunner().invoke(
        evaluate, ["--folder", str(tmp_path), "--jobs", "1", "--seeds", "1", "--format", "jsonl"]
    )
    assert {name for name, _, _ in rows_of(result.stdout)} == {"good"}
    assert isinstance(result.exception, EvaluationError)
    assert "labels-of-nobody" in str(result.exception)


@pytest.mark.usefixtures("_plain_risk")
def test_cut_to_so_many_events_their_number_tells_nothing(folder):
    given = ("--events", folder / "team.jsonl", "--labels", folder / "team.labels.csv", "--group-by", "")
    rows = rows_of(run(*given, "--cut", 12, "--past-onset", 5, "--contaminate", "0,10", "--format", "jsonl"))
    assert rows["team", "good, first 12 events", "events"]["auroc"]["value"] == 0.5
    assert {condition for _, condition, _ in rows} == {
        "good, whole", "10% bad, whole", "good, first 12 events", "good, onset + 5",
    }  # fmt: skip


@pytest.mark.usefixtures("_plain_risk")
def test_markdown_and_table_name_every_scorer(folder):
    arguments = ("--events", folder / "team.jsonl", "--labels", folder / "team.labels.csv", "--group-by", "agent")
    markdown = run(*arguments, "--format", "markdown")
    assert "| scorer | AUROC |" in markdown
    assert "unseen good sessions" in markdown
    for text in (markdown, run(*arguments)):
        assert all(name in text for name in ("sigyn risk", "sigyn lof", "events", "22 bad, 88 good"))


@pytest.mark.usefixtures("_plain_risk")
def test_judged_by_its_length_a_session_gains_by_what_is_put_into_it(healthy):
    output = run("--inject", "--events", healthy, "--format", "jsonl")
    rows = rows_of(output)
    measured = {row["measure"]: row for row in map(json.loads, output.splitlines()) if "measure" in row}
    assert measured["risk at high or above"]["share"]["value"] == 1.0
    assert measured["anomaly at 0.95 or above"]["share"]["value"] == 0.0
    assert {details for details, _, _ in rows} == {"with details", "without details"}
    deeds = {f"{kind} {strength}" for kind in MISBEHAVIOURS for strength in STRENGTHS}
    assert {condition for _, condition, _ in rows} == {*deeds, "untouched", "mean", "mean mild", "mean strong"}
    for details in ("with details", "without details"):
        loop = {strength: rows[details, f"loop {strength}", "sigyn risk"]["auroc"]["value"] for strength in STRENGTHS}
        assert loop["strong"] > loop["mild"] > 0.5
        assert rows[details, "loop mild", "sigyn risk"]["auroc"] == rows[details, "loop mild", "events"]["auroc"]
        assert rows[details, "retry_storm strong", "errors"]["auroc"]["value"] > 0.9


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("SIGYN_SLOW"), reason="slow: set SIGYN_SLOW=1")
def test_misbehaviour_put_into_sessions_is_found_with_and_without_details(healthy):
    rows = rows_of(run("--inject", "--events", healthy, "--format", "jsonl"))
    means = {
        details: rows[details, "mean", "sigyn risk"]["auroc"]["value"]
        for details in ("with details", "without details")
    }
    assert rows["with details", "loop strong", "sigyn risk"]["auroc"]["value"] > 0.9
    assert means["with details"] > means["without details"] > rows["with details", "mean", "events"]["auroc"]["value"]


@pytest.mark.parametrize("arguments", [(), ("--inject",), ("--events", "x.jsonl"), ("--contaminate", "120")])
def test_wrong_usage_exits_with_2(arguments):
    result = CliRunner().invoke(evaluate, arguments)
    assert result.exit_code == 2
    assert len(result.stderr.strip().splitlines()[-1]) > 20


def test_help_names_the_options():
    text = CliRunner().invoke(evaluate, ["--help"]).output
    assert all(f"--{name}" in text for name in ("events", "labels", "train", "seeds", "group-by", "inject", "peers"))


def labels(tmp_path, *lines):
    path = tmp_path / "x.labels.csv"
    path.write_text("session_id,label,label_name,onset_sequence,group,model\n" + "".join(f"{line}\n" for line in lines))
    return path


def four_sessions(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_bytes(b"".join(orjson.dumps(use(0, session=name)) + b"\n" for name in "abcd"))
    return read_events([str(path)], 0, lambda _: None)


ROWS = ("a,1,stolen,3,g1,m", "b,0,fine,,g1,m", "c,0,odd,,g2,m", "d,1,loop,,,m", "gone,1,loop,,g3,m")


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (Choice(("model",)), {"a": True, "b": False, "c": False, "d": True}),
        (Choice(("model",), bad=("stolen",)), {"a": True, "b": False, "c": False}),
        (Choice(("model",), good=("fine",)), {"a": True, "b": False, "d": True}),
        (Choice(("model",), bad=("loop", "odd"), good=("fine",)), {"b": False, "c": True, "d": True}),
    ],
)
def test_label_names_choose_what_is_bad_and_what_is_good(tmp_path, choice, expected):
    truth = read_labels(labels(tmp_path, *ROWS), four_sessions(tmp_path), choice)
    assert dict(zip(truth.session_ids, truth.is_bad.tolist(), strict=True)) == expected


def test_groups_onsets_and_keys_are_read_and_a_session_without_group_is_its_own(tmp_path):
    truth = read_labels(labels(tmp_path, *ROWS), four_sessions(tmp_path), Choice(("model",)))
    assert truth.groups[0] == truth.groups[1]
    assert len(set(truth.groups)) == 3
    assert truth.onset_sequence[0] == 3
    assert np.isnan(truth.onset_sequence[1:]).all()
    assert truth.keys == (("m",),) * 4


@pytest.mark.parametrize(
    ("lines", "choice", "message"),
    [
        (ROWS, Choice(("domain",)), "has no column 'domain'"),
        (ROWS[1:3], Choice(("model",)), "no bad session"),
        (ROWS[:1], Choice(("model",)), "no good session"),
        ((*ROWS[1:], "a,1,stolen,soon,g1,m"), Choice(("model",)), "onset_sequence 'soon'"),
    ],
)
def test_labels_that_cannot_be_used_are_named(tmp_path, lines, choice, message):
    with pytest.raises(EvaluationError, match=message):
        read_labels(labels(tmp_path, *lines), four_sessions(tmp_path), choice)


@pytest.mark.parametrize("jobs", [1, 2])
def test_work_spread_over_processes_comes_back_in_order(jobs):
    assert list(in_processes(abs, iter([-3, 1, -2]), jobs)) == [3, 1, 2]


def test_errors_are_failed_results_and_requests():
    table = table_of(use(0, success=False), use(1), use(2, session="s2"), record("api_error", 3))
    assert count_errors(table) == {"s1": 2}


def test_records_that_are_no_native_events_are_counted_and_a_broken_file_is_named(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_bytes(orjson.dumps(use(0)) + b"\nnonsense\n" + orjson.dumps({"event": "tool_result"}) + b"\n")
    records, dropped = read_records([str(path)], lambda _: None)
    assert [record["session_id"] for record in records] == ["s1"]
    assert dropped == {"bad_json": 1, "not_native": 1}
    broken = tmp_path / "y.jsonl.gz"
    broken.write_bytes(b"no gzip")
    with pytest.raises(SourceError, match=r"y\.jsonl\.gz"):
        read_records([str(broken)], lambda _: None)


def test_every_peer_scores_a_planted_outlier_above_ordinary_rows():
    pytest.importorskip("pyod", reason="needs PyOD: pip install pyod")
    rng = np.random.default_rng(0)
    fitted = rng.normal(size=(120, 6))
    rows = np.concatenate([rng.normal(size=(30, 6)) * 0.5, np.full((1, 6), 7.0)])
    scores = pyod_scores(fitted, rows, 0)
    assert set(scores) == {f"pyod {name}" for name in PEERS}
    for name, values in scores.items():
        assert values.argmax() == 30, name
