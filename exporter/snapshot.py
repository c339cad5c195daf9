"""What the last finished cycle found: the immutable object that scrape, pages and API read, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from analytics.verdicts import SessionVerdict

Labels = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ModelState:
    """A fitted model in use: which analysis, version, when it was trained (Unix seconds) and on how many sessions."""

    analysis: str
    version: str
    trained_at: float
    sessions: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state of the world after a cycle; replaced whole by one assignment.

    Attributes:
        taken_at: Unix seconds of the cycle's end.
        sessions: verdicts of all sessions within the lookback, most risky first; sessions without a score last.
        counters: cumulative counts kept in the state, by metric name and label values in the metric's label order:
            ``sigyn_tool_calls_total`` (tool_name, outcome), ``sigyn_findings_total`` (rule, severity),
            ``sigyn_events_read_total`` (source, event), ``sigyn_events_dropped_total`` and
            ``sigyn_values_lost_total`` (reason).
        models: fitted models in use.
        readings: further gauges of the analyses, by metric name and label values.
        problems: one line for each thing that is wrong now, such as an unreachable source; empty when all is well.
        silenced: ids of the sessions that have no series of their own because a person called them benign.
    """

    taken_at: float
    sessions: tuple[SessionVerdict, ...] = ()
    counters: Mapping[str, Mapping[Labels, float]] = field(default_factory=dict)
    models: tuple[ModelState, ...] = ()
    readings: Mapping[str, Mapping[Labels, float]] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    silenced: frozenset[str] = frozenset()
