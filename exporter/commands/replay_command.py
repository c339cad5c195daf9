"""``sigyn replay``: history through the same cycle as ``serve``, publishing nothing."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from analytics.events import EventTable
from analytics.verdicts import SessionVerdict
from exporter.assembly import build_training_settings, build_world, close_sources
from exporter.commands.clock import utc_now
from exporter.commands.terminal import progress_bar, say, why
from exporter.config import Config, ConfigError
from exporter.config_values import parse_duration
from exporter.logs import one_line
from exporter.model_store import ModelStore
from exporter.novelties.settling import is_settled_since
from exporter.pipeline import run_cycle
from exporter.sources.source import Batch, Position, Source
from exporter.state import State
from exporter.training import Shelf, TrainingSettings, finished_sessions, is_due, read_history, train
from exporter.world import World

ALERTING = ("high", "critical")


class HistorySource:
    """Another source's events, read once and handed out as their time comes."""

    def __init__(self, source: Source, end_ns: int) -> None:
        """Read everything ``source`` has up to ``end_ns``."""
        self.name = source.name
        batches = list(source.read({}, end_ns))
        table = EventTable.concat(batch.table for batch in batches)
        self._table = table.take(np.argsort(table.values("time_ns"), kind="stable"))
        self._times = self._table.values("time_ns")
        self.problems = source.problems

    def read(self, position: Position, now_ns: int) -> Iterator[Batch]:
        """The events between the position and ``now_ns``."""
        begin = int(position.get("row", 0))
        end = int(np.searchsorted(self._times, now_ns, side="left"))
        if end > begin:
            yield Batch(self._table.take(np.arange(begin, end)), {"row": end})

    def close(self) -> None:
        """Nothing is held open."""


def parse_time(text: str, now: datetime) -> datetime:
    """A point in time: RFC 3339, a date, an age such as ``7d``, or ``now``."""
    if text == "now":
        return now
    try:
        return now - parse_duration(text)
    except ValueError:
        pass
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(
            [f"{text}: is no time (write 2026-11-01, 2026-11-01T08:00:00Z, an age such as 7d, or now)"]
        ) from None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def run_replay(config: Config, begin: str, end: str, step: timedelta | None) -> None:
    """Replay from ``begin`` to ``end``; models are trained on the way, whenever the exporter would have."""
    now = utc_now()
    first, last = parse_time(begin, now), parse_time(end, now)
    if first >= last:
        raise ConfigError([f"--from {begin}: is not before --to {end}"])
    pause = step or config.cycle.interval
    with tempfile.TemporaryDirectory(prefix="sigyn-replay-") as folder, State.open(Path(folder)) as state:
        world = build_world(config, state, lambda _operation, _outcome: None, now)
        with progress_bar("reading history"):
            end_ns = int(last.timestamp() * 1e9)
            sources = world.sources
            world.sources = tuple(HistorySource(source, end_ns) for source in sources)
            close_sources(sources)
        levels: dict[str, str] = {}
        _replay(world, config, Shelf(ModelStore(Path(folder)), state), (first, last, pause), levels)
        counts = {level: sum(value == level for value in levels.values()) for level in ALERTING}
        say(f"{len(world.verdicts):,} sessions; {counts['high']} reached high, {counts['critical']} critical")


def _replay(
    world: World, config: Config, shelf: Shelf, span: tuple[datetime, datetime, timedelta], levels: dict[str, str]
) -> None:
    first, last, pause = span
    settings = build_training_settings(config)
    moment = first
    with progress_bar("replaying") as bar:
        while moment <= last:
            now_ns = int(moment.timestamp() * 1e9)
            run_cycle(world, now_ns)
            if _is_training_due(world, now_ns, settings, config.training.minimum_sessions):
                history = read_history(world.state, now_ns, settings)
                world.models = train(history, world.analyses, shelf, world.models, moment.timestamp())
                run_cycle(world, now_ns)
            report_rises(world, moment, levels)
            bar((moment - first) / (last - first))
            moment += pause


def _is_training_due(world: World, now_ns: int, settings: TrainingSettings, minimum: int) -> bool:
    finished = finished_sessions(world.verdicts.values(), now_ns, world.settings.idle_timeout_ns, settings)
    return is_due(world.models, finished, now_ns, settings, minimum) or is_settled_since(world.models, world, now_ns)


def report_rises(world: World, moment: datetime, levels: dict[str, str]) -> None:
    """Print a line for each session whose level has risen to one that alerts."""
    for verdict in world.verdicts.values():
        before = levels.get(verdict.session_id)
        if verdict.level in ALERTING and before not in (verdict.level, "critical"):
            levels[verdict.session_id] = verdict.level
            sys.stdout.write(f"{moment:%Y-%m-%dT%H:%M:%SZ} {_line(verdict)}\n")


def _line(verdict: SessionVerdict) -> str:
    who = one_line(f"{verdict.agent or '-'} {verdict.user_id or '-'}")
    return f"{verdict.level} {verdict.risk:.2f} {one_line(verdict.session_id)} {who} {one_line(why(verdict))}"
