"""A process that is killed loses nothing it has committed and leaves no half of anything."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from exporter.state import State
from tests.exporter.state.crash_writer import EVENTS_A_BATCH

ROOT = Path(__file__).parents[3]
KILLS = 4


def write_until_killed(directory: Path, batches: int) -> int:
    """Kill a writer as soon as it has committed some batches; gives the last one it told of."""
    command = [sys.executable, "-m", "tests.exporter.state.crash_writer", str(directory)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        told = [int(writer.stdout.readline()) for _ in range(batches)]
        writer.kill()
        # What it told between the last line read and its death was committed too.
        rest = [int(line) for line in writer.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
    return [*told, *rest][-1]


def assert_whole(state: State, told: int) -> None:
    """At least what was told is stored, and all parts of it agree."""
    stored = state.positions()["source"]["batches"]
    # The one commit that was under way when the kill came may have happened without being told.
    assert told <= stored <= told + 1
    events = stored * EVENTS_A_BATCH
    assert len(state.events(["s1"])) == events
    assert state.counters() == {"sigyn_tool_calls_total": {("Read", "success"): events}}
    session = state.session("s1")
    assert session is not None
    assert (session.events, session.last_ns) == (events, stored)


@pytest.fixture
def moments() -> list[int]:
    chance = random.Random(7)
    return [chance.randint(1, 60) for _ in range(KILLS)]


def test_kills_at_random_moments_lose_nothing_committed_and_double_nothing(tmp_path, moments):
    for batches in moments:
        told = write_until_killed(tmp_path, batches)
        with State.open_read_only(tmp_path) as state:
            assert_whole(state, told)
    with State.open(tmp_path) as state:
        assert_whole(state, told)
