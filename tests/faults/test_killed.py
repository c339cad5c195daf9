"""kill -9 at random moments of a run: the final state is that of an undisturbed one."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import threading
from collections import Counter
from contextlib import ExitStack
from datetime import datetime

import pytest

from exporter.state import State
from tests.exporter.running import write_lines
from tests.exporter.worlds import contents
from tests.faults.killed_run import AFTERWARDS_NS, Site, run_cycles, telemetry
from tests.loki_standin import running_standin

SOON = 60.0
LIFE_SECONDS = {"local files": 0.05, "Loki and announcements": 0.12}
"""Mean of the time after which a process is killed: a small part of what a run takes."""

slow = pytest.mark.skipif(not os.environ.get("SIGYN_SLOW"), reason="slow: SIGYN_SLOW=1 runs it")


class Sites:
    """Folders of the same telemetry, each begun with nothing known."""

    def __init__(self, folder, source, stack):
        self._folder, self._is_local, self._stack = folder, source == "local files", stack
        self._count = 0

    def new(self):
        """A site, and the Loki that its announcements go to, None where there is none."""
        self._count += 1
        folder = self._folder / str(self._count)
        if self._is_local:
            write_lines(folder / "telemetry" / "a.jsonl", telemetry())
            return Site(folder), None
        loki = self._stack.enter_context(running_standin(AFTERWARDS_NS))
        for one in telemetry():
            time_ns = round(datetime.fromisoformat(one["timestamp"]).timestamp() * 1e9)
            loki.store().add(time_ns, json.dumps(one), {"service_name": "sigyn-events"}, {})
        return Site(folder, loki.url), loki


def end_state(site, loki):
    """Everything known and announced once all has been read and every session has ended; announcements by count."""
    run_cycles(site, None)
    world = site.open()
    known = contents(world)
    assert world.state.count_queued() == 0
    world.state.close()
    lines = [] if loki is None else [one for one in loki.store().entries if one.labels["service_name"] == "sigyn"]
    return known, Counter((one.labels["kind"], one.time_ns, one.line) for one in lines)


def is_killed(context, site, seconds):
    """Begin to work on a site and kill the process after some seconds; False where its work was done by then."""
    ready, told = context.Pipe(duplex=False)
    process = context.Process(target=run_cycles, args=(site, told))
    process.start()
    told.close()
    assert ready.poll(SOON)
    threading.Event().wait(seconds)
    process.kill()
    process.join()
    ready.close()
    State.open(site.folder / "state").close()  # the lock died with its process
    assert process.exitcode in (-9, 0)
    return process.exitcode == -9


@pytest.mark.parametrize("source", LIFE_SECONDS)
@pytest.mark.parametrize("kills", [4, pytest.param(100, marks=[pytest.mark.slow, slow])])
def test_killed_at_random_moments_it_ends_as_if_undisturbed(tmp_path, kills, source):
    rng, context = random.Random(11), multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.faults.killed_run"])
    with ExitStack() as stack:
        sites = Sites(tmp_path, source, stack)
        known, announced = end_state(*sites.new())
        assert known["events"] == len(telemetry())
        assert bool(announced) == (source != "local files")
        assert set(announced.values()) <= {1}
        disturbed, killed = [sites.new()], 0
        while killed < kills:
            if is_killed(context, disturbed[-1][0], rng.expovariate(1 / LIFE_SECONDS[source])):
                killed += 1
            else:
                disturbed.append(sites.new())  # the next kills must hit work in progress
        for site, loki in disturbed:
            ours, ours_announced = end_state(site, loki)
            assert ours == known
            assert ours_announced.keys() == announced.keys()
