"""A run of all benchmarks: one that fails, and the history of figures."""

import subprocess

import pytest

from benchmarks import __main__ as command
from benchmarks.bench import Bench
from benchmarks.history import UNKNOWN_COMMIT, append_run, commit_subject
from benchmarks.run import run
from benchmarks.table import BEGIN, END, Row, skipped

BEGUN_NS = 1_767_225_600_000_000_000
"""Midnight of 1 January 2026."""


def good(_bench):
    yield Row("Scan", "2 s")
    yield skipped("Loki", "no server")


def broken(_bench):
    yield Row("Fit", "9 s")
    raise ValueError("planted\nmistake")


@pytest.fixture
def pages(tmp_path, monkeypatch):
    page, history = tmp_path / "performance.md", tmp_path / "history.md"
    page.write_text(f"{BEGIN}\nold\n{END}\n", encoding="utf-8")
    monkeypatch.setattr(command, "PAGE", page)
    monkeypatch.setattr(command, "HISTORY", history)
    return page, history


def test_a_failing_benchmark_keeps_its_rows_and_says_how_it_ended(tmp_path, capsys):
    done = run("fit", broken, Bench(tmp_path, is_full=False, now_ns=BEGUN_NS))
    assert done.has_failed
    assert [(row.measured, row.figure, row.is_met) for row in done.rows] == [
        ("Fit", "9 s", None),
        ("fit", "failed: ValueError: planted mistake", False),
    ]
    assert "in broken" in capsys.readouterr().err


def test_one_failure_does_not_end_the_others_and_leaves_the_pages_alone(pages, monkeypatch, capsys):
    monkeypatch.setattr(command, "BENCHMARKS", {"fit": broken, "scan": good})
    page, history = pages
    assert command.main([]) == 1
    printed = capsys.readouterr()
    assert "| Scan | 2 s |" in printed.out
    assert "failed: fit;" in printed.err
    assert "old" in page.read_text(encoding="utf-8")
    assert not history.exists()


def test_each_complete_run_adds_one_line_to_the_history(pages, monkeypatch):
    monkeypatch.setattr(command, "BENCHMARKS", {"scan": good})
    page, history = pages
    assert command.main([]) == 0
    assert command.main(["--full"]) == 0
    assert "| Scan | 2 s |" in page.read_text(encoding="utf-8")
    lines = history.read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("# ")
    runs = [line for line in lines if "Scan: 2 s" in line]
    assert lines[-2:] == runs
    assert "`python -m benchmarks --full`" in runs[1]
    assert not any("Loki" in line for line in runs)


def test_a_partial_run_leaves_page_and_history_alone(pages, monkeypatch):
    monkeypatch.setattr(command, "BENCHMARKS", {"scan": good, "fit": broken})
    page, history = pages
    assert command.main(["--only", "scan"]) == 0
    assert "old" in page.read_text(encoding="utf-8")
    assert not history.exists()


def test_a_line_names_day_command_commit_machine_and_figures(tmp_path):
    page = tmp_path / "history.md"
    append_run(page, BEGUN_NS, ("`bench`", "Sort | faster", "2 cores"), [Row("Scan", "2 s"), Row("Fit", "3 s")])
    assert page.read_text(encoding="utf-8").splitlines()[-1] == (
        "| 2026-01-01 | `bench` | Sort \\| faster | 2 cores | Scan: 2 s; Fit: 3 s |"
    )


def test_the_commit_is_named_by_its_subject_and_changes_since_are_told(tmp_path):
    def git(*arguments):
        identity = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.org")
        subprocess.run(["git", "-C", tmp_path, *identity, *arguments], check=True, capture_output=True)

    assert commit_subject(tmp_path) == UNKNOWN_COMMIT
    git("init")
    (tmp_path / "file").write_text("one", encoding="utf-8")
    git("add", "file")
    git("commit", "-m", "Sort faster\n\nBecause it was slow.")
    assert commit_subject(tmp_path) == "Sort faster"
    (tmp_path / "file").write_text("two", encoding="utf-8")
    assert commit_subject(tmp_path) == "Sort faster (with changes since)"
