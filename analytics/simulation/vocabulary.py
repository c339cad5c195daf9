"""How a session's own records look: its tools, its manner of writing, its tempo and its files."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from statistics import median
from typing import Any, Final

from analytics.simulation.agents import AGENTS, profile_of
from analytics.simulation.people import Project
from analytics.simulation.recorder import FIRST_CONTEXT, NO_DETAILS, PLAIN, REDUCED, Manner, Record
from analytics.simulation.stacks import STACKS
from analytics.tools import tool_category

_BASE_FIELDS: Final = (
    "session_id", "agent", "agent_version", "model", "user_id", "team", "project", "parent_session_id",
)  # fmt: skip
_CATEGORY_OF: Final = {
    "shell": "shell", "poll": "shell", "read": "read", "edit": "write", "write": "write", "search": "search",
    "find": "search", "plan": "plan", "web": "web", "agent": "agent", "ask": "plan",
}  # fmt: skip
_POLLING: Final = ("BashOutput", "TaskOutput", "write_stdin", "read_bash")
_TEMPO: Final = (300, 20_000)


class Vocabulary:
    """The tools a session uses, by role, in its agent's own words."""

    def __init__(self, records: Iterable[Record], agent: object) -> None:
        names = (record.get("tool_name") for record in records)
        self._used = Counter(name for name in names if isinstance(name, str) and name)
        self._agent = agent
        self._by_category: dict[str, str] = {}
        for name, _ in self._used.most_common():
            self._by_category.setdefault(tool_category(name), name)

    def tool(self, role: str) -> str:
        """The tool for a role: the session's own, else its agent's, else the one the session uses most."""
        usual = profile_of(self._agent).tools[role]
        if usual in self._used:
            return usual
        if role == "poll":
            own = next((name for name in _POLLING if name in self._used), self._by_category.get("shell"))
        else:
            own = self._by_category.get(_CATEGORY_OF[role])
        if own is not None:
            return own
        if self._agent in AGENTS or not self._used:
            return usual
        return self._used.most_common(1)[0][0]


def manner_of(records: Sequence[Record], position: int) -> Manner:
    """How a session writes its records, with the base fields in force just before ``position``."""
    base: Record = {}
    for record in records[:position] or records[:1]:
        base.update({name: record[name] for name in _BASE_FIELDS if record.get(name) is not None})
    has_tools = any(record["event"] in ("tool_call", "tool_result") for record in records)
    return Manner(
        base=base,
        details=_details(records),
        id_prefix=_id_prefix(records),
        calls=not has_tools or any(record["event"] == "tool_call" for record in records),
        requests=any(record["event"] == "api_request" for record in records),
        request_first=_requests_follow_calls(records),
        caches=any("cache_creation_tokens" in record for record in records),
        numeric_time=not isinstance(records[0]["timestamp"], str),
    )


def _details(records: Sequence[Record]) -> str:
    inputs = [record["tool_input"] for record in records if record.get("tool_input") is not None]
    if not inputs:
        return NO_DETAILS
    return REDUCED if any(isinstance(given, dict) and "args_hash" in given for given in inputs) else PLAIN


def _id_prefix(records: Sequence[Record]) -> str | None:
    """How tool use ids begin; None when tools are used and none has an id."""
    tools = [record for record in records if record["event"] in ("tool_call", "tool_result")]
    known = next((record["tool_use_id"] for record in tools if isinstance(record.get("tool_use_id"), str)), None)
    if known is None:
        return None if tools else ""
    return f"{known[: known.rfind('_') + 1]}"[:32]


def _requests_follow_calls(records: Sequence[Record]) -> bool:
    before = Counter(
        earlier["event"] for earlier, later in itertools.pairwise(records) if later["event"] == "api_request"
    )
    return before["tool_call"] >= before["tool_result"]


def context_of(records: Sequence[Record]) -> int:
    """Tokens in the context after the last model call in these records."""
    for record in reversed(records):
        if record["event"] == "api_request":
            names = ("cache_read_tokens", "cache_creation_tokens", "input_tokens", "output_tokens")
            values = (record.get(name) for name in names)
            return int(sum(value for value in values if isinstance(value, int) and 0 < value < 1e9)) or FIRST_CONTEXT
    return FIRST_CONTEXT


def tempo_of(records: Sequence[Record], times: Sequence[int]) -> float:
    """Median milliseconds from a tool's result to the next call, within sane bounds; ``times`` are microseconds."""
    gaps = [
        (times[position + 1] - times[position]) / 1_000
        for position in range(len(records) - 1)
        if records[position]["event"] in ("tool_result", "api_request")
        and records[position + 1]["event"] in ("tool_call", "assistant_message")
    ]
    least, most = _TEMPO
    return min(max(median(gaps), least), most) if gaps else 4_000.0


def project_of(records: Sequence[Record], base: Record) -> Project:
    """The session's project as far as its records tell: its root, and the files it touched."""
    given = base.get("project")
    root = given if isinstance(given, str) and given.startswith("/") else "."
    files = dict.fromkeys(
        path[len(root) + 1 :] for path in map(_path, records) if path is not None and path.startswith(f"{root}/")
    )
    return Project(root, STACKS["python"], tuple(list(files)[:200]) or ("src/main.py",))


def _path(record: Record) -> str | None:
    given: Any = record.get("tool_input")
    path = given.get("file_path", given.get("absolute_path")) if isinstance(given, dict) else None
    return path if isinstance(path, str) else None
