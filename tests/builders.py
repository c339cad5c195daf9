"""Records with a default for everything, so that a test writes down only what matters to it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from analytics.intake import build_event_table
from analytics.sessions import SessionEvents

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
"""A Monday morning."""


def at(seconds: float) -> str:
    return (START + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


def record(event: str, seconds: float = 0.0, **fields: Any) -> dict[str, Any]:
    return {"timestamp": at(seconds), "session_id": "s1", "event": event, **fields}


def use(seconds: float, tool: str = "Read", *, session: str = "s1", **fields: Any) -> dict[str, Any]:
    """A finished, successful tool use: its result alone."""
    return record("tool_result", seconds, **{"session_id": session, "tool_name": tool, "success": True, **fields})


def table_of(*records: dict[str, Any]):
    return build_event_table(list(records), "native").table


def sessions_of(*records: dict[str, Any]) -> SessionEvents:
    return SessionEvents.from_table(table_of(*records))


def ordinary_session(
    number: int, rng: np.random.Generator, *, user: str = "ana", start: float | None = None, uses: int | None = None
) -> list[dict[str, Any]]:
    """A plain session: prompt, reads, edits and shell commands with small differences."""
    start = number * 7200.0 if start is None else start
    who = {"session_id": f"s{number:04d}", "user_id": user, "agent": "claude-code", "project": "/home/ana/shop"}
    records = [record("user_prompt", start, prompt_length=int(rng.integers(20, 200)), **who)]
    clock = start + 5
    for step in range(uses or int(rng.integers(12, 40))):
        tool = str(rng.choice(["Read", "Grep", "Edit", "Bash"], p=[0.4, 0.2, 0.2, 0.2]))
        detail = (
            {"command": str(rng.choice(["git status", "pytest -q", "ls src", "make build"]))}
            if tool == "Bash"
            else {"file_path": f"/home/ana/shop/src/f{int(rng.integers(0, 12))}.py", "n": step}
        )
        failed = rng.random() < 0.03
        records.append(
            record(
                "tool_result",
                clock,
                tool_name=tool,
                tool_use_id=f"t{number}-{step}",
                tool_input=detail,
                success=not failed,
                error="Exit code 1" if failed else None,
                duration_ms=float(rng.lognormal(5.5, 1.0)),
                tool_input_chars=int(rng.integers(40, 400)),
                tool_output_chars=int(rng.lognormal(6.5, 1.0)),
                **who,
            )
        )
        records.append(
            record(
                "api_request", clock + 1, success=True, input_tokens=50, output_tokens=int(rng.integers(50, 400)), **who
            )
        )
        clock += float(rng.lognormal(2.0, 0.7)) + 2
    return records
