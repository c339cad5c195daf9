"""``python tests/faults/hostile_run.py KIND COUNT``: one exporter over hostile telemetry; tells what it took as JSON."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.child import peak_bytes
from exporter.config import Config
from exporter.service import Exporter

BEGIN = 1_790_000_000.0


def events(kind: str, count: int) -> Iterator[dict[str, Any]]:
    """That many events: all of one session, each of its own session, or each of its own tool."""
    for number in range(count):
        session = {"one session": "s", "many sessions": f"s{number}", "many tools": f"s{number // 100}"}[kind]
        tool = f"tool-{number}" if kind == "many tools" else "Read"
        record = {"session_id": session, "event": "tool_result", "tool_name": tool, "success": True}
        yield {"timestamp": BEGIN + number * 0.01, "sequence": number, **record}


def run(folder: Path, kind: str, count: int) -> dict[str, Any]:
    """Read everything in two cycles and look at what is known and what it took."""
    (folder / "telemetry").mkdir()
    with (folder / "telemetry" / "a.jsonl").open("w", encoding="ascii") as lines:
        lines.writelines(json.dumps(event) + "\n" for event in events(kind, count))
    tree = {
        "sources": {"local": {"paths": [str(folder / "telemetry")]}},
        "state": {"directory": str(folder / "state")},
    }
    exporter = Exporter(Config.model_validate(tree), None, lambda: BEGIN + count * 0.01)
    for _ in range(2):
        exporter.cycle()
    counters = exporter.world.state.counters()
    told = {
        "sessions": len(exporter.world.verdicts),
        "events": sum(verdict.events for verdict in exporter.world.verdicts.values()),
        "calls": sum(counters["sigyn_tool_calls_total"].values()),
        "series": sum(len(family.samples) for family in exporter.registry.collect()),
        "peak_mb": peak_bytes() // 2**20,
        "problem": None if exporter.readiness() is None else exporter.last_problem,
    }
    exporter.stop()
    return told


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        sys.stdout.write(json.dumps(run(Path(place), sys.argv[1], int(sys.argv[2]))) + "\n")
