"""kill -9 at random moments of a run: the final state is that of an undisturbed one."""

from __future__ import annotations

import multiprocessing
import os
import random
import threading

import pytest

from exporter.state import State
from tests.exporter.running import team, write_lines
from tests.exporter.worlds import contents
from tests.faults.killed_run import ENDED, SESSIONS, open_folder, run_cycles

SOON = 60.0

slow = pytest.mark.skipif(not os.environ.get("SIGYN_SLOW"), reason="slow: SIGYN_SLOW=1 runs it")


def end_state(folder):
    """Everything known once all has been read and every session has ended."""
    run_cycles(folder, None)
    world = open_folder(folder)
    known = contents(world)
    world.state.close()
    return known


@pytest.mark.parametrize("kills", [8, pytest.param(200, marks=[pytest.mark.slow, slow])])
def test_killed_at_random_moments_it_ends_as_if_undisturbed(tmp_path, kills):
    rng, never = random.Random(11), threading.Event()
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.faults.killed_run"])
    records = [{**one, "sequence": number} for number, one in enumerate(team(SESSIONS, ENDED))]
    disturbed, straight = tmp_path / "disturbed", tmp_path / "straight"
    for folder in (disturbed, straight):
        write_lines(folder / "telemetry" / "a.jsonl", records)
    killed = 0
    while killed < kills:
        ready, told = context.Pipe(duplex=False)
        process = context.Process(target=run_cycles, args=(disturbed, told))
        process.start()
        told.close()
        assert ready.poll(SOON)
        never.wait(rng.expovariate(1 / 0.05))
        process.kill()
        process.join()
        killed += process.exitcode == -9
        ready.close()
        State.open(disturbed / "state").close()  # the lock died with its process
        if process.exitcode == 0:
            # It came to its end: the same telemetry is read from its beginning again, and changes nothing.
            with State.open(disturbed / "state") as state, state.begin() as transaction:
                transaction.set_position("local", {})
    ours, theirs = end_state(disturbed), end_state(straight)
    assert ours["events"] == len(records)
    assert ours["sessions"] == theirs["sessions"]
    dropped = ours["counters"].pop("sigyn_events_dropped_total", {})
    assert dropped.keys() <= {("duplicate",)}
    assert ours["counters"] == theirs["counters"]
