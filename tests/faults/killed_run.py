"""The process that ``test_killed.py`` kills: cycles over event lines until every session has ended."""

from __future__ import annotations

from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

from exporter.pipeline import run_cycle
from exporter.sources.local import LocalSource
from exporter.sources.tail import ReadLimits
from exporter.world import World
from tests.builders import START
from tests.exporter.running import HOUR
from tests.exporter.worlds import open_world

SESSIONS: Final = 24
ENDED: Final = START.timestamp() + SESSIONS * 2 * HOUR
WORKING_NS: Final = int(ENDED * 1e9)
AFTERWARDS_NS: Final = int((ENDED + 24 * HOUR) * 1e9)
SMALL_BATCHES: Final = ReadLimits(block_bytes=8192, batch_records=40)


def open_folder(folder: Path) -> World:
    """The world of the state and the lines below a folder."""
    return open_world(folder / "state", LocalSource([folder / "telemetry"], limits=SMALL_BATCHES))


def run_cycles(folder: Path, ready: Connection | None) -> None:
    """Read everything, a few sessions ending on the way, then let all end; ``ready`` is told when work begins."""
    world = open_folder(folder)
    if ready is not None:
        ready.send("begun")
    for now_ns in (WORKING_NS, WORKING_NS, AFTERWARDS_NS):
        run_cycle(world, now_ns)
    world.state.close()
