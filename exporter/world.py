"""Everything one cycle works with, gathered in one place and passed on as an argument."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from analytics.activity import WorkingHours
from analytics.analysis import Analysis
from analytics.familiarity import Familiarity
from analytics.rules import RuleSet
from analytics.verdicts import SessionVerdict
from exporter.announcements import Announcements
from exporter.last_answer import LastAnswer
from exporter.marks import Marks
from exporter.pseudonyms import Pseudonyms
from exporter.ranking import Ranking
from exporter.snapshot import ModelState
from exporter.sources.source import Source
from exporter.state import State

DAY_NS = 86_400_000_000_000


@dataclass(frozen=True, slots=True)
class CycleSettings:
    """How sessions are kept and judged.

    Attributes:
        idle_timeout_ns: silence after which a session has ended.
        lookback_ns: how far back sessions are shown and counted.
        keep_events_ns: how long after its end a session keeps its events, so that a late one can reopen it whole.
        retention_ns: age at which a session is deleted from the state.
        settle_ns: after the first use of a new tool, how long the agent counts as settling; 0 for not at all.
        working_hours: for the off-hours feature.
        most_events: of one session that are kept; further ones are counted, and only rules look at them.
        most_sessions: that are kept at a time, each in some 700 bytes of memory; events of further ones are counted.
    """

    idle_timeout_ns: int = 3_600_000_000_000
    lookback_ns: int = 30 * DAY_NS
    keep_events_ns: int = 7 * DAY_NS
    retention_ns: int = 90 * DAY_NS
    settle_ns: int = 3 * DAY_NS
    working_hours: WorkingHours = field(default_factory=WorkingHours)
    most_events: int = 1_000_000
    most_sessions: int = 2_000_000


@dataclass(frozen=True)
class Models:
    """The fitted models in use, swapped as a whole by one assignment.

    Attributes:
        fitted: model by analysis name; an analysis that could not be fitted yet is absent.
        states: version and training time of each.
        needed: sessions still missing before the first fit, by analysis name.
    """

    fitted: Mapping[str, Any] = field(default_factory=dict)
    states: Mapping[str, ModelState] = field(default_factory=dict)
    needed: Mapping[str, int] = field(default_factory=dict)

    @property
    def version(self) -> str | None:
        """Version of the risk model, which a session's frozen score names."""
        state = self.states.get("risk")
        return state.version if state else None


@dataclass(frozen=True)
class EnabledAnalysis:
    """An analysis with the settings it runs with."""

    analysis: Analysis
    settings: Any


@dataclass
class World:
    """What a cycle reads and writes.

    Attributes:
        sources: where events come from.
        state: what is known, on disk.
        rules: the findings' rules.
        analyses: in the order they run.
        settings: how sessions are kept.
        models: replaced by training.
        verdicts: the latest verdict of every session within the lookback, by id; the state's copy in memory.
        holding: sessions whose events the state still has.
        ranking: the verdicts in the order they are shown in.
        recent: latest feature row, shape (n_features,), of the sessions of the last day; of those judged last, see
            ``exporter.recent_sessions``.
        described: the readings about those sessions.
        readings: the analyses' gauges as of the last cycle that judged anything.
        unjudged: sessions whose stored verdict is older than their events, to be judged in the next cycle.
        marks: what follows from people's verdicts; replaced whenever one is given.
        announcements: where scores and findings are told; None where nobody is told.
        pseudonyms: what users are called instead; None where they keep their names.
        familiarity: which users, agents, versions and tools are known; the state's copy in memory.
        roles: the known tools that the new ones of a settling agent are taken for, by agent, new tools and model.
    """

    sources: tuple[Source, ...]
    state: State
    rules: RuleSet
    analyses: tuple[EnabledAnalysis, ...]
    settings: CycleSettings = field(default_factory=CycleSettings)
    models: Models = field(default_factory=Models)
    verdicts: dict[str, SessionVerdict] = field(default_factory=dict)
    unjudged: set[str] = field(default_factory=set)
    holding: set[str] = field(default_factory=set)
    ranking: Ranking = field(default_factory=Ranking)
    recent: dict[str, np.ndarray] = field(default_factory=dict)
    described: LastAnswer[dict[str, Mapping[tuple[str, ...], float]]] = field(default_factory=LastAnswer)
    readings: dict[str, Mapping[tuple[str, ...], float]] = field(default_factory=dict)
    marks: Marks = field(default_factory=Marks)
    announcements: Announcements | None = None
    pseudonyms: Pseudonyms | None = None
    familiarity: Familiarity = field(default_factory=Familiarity)
    roles: dict[tuple[str, tuple[str, ...], str | None], Mapping[str, str]] = field(default_factory=dict)
