"""The page that tells which change gained what names commits that are there."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in (ROOT / "benchmarks" / "history.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("| ")
]


@pytest.fixture(scope="module")
def subjects():
    """Subject lines of the log."""
    try:
        log = subprocess.run(["git", "log", "--format=%s"], cwd=ROOT, capture_output=True, check=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs git and the project's repository")
    if (ROOT / ".git" / "shallow").exists():
        pytest.skip("needs the whole history of the project's repository")
    return set(log.splitlines())


def test_every_gain_names_a_commit_of_the_log(subjects):
    heading, *gains = ROWS
    assert heading[-1] == "commit"
    named = {row[-1].rstrip(" |") for row in gains}
    assert len(gains) >= 38
    assert named - subjects == {"the eight rows above"}
