"""The process that ``test_crash.py`` kills: cycles over a folder of event lines until all of them are stored."""

from __future__ import annotations

from pathlib import Path

from exporter.pipeline import run_cycle
from exporter.sources.local import LocalSource
from exporter.sources.tail import ReadLimits
from tests.exporter.worlds import open_world

SMALL_BATCHES = ReadLimits(block_bytes=8192, batch_records=40)


def open_folder(folder: Path):
    """The world of the state and the lines below a folder."""
    return open_world(folder / "state", LocalSource([folder / "telemetry"], limits=SMALL_BATCHES))


def run_cycles(folder: Path, now_ns: int, expected: int) -> None:
    """Run cycles until so many events are stored."""
    world = open_folder(folder)
    while sum(len(world.state.events([session_id])) for session_id in world.verdicts) < expected:
        run_cycle(world, now_ns)
    world.state.close()
