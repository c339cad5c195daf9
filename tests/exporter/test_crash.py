"""kill -9 at any moment loses nothing and doubles nothing."""

from __future__ import annotations

import multiprocessing
import random
import threading
from pathlib import Path

from exporter.pipeline import run_cycle
from exporter.state import State
from tests.builders import START
from tests.exporter.crashing import open_folder, run_cycles
from tests.exporter.running import HOUR, team, write_lines
from tests.exporter.worlds import contents

SESSIONS = 40
KILLS = 6
ENDED = START.timestamp() + SESSIONS * 2 * HOUR
WORKING_NS = int(ENDED * 1e9)
AFTERWARDS_NS = int((ENDED + 24 * HOUR) * 1e9)


def end_state(folder: Path):
    """Everything known once all sessions have ended."""
    world = open_folder(folder)
    run_cycle(world, AFTERWARDS_NS)
    known = contents(world)
    world.state.close()
    # Two files hold parts of one session: a part read late parts two neighbours, which takes nothing back.
    del known["counters"]["sigyn_tool_transitions_total"]
    return known


def processes():
    """Processes that have the heavy imports behind them, and no thread of this one."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.exporter.crashing"])
    return context


def test_killed_again_and_again_while_the_files_grow_it_ends_as_if_undisturbed(tmp_path):
    records = [{**one, "sequence": number} for number, one in enumerate(team(SESSIONS, ENDED))]
    rng, never, context = random.Random(7), threading.Event(), processes()
    disturbed, straight = tmp_path / "disturbed", tmp_path / "straight"
    killed = 0
    for number in range(KILLS):
        part = records[number * len(records) // KILLS : (number + 1) * len(records) // KILLS]
        write_lines(disturbed / "telemetry" / f"{number % 2}.jsonl", part)
        process = context.Process(target=run_cycles, args=(disturbed, WORKING_NS, len(records) + 1))
        process.start()
        while not (disturbed / "state" / "state.db").exists():
            never.wait(0.01)
        never.wait(rng.uniform(0.02, 0.4))
        process.kill()
        process.join()
        killed += process.exitcode == -9
        State.open(disturbed / "state").close()  # the lock died with its process
    assert killed == KILLS
    write_lines(straight / "telemetry" / "0.jsonl", records)
    ours, theirs = end_state(disturbed), end_state(straight)
    assert ours["events"] == len(records)
    assert ours["sessions"] == theirs["sessions"]
    assert ours["counters"] == theirs["counters"]
