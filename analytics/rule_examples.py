"""Examples of what a rule matches and what it does not: tests for the rule, and its documentation.

An example is one event or a list of events. An event is a shell command, or an object of native fields in which
``command``, ``path`` and ``url`` stand for the tool's arguments; ``repeat`` makes that many of it, and ``after`` says
how many seconds after the event before (1 where it says nothing).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from analytics.events import EventTable
from analytics.intake import build_event_table
from analytics.rules import RuleSet

PROJECT: Final = "/home/dev/shop"
"""The folder in which examples take place."""
_BEGIN: Final = 1_760_000_000
_TOOLS: Final = {"command": "Bash", "path": "Read", "url": "WebFetch"}


def example_records(example: Any) -> list[dict[str, Any]]:
    """The native records of one example, all of session ``example``."""
    return list(_records(example if isinstance(example, list) else [example]))


def _records(events: list[Any]) -> Iterator[dict[str, Any]]:
    time = float(_BEGIN)
    sequence = 0
    for event in events:
        fields = {"command": event} if isinstance(event, str) else dict(event)
        repeat, after = int(fields.pop("repeat", 1)), float(fields.pop("after", 1))
        arguments = {name: fields.pop(name) for name in _TOOLS if name in fields}
        record = {"event": "tool_call", "session_id": "example", "project": PROJECT, **fields}
        if arguments:
            record.setdefault("tool_name", next(_TOOLS[name] for name in _TOOLS if name in arguments))
            record["tool_input"] = arguments
        for _ in range(repeat):
            time += after
            yield {**record, "timestamp": time, "sequence": sequence}
            sequence += 1


def rules_found(rule_set: RuleSet, example: Any) -> set[str]:
    """Ids of the rules that find something in an example, by the same path as real telemetry."""
    table = build_event_table(example_records(example), "example").table
    hits = rule_set.hits(table)
    return {finding.rule for finding in rule_set.findings(_stored(table), hits)}


def _stored(table: EventTable) -> EventTable:
    """The table as later stages see it: in order and without details."""
    return table.sorted().without_details()
