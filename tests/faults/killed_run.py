"""The process that ``test_killed.py`` kills: cycles over telemetry until every session has ended."""

from __future__ import annotations

from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

from exporter.announcements import Announcements
from exporter.decoders import decode_to_table
from exporter.loki.client import LokiClient
from exporter.loki.settings import LokiSettings
from exporter.pipeline import run_cycle
from exporter.sources.local import LocalSource
from exporter.sources.loki import LokiSource
from exporter.sources.tail import ReadLimits
from exporter.world import World
from tests.builders import START
from tests.exporter.running import HOUR, team, thief
from tests.exporter.worlds import open_world

SESSIONS: Final = 24
THEFTS: Final = 6
ENDED: Final = START.timestamp() + SESSIONS * 2 * HOUR
WORKING_NS: Final = int(ENDED * 1e9)
AFTERWARDS_NS: Final = int((ENDED + 24 * HOUR) * 1e9)
SMALL_BATCHES: Final = ReadLimits(block_bytes=8192, batch_records=40)
SELECTOR: Final = '{service_name="sigyn-events"}'
DAY_NS: Final = int(24 * HOUR * 1e9)


def telemetry() -> list[dict[str, Any]]:
    """A team's sessions, and some that steal, whose findings are announced."""
    thefts = [one for number in range(THEFTS) for one in thief(ENDED - (2 + 3 * number) * HOUR, f"thief-{number}")]
    return [{**one, "sequence": number} for number, one in enumerate([*team(SESSIONS, ENDED), *thefts])]


@dataclass(frozen=True)
class Site:
    """A folder with a state, and where its telemetry is: lines below it, or a Loki that announcements go to as well."""

    folder: Path
    loki_url: str | None = None

    def open(self) -> World:
        """The world of the state."""
        state = self.folder / "state"
        if self.loki_url is None:
            return open_world(state, LocalSource([self.folder / "telemetry"], limits=SMALL_BATCHES))
        settings = LokiSettings(self.loki_url, (SELECTOR,), lookback_seconds=4 * 24 * HOUR, max_attempts=1)
        source = LokiSource(LokiClient(settings), settings, decode_to_table, batch_entries=40)
        world = open_world(state, source)
        rules = {rule.id: rule for rule in world.rules.rules}
        world.announcements = Announcements(world.state, LokiClient(settings), lambda *_: None, rules, None)
        return world


def run_cycles(site: Site, ready: Connection | None) -> None:
    """Read everything, a few sessions ending on the way, then let all end; ``ready`` is told when work begins."""
    world = site.open()
    if ready is not None:
        ready.send("begun")
    for now_ns in (WORKING_NS, WORKING_NS, AFTERWARDS_NS):
        report = run_cycle(world, now_ns)
        assert not report.failed, report.failed
        if world.announcements is not None:
            world.announcements.finish_cycle(world.verdicts, now_ns - DAY_NS, now_ns)
    world.state.close()
