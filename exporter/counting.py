"""What a batch of new events adds to the counters: the numbers behind the cumulative metrics.

Counters live in the state and grow in the same transaction as the events they count, so they survive a restart and
count nothing twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np

from analytics.events import EventTable
from analytics.failures import AGENT_FAULTS
from analytics.findings import Finding
from analytics.sessions import SessionEvents
from exporter.measuring import Measured

Counts = dict[tuple[str, ...], float]

_TOKEN_KINDS: Final = ("input", "output", "cache_read", "cache_creation")


def count_batch(fresh: EventTable, whole: EventTable) -> dict[str, Counts]:
    """Counts by metric name of new events; ``whole`` has all events of the sessions they belong to."""
    results = fresh.take(fresh.is_one_of("event", ("tool_result",)))
    return {
        "sigyn_events_read_total": _sizes(fresh, "source", "event"),
        "sigyn_tool_calls_total": _tool_calls(fresh, results),
        "sigyn_cost_usd_total": _sums(fresh, "cost_usd", "user_id", "project"),
        "sigyn_tokens_total": {
            (*labels, kind): total
            for kind in _TOKEN_KINDS
            for labels, total in _sums(fresh, f"{kind}_tokens", "agent").items()
        },
        "sigyn_tool_transitions_total": _transitions(results),
        "sigyn_workflow_uses_total": _sizes(fresh.take(fresh.codes("workflow") >= 0), "workflow"),
        "sigyn_persona_tool_calls_total": _persona_calls(results, whole),
    }


def _texts(table: EventTable, name: str) -> list[str]:
    """A text column with "" for missing."""
    lookup = np.array([*table.categories(name), ""], dtype=object)
    return list(lookup[table.codes(name)])


def _sizes(table: EventTable, *names: str) -> Counts:
    return dict(Counter(zip(*(_texts(table, name) for name in names), strict=True)))


def _sums(table: EventTable, value: str, *names: str) -> Counts:
    """Sums of a numeric column by text columns; rows without the value do not count."""
    part = table.take(~np.isnan(table.values(value)))
    totals: Counts = {}
    for labels, amount in zip(
        zip(*(_texts(part, name) for name in names), strict=True), part.values(value).tolist(), strict=True
    ):
        # A negative amount would turn a counter back; the telemetry of a broken client must not.
        totals[labels] = totals.get(labels, 0.0) + max(amount, 0.0)
    return totals


def _outcomes(results: EventTable) -> list[str]:
    """Success, unknown, or the kind of failure of each tool result."""
    kinds = _texts(results, "failure_kind")
    return [
        "success" if success == 1 else "unknown" if success < 0 else kind or "failed"
        for success, kind in zip(results.values("success"), kinds, strict=True)
    ]


def _tool_calls(fresh: EventTable, results: EventTable) -> Counts:
    """Finished and refused tool calls by tool and outcome."""
    counts: Counter[tuple[str, ...]] = Counter(zip(_texts(results, "tool_name"), _outcomes(results), strict=True))
    refused = fresh.take(fresh.is_one_of("event", ("tool_decision",)) & fresh.is_one_of("decision", ("reject",)))
    counts.update((name, "rejected") for name in _texts(refused, "tool_name"))
    return dict(counts)


def _transitions(results: EventTable) -> Counts:
    """Pairs of neighbouring tool results of a session within the batch, by tool category."""
    sessions = SessionEvents.from_table(results)
    categories = _texts(sessions.table, "tool_category")
    follows = np.flatnonzero(sessions.rank > 0)
    return dict(Counter((categories[row - 1] or "other", categories[row] or "other") for row in follows))


def _persona_calls(results: EventTable, whole: EventTable) -> Counts:
    """Tool results by the personas that their session was asked to take."""
    named = whole.take(whole.codes("persona") >= 0)
    personas: dict[str, set[str]] = {}
    for session_id, persona in zip(_texts(named, "session_id"), _texts(named, "persona"), strict=True):
        personas.setdefault(session_id, set()).add(persona)
    counts: Counter[tuple[str, ...]] = Counter()
    for session_id, outcome in zip(_texts(results, "session_id"), _outcomes(results), strict=True):
        if outcome == "success" or outcome in AGENT_FAULTS:
            for persona in personas.get(session_id, ()):
                counts[(persona, "success" if outcome == "success" else "failed")] += 1
    return dict(counts)


def count_dropped(dropped: Mapping[str, int], repeated: int) -> Counts:
    """Records that came to nothing, by reason; ``repeated`` events were known already."""
    counts: Counts = {(reason,): count for reason, count in dropped.items()}
    if repeated:
        counts[("duplicate",)] = counts.get(("duplicate",), 0) + repeated
    return counts


def count_findings(measured: Iterable[Measured], known: Mapping[str, tuple[Finding, ...]]) -> Counts:
    """Matches that are new since each session's known findings, by rule and severity."""
    counts: Counter[tuple[str, ...]] = Counter()
    for one in measured:
        before = {finding.rule: finding.count for finding in known.get(one.info.session_id, ())}
        for finding in one.findings:
            counts[(finding.rule, finding.severity)] += max(0, finding.count - before.get(finding.rule, 0))
    return dict(+counts)
