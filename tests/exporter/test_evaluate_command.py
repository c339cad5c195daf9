"""The whole way from event lines to tables, on small simulated sessions."""

from __future__ import annotations

import csv
import json

import numpy as np
import orjson
import pytest
from click.testing import CliRunner

from analytics.evaluation import EvaluationError
from analytics.simulation import LABEL_COLUMNS, SimulationSettings, labels_rows, merge_in_time, simulate_team
from exporter.commands.evaluate_options import evaluate
from exporter.evaluation.corpus import count_errors, read_events
from exporter.evaluation.labels_file import Choice, read_labels
from exporter.evaluation.pyod_peers import PEERS, pyod_scores
from exporter.evaluation.records_file import read_records
from exporter.sources.source import SourceError
from tests.builders import table_of, use

END_NS = 1_780_000_000_000_000_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A labelled set in which strong loops are planted."""
    home = tmp_path_factory.mktemp("sets")
    settings = SimulationSettings(
        sessions=110,
        days=20,
        end_ns=END_NS,
        anomalous_ratio=0.2,
        kinds=("loop",),
        strength="strong",
        agents={"codex": 1.0},
    )
    made = list(simulate_team(settings, np.random.default_rng(1)))
    (home / "team.jsonl").write_bytes(b"".join(orjson.dumps(record) + b"\n" for record in merge_in_time(made)))
    with (home / "team.labels.csv").open("w", newline="") as lines:
        writer = csv.DictWriter(lines, LABEL_COLUMNS)
        writer.writeheader()
        writer.writerows(labels_rows(made))
    return home


def run(*arguments):
    result = CliRunner().invoke(evaluate, ["--jobs", "1", "--seeds", "1", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def rows_of(output):
    return {(row["dataset"], row["condition"], row["scorer"]): row for row in map(json.loads, output.splitlines())}


def test_planted_loops_are_found_beyond_counting_and_the_same_run_gives_the_same_figures(folder):
    arguments = ("--folder", folder, "--group-by", "agent", "--format", "jsonl")
    output = run(*arguments)
    rows = rows_of(output)
    assert output == run(*arguments)
    risk = rows["team", "good, whole", "sigyn risk"]
    assert risk["auroc"]["value"] > 0.95
    assert risk["auroc"]["value"] > rows["team", "good, whole", "events"]["auroc"]["value"]
    assert risk["detected"]["0.05"]["value"] > 0.8
    assert risk["auroc"]["low"] <= risk["auroc"]["value"] <= risk["auroc"]["high"]
    assert (risk["bad"], risk["good"]) == (22, 88)
    assert {"sigyn anomaly", "sigyn isolation_forest", "sigyn lof", "sigyn dbscan", "tool calls", "errors"} <= {
        scorer for _, _, scorer in rows
    }


def test_cut_to_so_many_events_their_number_tells_nothing(folder):
    rows = rows_of(
        run(
            "--events",
            folder / "team.jsonl",
            "--labels",
            folder / "team.labels.csv",
            "--group-by",
            "",
            "--cut",
            12,
            "--past-onset",
            5,
            "--contaminate",
            "0,10",
            "--format",
            "jsonl",
        )  # fmt: skip
    )
    assert (
        rows["team.labels.csv".removesuffix(".labels.csv"), "good, first 12 events", "events"]["auroc"]["value"] == 0.5
    )
    assert {condition for _, condition, _ in rows} == {
        "good, whole",
        "10% bad, whole",
        "good, first 12 events",
        "good, onset + 5",
    }


def test_markdown_and_table_name_every_scorer(folder):
    arguments = ("--events", folder / "team.jsonl", "--labels", folder / "team.labels.csv", "--group-by", "agent")
    markdown = run(*arguments, "--format", "markdown")
    assert "| scorer | AUROC |" in markdown
    for text in (markdown, run(*arguments)):
        assert all(name in text for name in ("sigyn risk", "sigyn lof", "events", "22 bad, 88 good"))


@pytest.mark.slow
def test_misbehaviour_put_into_sessions_is_found_with_and_without_details(folder):
    rows = rows_of(run("--inject", "--events", folder / "team.jsonl", "--format", "jsonl"))
    assert rows["with details", "loop strong", "sigyn risk"]["auroc"]["value"] > 0.95
    assert rows["with details", "exfiltration strong", "sigyn risk"]["auroc"]["value"] > 0.9
    means = {
        details: rows[details, "mean", "sigyn risk"]["auroc"]["value"]
        for details in ("with details", "without details")
    }
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


def test_errors_are_failed_results_and_requests():
    table = table_of(
        use(0, success=False), use(1), use(2, session="s2"), use(3, event="api_error", success=None),
    )  # fmt: skip
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
