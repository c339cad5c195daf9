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

BY_USER: Final = {"sigyn_cost_usd_total": ("user_id", "project")}
"""Counters that tell users apart, with their labels."""

_TOKEN_KINDS: Final = ("input", "output", "cache_read", "cache_creation")


def count_batch(fresh: EventTable, stored: EventTable, whole: EventTable) -> dict[str, Counts]:
    """Counts by metric name of new events.

    What depends on a session's other events is counted over the whole session, less what was counted before, so that
    it comes to the same wherever batches begin and end.

    Args:
        fresh: the new events.
        stored: the earlier ones of the sessions they belong to.
        whole: both.
    """
    results = _results(fresh)
    return {
        "sigyn_events_read_total": _sizes(fresh, "source", "event"),
        "sigyn_tool_calls_total": _tool_calls(fresh, results),
        "sigyn_cost_usd_total": _sums(fresh, "cost_usd", *BY_USER["sigyn_cost_usd_total"]),
        "sigyn_tokens_total": {
            (*labels, kind): total
            for kind in _TOKEN_KINDS
            for labels, total in _sums(fresh, f"{kind}_tokens", "agent").items()
        },
        "sigyn_tool_transitions_total": _more(_transitions(whole), _transitions(stored)),
        "sigyn_workflow_uses_total": _sizes(fresh.take(fresh.codes("workflow") >= 0), "workflow"),
        "sigyn_persona_tool_calls_total": _more(_persona_calls(whole), _persona_calls(stored)),
    }


def _results(table: EventTable) -> EventTable:
    return table.take(table.is_one_of("event", ("tool_result",)))


def _more(now: Counts, before: Counts) -> Counts:
    """What has been added; a late event between two neighbours parts them, which takes nothing back."""
    return {labels: count - before.get(labels, 0) for labels, count in now.items() if count > before.get(labels, 0)}


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


def _transitions(table: EventTable) -> Counts:
    """Pairs of neighbouring tool results of a session, by tool category."""
    sessions = SessionEvents.from_table(_results(table))
    categories = _texts(sessions.table, "tool_category")
    follows = np.flatnonzero(sessions.rank > 0)
    return dict(Counter((categories[row - 1] or "other", categories[row] or "other") for row in follows))


def _persona_calls(table: EventTable) -> Counts:
    """Tool results by the personas that their session was asked to take."""
    named, results = table.take(table.codes("persona") >= 0), _results(table)
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
    counts: Counts = {(reason,): count for reason, count in dropped.items() if count}
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
