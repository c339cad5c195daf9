"""Whole sessions measured: who and when, features, findings, tool uses."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from analytics.activity import Activity, WorkingHours
from analytics.analysis import SessionRows
from analytics.events import EventTable
from analytics.feature_matrix import FeatureMatrix, measure_activity, measure_checkpoints
from analytics.features import FEATURE_NAMES
from analytics.findings import Finding
from analytics.rule_occurrences import Hit
from analytics.rules import RuleSet
from analytics.sessions import SessionEvents, SessionInfo, describe_sessions
from analytics.traces import Trace, trace_sessions

_OPERATIONS = FEATURE_NAMES.index("operations_total")


@dataclass(frozen=True)
class Measured:
    """One session, measured.

    Attributes:
        values: its features, shape (n_features,).
        findings: what the rules found in it.
        trace: its steps.
    """

    info: SessionInfo
    values: np.ndarray
    findings: tuple[Finding, ...]
    trace: Trace

    @property
    def tool_uses(self) -> int:
        """Uses of tools."""
        return int(self.values[_OPERATIONS])


def measure(table: EventTable, hits: Iterable[Hit], rules: RuleSet, working_hours: WorkingHours) -> list[Measured]:
    """Measure whole sessions.

    Args:
        table: all events of the sessions, in any order, details not needed.
        hits: all event-rule hits in them.
        rules: the rules that look at whole sessions.
        working_hours: for the off-hours feature.
    """
    return measure_sessions(SessionEvents.from_table(table), hits, rules, working_hours)


def measure_sessions(
    sessions: SessionEvents, hits: Iterable[Hit], rules: RuleSet, working_hours: WorkingHours
) -> list[Measured]:
    """The same for sessions whose events are in order already."""
    activity = Activity.of(sessions, working_hours)
    found: dict[str, list[Finding]] = {}
    for finding in rules.findings(sessions.table, hits, activity.uses):
        found.setdefault(finding.session_id, []).append(finding)
    return [
        Measured(info, values, tuple(found.get(info.session_id, ())), trace)
        for info, values, trace in zip(
            describe_sessions(sessions),
            measure_activity(activity).values,
            trace_sessions(sessions, activity.uses),
            strict=True,
        )
    ]


def checkpoints_of(table: EventTable, working_hours: WorkingHours) -> dict[str, dict[int, np.ndarray]]:
    """Each session's features at the checkpoint ages it has passed: rows of shape (n_features,) by session and age."""
    sessions = SessionEvents.from_table(table)
    return by_session(measure_checkpoints(sessions, working_hours), sessions.session_ids)


def by_session(checkpoints: dict[int, FeatureMatrix], session_ids: Iterable[str]) -> dict[str, dict[int, np.ndarray]]:
    """Checkpoint rows regrouped by session."""
    rows: dict[str, dict[int, np.ndarray]] = {session_id: {} for session_id in session_ids}
    for age, matrix in checkpoints.items():
        for session_id, values in zip(matrix.session_ids, matrix.values, strict=True):
            rows[session_id][age] = values
    return rows


def session_rows(measured: Iterable[Measured]) -> SessionRows:
    """Measured sessions as the rows an analysis judges."""
    listed = list(measured)
    values = np.stack([one.values for one in listed]) if listed else np.zeros((0, len(FEATURE_NAMES)))
    infos, findings = tuple(one.info for one in listed), tuple(one.findings for one in listed)
    return SessionRows(infos, values, findings, tuple(one.trace for one in listed))
