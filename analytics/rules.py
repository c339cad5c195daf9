"""Deterministic findings: rules that say which behaviour is worth a look whatever the detectors think.

Rules look at events twice. ``RuleSet.hits`` looks at new events while their details (command, path, url) are there
and remembers only where a rule matched. ``RuleSet.findings`` looks at whole sessions: at the columns that are kept,
at runs of identical calls, at totals, and at the order of hits.

One use of a tool may be told by a call, a decision and a result; it matches a rule once. Within one table ``hits``
drops the second event of a ``tool_use_id``; when a call and its result arrive in different tables both give a hit,
and ``findings`` counts them once by ``Hit.use``. Without ids the n-th matching call, decision and result of a session
are taken for one use.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import numpy as np

from analytics.events import EventTable
from analytics.findings import SEVERITIES, Finding
from analytics.intake import hash_texts
from analytics.row_groups import first_rows
from analytics.rule_counts import Count, Total
from analytics.rule_matching import Match, TableView, rows_of_any
from analytics.rule_occurrences import Hit, Occurrences, occurrences_in_table, occurrences_of_hits
from analytics.rule_runs import Run
from analytics.rule_sequences import Sequence
from analytics.sessions import SessionEvents
from analytics.tool_uses import ToolUses, pair_tool_uses

DETAILS_NEEDED: Final = ("details",)

Condition = tuple[Match, ...] | Run | Count | Total | Sequence
"""What a rule looks for; a tuple of matches means any of them."""


@dataclass(frozen=True)
class Rule:
    """One thing to look for.

    Attributes:
        id: in kebab-case, a metric label.
        severity: one of ``analytics.findings.SEVERITIES``.
        title: what happened, in a few words.
        description: what it means and what to check.
        reference: the technique of MITRE ATT&CK or MITRE ATLAS it stands for, framework first.
        is_reported: False for a mere step of sequences, which makes no findings of its own.
        positives, negatives: examples that match and that do not, for tests and the reference page;
            see ``analytics.rule_examples``.
    """

    id: str
    severity: str
    title: str
    description: str
    reference: str
    condition: Condition
    is_reported: bool = True
    positives: tuple[Any, ...] = field(default=(), repr=False)
    negatives: tuple[Any, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        if self.severity not in SEVERITIES:
            raise ValueError(f"rule {self.id}: severity {self.severity!r} is none of {', '.join(SEVERITIES)}")

    @property
    def matches(self) -> tuple[Match, ...]:
        """The conditions on one event that the rule rests on; none for runs, totals and sequences."""
        if isinstance(self.condition, Count):
            return self.condition.matches
        return self.condition if isinstance(self.condition, tuple) else ()

    @property
    def needs(self) -> tuple[str, ...]:
        """The telemetry it cannot do without: ``details``, or nothing beyond the events. Of a sequence its own."""
        return DETAILS_NEEDED if any(match.needs_details for match in self.matches) else ()


@dataclass(frozen=True)
class RuleSet:
    """Rules in force; every rule a sequence refers to must be among them."""

    rules: tuple[Rule, ...]

    def hits(self, table: EventTable) -> list[Hit]:
        """Where rules that need details match in new events, each use of a tool once a rule; rows in any order."""
        view = TableView(table)
        order = np.empty(len(table), dtype=np.int64)
        order[np.lexsort((table.values("sequence"), table.values("time_ns")))] = view.all_rows
        hits: list[Hit] = []
        for rule in self.rules:
            if rule.needs:
                rows = rows_of_any(rule.matches, view)
                if len(rows):
                    hits += _hits_of_rows(rule.id, table, rows[np.argsort(order[rows])])
        return hits

    def findings(self, table: EventTable, hits: Iterable[Hit], uses: ToolUses | None = None) -> list[Finding]:
        """What the rules say about whole sessions.

        Args:
            table: events of whole sessions, sorted; details may be missing.
            hits: all hits of these sessions, in any order, repeated ones included.
            uses: the tool uses in the table, where they have been paired already.

        Returns:
            One finding for each session and rule that matched, in order of session id and rule id.
        """
        sessions = _whole_sessions(table)
        names = _SessionNames(list(sessions.session_ids))
        found = self._occurrences_of_hits(hits, names)
        found.update(self._occurrences_in_sessions(sessions, pair_tool_uses(sessions) if uses is None else uses))
        for rule in self.rules:
            if isinstance(rule.condition, Count):
                found[rule.id] = rule.condition.crowded(found[rule.id])
        for rule in self.rules:
            if isinstance(rule.condition, Sequence):
                found[rule.id] = rule.condition.occurrences(found)
        findings = [
            finding
            for rule in self.rules
            if rule.is_reported
            for finding in _findings_of_rule(rule, found[rule.id], names.ids)
        ]
        return sorted(findings, key=lambda finding: (finding.session_id, finding.rule))

    def _occurrences_of_hits(self, hits: Iterable[Hit], names: _SessionNames) -> dict[str, Occurrences]:
        """Matches of the rules that need details; hits of rules no longer in force are left out."""
        by_rule: dict[str, list[Hit]] = {rule.id: [] for rule in self.rules if rule.needs}
        for hit in dict.fromkeys(hits):
            if hit.rule in by_rule:
                by_rule[hit.rule].append(hit)
        return {
            rule: occurrences_of_hits(found, [names.number(hit.session_id) for hit in found])
            for rule, found in by_rule.items()
        }

    def _occurrences_in_sessions(self, sessions: SessionEvents, uses: ToolUses) -> dict[str, Occurrences]:
        """Matches of the rules that need no details."""
        view = TableView(sessions.table)
        found: dict[str, Occurrences] = {}
        for rule in self.rules:
            if isinstance(rule.condition, Run):
                found[rule.id] = rule.condition.occurrences(sessions, uses)
            elif isinstance(rule.condition, Total):
                found[rule.id] = rule.condition.occurrences(sessions)
            elif rule.matches and not rule.needs:
                rows = rows_of_any(rule.matches, view)
                found[rule.id] = occurrences_in_table(sessions.table, sessions.index, rows)
        return found

    @cached_property
    def by_id(self) -> Mapping[str, Rule]:
        """The rules by their id."""
        return {rule.id: rule for rule in self.rules}


class _SessionNames:
    """Numbers of session ids; an id that is not in the table gets a number of its own."""

    def __init__(self, ids: list[str]) -> None:
        self.ids = ids
        self._numbers = {session_id: number for number, session_id in enumerate(ids)}

    def number(self, session_id: str) -> int:
        number = self._numbers.setdefault(session_id, len(self.ids))
        if number == len(self.ids):
            self.ids.append(session_id)
        return number


def _whole_sessions(table: EventTable) -> SessionEvents:
    """A sorted table with the boundaries between its sessions; sorting once more would copy every column."""
    codes = table.codes("session_id")
    starts = np.flatnonzero(np.concatenate(([True], codes[1:] != codes[:-1]))) if len(codes) else codes[:0]
    names = table.categories("session_id")
    return SessionEvents(
        table,
        np.append(starts, len(codes)).astype(np.int64),
        tuple(names[code] for code in codes[starts]),
    )


def _hits_of_rows(rule: str, table: EventTable, rows: np.ndarray) -> list[Hit]:
    """Hits of one rule in rows that are in order of time, without the second row of a tool use."""
    names, events = table.categories("session_id"), table.categories("event")
    sessions = table.codes("session_id")[rows]
    uses = hash_texts(table.values("tool_use_id")[rows])
    repeated = ~first_rows(uses, sessions) & (uses != 0)
    columns = zip(
        sessions.tolist(),
        table.values("time_ns")[rows].tolist(),
        table.values("sequence")[rows].tolist(),
        table.codes("event")[rows].tolist(),
        uses.tolist(),
        table.values("event_id")[rows].tolist(),
        repeated.tolist(),
        strict=True,
    )
    return [
        Hit(names[session], rule, time_ns, sequence, events[event], use, event_id)
        for session, time_ns, sequence, event, use, event_id, is_repeated in columns
        if not is_repeated
    ]


def _findings_of_rule(rule: Rule, found: Occurrences, session_ids: list[str]) -> list[Finding]:
    """The matches of one rule, one finding a session."""
    if not len(found):
        return []
    starts = np.flatnonzero(np.concatenate(([True], found.session[1:] != found.session[:-1])))
    counts = np.diff(np.append(starts, len(found)))
    first = np.minimum.reduceat(found.time_ns, starts)
    last = np.maximum.reduceat(found.end_ns, starts)
    return [
        Finding(session_ids[session], rule.id, rule.severity, int(count), int(begin), int(end))
        for session, count, begin, end in zip(found.session[starts], counts, first, last, strict=True)
    ]
