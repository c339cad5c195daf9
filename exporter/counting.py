"""What a batch of new events adds to the counters: the numbers behind the cumulative metrics.

Counters live in the state and grow in the same transaction as the events they count, so they survive a restart and
count nothing twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np
import pandas as pd

from analytics.coded_text import CodedText
from analytics.events import EventTable, objects
from analytics.failures import AGENT_FAULTS
from analytics.findings import Finding
from analytics.lost_values import LOST_VALUES
from analytics.sessions import SessionEvents
from exporter.measuring import Measured

Counts = dict[tuple[str, ...], float]

BY_USER: Final = {"sigyn_cost_usd_total": ("user_id", "project")}
"""Counters that tell users apart, with their labels."""

_TOKEN_KINDS: Final = ("input", "output", "cache_read", "cache_creation")
_BY_OUTCOME: Final = ("tool_name", "failure_kind")
_NEIGHBOURS: Final = ("time_ns", "session_id", "event", "sequence", "event_id", "tool_category")
"""What tells which tool results of a session are neighbours."""


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


def _groups(table: EventTable, *names: str) -> tuple[list[tuple[str, ...]], np.ndarray]:
    """The combinations of texts that occur in some columns, "" for missing, and the number of each row's."""
    columns = [table.texts(name) for name in names]
    keys: np.ndarray = np.zeros(len(table), dtype=np.int64)
    for column in columns:
        keys = keys * (len(column.texts) + 1) + (column.codes + np.int64(1))
    numbers, rest = pd.factorize(keys)
    labels = []
    for column in reversed(columns):
        width = len(column.texts) + 1
        labels.append(objects([*column.listed, ""])[rest % width - 1].tolist())
        rest = rest // width
    return list(zip(*reversed(labels), strict=True)), numbers


def _sizes(table: EventTable, *names: str) -> Counts:
    labels, numbers = _groups(table, *names)
    return _totals(labels, np.bincount(numbers, minlength=len(labels)))


def _totals(labels: Iterable[tuple[str, ...]], amounts: np.ndarray) -> Counts:
    """Amounts by label; different groups may have one label, such as a missing text and an empty one."""
    totals: Counts = {}
    for label, amount in zip(labels, amounts.tolist(), strict=True):
        totals[label] = totals.get(label, 0) + amount
    return totals


def _sums(table: EventTable, value: str, *names: str) -> Counts:
    """Sums of a numeric column by text columns; rows without the value do not count."""
    part = table.only((value, *names)).take(~np.isnan(table.values(value)))
    labels, numbers = _groups(part, *names)
    # A negative amount would turn a counter back; the telemetry of a broken client must not.
    amounts = np.maximum(part.values(value), 0.0)
    return _totals(labels, np.bincount(numbers, amounts, len(labels)))


def _outcomes(results: EventTable) -> CodedText:
    """Success, unknown, or the kind of failure of each tool result."""
    kinds = results.texts("failure_kind")
    success, count = results.values("success"), len(kinds.texts)
    texts = [*(kind or "failed" for kind in kinds.listed), "success", "unknown", "failed"]
    known = np.where(kinds.codes < 0, count + 2, kinds.codes)
    return CodedText(np.where(success == 1, count, np.where(success < 0, count + 1, known)), objects(texts))


def _tool_calls(fresh: EventTable, results: EventTable) -> Counts:
    """Finished and refused tool calls by tool and outcome."""
    counts = _sizes(results.with_columns({"failure_kind": _outcomes(results)}), *_BY_OUTCOME)
    refused = fresh.take(fresh.is_one_of("event", ("tool_decision",)) & fresh.is_one_of("decision", ("reject",)))
    for (name,), count in _sizes(refused, "tool_name").items():
        counts[(name, "rejected")] = counts.get((name, "rejected"), 0) + count
    return counts


def _transitions(table: EventTable) -> Counts:
    """Pairs of neighbouring tool results of a session, by tool category."""
    sessions = SessionEvents.from_table(_results(table.only(_NEIGHBOURS)))
    category = sessions.table.texts("tool_category")
    names = [*(text or "other" for text in category.listed), "other"]
    width = len(names)
    codes = category.codes.astype(np.int64) % width  # a missing one, -1, is the last
    follows = np.flatnonzero(sessions.rank > 0)
    pairs, counts = np.unique(codes[follows - 1] * width + codes[follows], return_counts=True)
    return _totals([(names[pair // width], names[pair % width]) for pair in pairs.tolist()], counts)


def _persona_calls(table: EventTable) -> Counts:
    """Tool results by the personas that their session was asked to take."""
    named = table.only(("session_id", "persona")).take(table.codes("persona") >= 0)
    personas: dict[str, set[str]] = {}
    for session_id, persona in _groups(named, "session_id", "persona")[0]:
        personas.setdefault(session_id, set()).add(persona)
    results = _results(table.take(table.is_one_of("session_id", personas)))
    counts: Counts = {}
    found = _sizes(results.with_columns({"failure_kind": _outcomes(results)}), "session_id", "failure_kind")
    for (session_id, outcome), count in found.items():
        if outcome == "success" or outcome in AGENT_FAULTS:
            for persona in personas[session_id]:
                label = (persona, "success" if outcome == "success" else "failed")
                counts[label] = counts.get(label, 0) + count
    return counts


def count_dropped(dropped: Mapping[str, int], repeated: int) -> Counts:
    """Records that came to nothing, by reason; ``repeated`` events were known already."""
    counts: Counts = {(reason,): count for reason, count in dropped.items() if count and reason not in LOST_VALUES}
    if repeated:
        counts[("duplicate",)] = counts.get(("duplicate",), 0) + repeated
    return counts


def count_lost_values(dropped: Mapping[str, int]) -> Counts:
    """Values lost from records that count all the same, by reason."""
    return {(reason,): count for reason, count in dropped.items() if count and reason in LOST_VALUES}


def count_findings(measured: Iterable[Measured], known: Mapping[str, tuple[Finding, ...]]) -> Counts:
    """Matches that are new since each session's known findings, by rule and severity."""
    counts: Counter[tuple[str, ...]] = Counter()
    for one in measured:
        before = {finding.rule: finding.count for finding in known.get(one.info.session_id, ())}
        for finding in one.findings:
            counts[(finding.rule, finding.severity)] += max(0, finding.count - before.get(finding.rule, 0))
    return dict(+counts)
