"""A world for the pipeline's tests: a real state folder, records handed out as a source would."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from analytics.intake import build_event_table
from analytics.registry import load_analyses
from exporter.pipeline import restore
from exporter.rule_file import load_rule_set
from exporter.sources.source import Batch, Position, SourceError
from exporter.state import State
from exporter.world import CycleSettings, EnabledAnalysis, World

HOUR_NS = 3_600_000_000_000
RULES = load_rule_set([], ())


class Lines:
    """A source of records in order; what is appended between two reads is new. It can be made to fail."""

    name = "lines"
    problems: tuple[str, ...] = ()

    def __init__(self, records: list[dict[str, Any]], batch: int = 1000) -> None:
        self.records = list(records)
        self.batch = batch
        self.fails_after: int | None = None

    def read(self, position: Position, now_ns: int) -> Iterator[Batch]:  # noqa: ARG002 - all is new at once
        begin = int(position.get("row", 0))
        for number, first in enumerate(range(begin, len(self.records), self.batch)):
            if self.fails_after == number:
                raise SourceError("lines: out of reach; wait")
            end = min(first + self.batch, len(self.records))
            intake = build_event_table(self.records[first:end], "native")
            yield Batch(intake.table, {"row": end}, Counter(intake.dropped), end / len(self.records))

    def close(self) -> None:
        """Nothing is held open."""


def open_world(folder: Path, *sources: Lines, settings: CycleSettings | None = None, now_ns: int = 0) -> World:
    """A world on a state folder, with what the folder knows already."""
    analyses = tuple(EnabledAnalysis(one, one.settings()) for one in load_analyses())
    world = World(tuple(sources), State.open(folder), RULES, analyses, settings or CycleSettings())
    restore(world, now_ns)
    return world


def contents(world: World) -> dict[str, Any]:
    """Everything the state holds that must be the same whichever way it came about."""
    sessions = {}
    for stored in world.state.sessions():
        verdict = stored.verdict
        sessions[stored.session_id] = (
            stored.events,
            stored.started_ns,
            stored.last_ns,
            stored.is_open,
            tuple(stored.features.round(9).tolist()).__repr__(),
            sorted(stored.checkpoints),
            None if verdict is None else (verdict.status, verdict.risk, verdict.findings, verdict.is_final),
        )
    events = world.state.events(sessions)
    return {"sessions": sessions, "counters": world.state.counters(), "events": len(events)}
