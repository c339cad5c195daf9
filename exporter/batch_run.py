"""Local event lines measured, fitted and scored in one go: what ``sigyn train`` and ``sigyn score`` do.

Every session in the input counts as finished. Events are read batch by batch; their details are dropped as soon as
the rules have seen them. Groups of files are read, and blocks of sessions measured, independently of each other, so
that a ``Spread`` may do it elsewhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import numpy as np

from analytics.activity import WorkingHours
from analytics.analysis import History, SessionRows
from analytics.assessment import assess
from analytics.events import EventTable
from analytics.feature_matrix import measure_checkpoints
from analytics.features import FEATURE_NAMES, SCHEMA
from analytics.rule_occurrences import Hit
from analytics.rules import RuleSet
from analytics.sessions import SessionEvents
from analytics.spreading import Spread, in_turn
from analytics.verdicts import INITIALIZING, SessionVerdict
from exporter.file_groups import FileGroup
from exporter.judging import run_analyses
from exporter.measuring import Measured, by_session, measure_sessions, session_rows
from exporter.pseudonyms import Pseudonyms
from exporter.ranking import by_risk
from exporter.sources.local import LocalSource
from exporter.sources.source import Source
from exporter.state import StoredSession
from exporter.world import EnabledAnalysis, Models

BLOCK = 2_000
"""Sessions measured at once."""

Progress = Callable[[float], None]


@dataclass(frozen=True)
class Inputs:
    """All sessions of some local files.

    Attributes:
        measured: the sessions.
        checkpoints: feature rows at earlier ages, by session and age.
        events: how many events were read.
        dropped: records that could not be used, and values lost from others, by reason.
        problems: what could not be read, or not to its end, one line each.
    """

    measured: tuple[Measured, ...]
    checkpoints: dict[str, dict[int, np.ndarray]]
    events: int
    dropped: Counter[str]
    problems: tuple[str, ...] = ()

    def under(self, pseudonyms: Pseudonyms) -> Inputs:
        """The same sessions under their users' pseudonyms."""
        return replace(self, measured=tuple([replace(one, info=pseudonyms.info(one.info)) for one in self.measured]))


@dataclass(frozen=True)
class ReadEvents:
    """What a source, or a group of files, held.

    Attributes:
        table: the events, without details.
        hits: what the rules found in them.
        dropped: records that could not be used, and values lost from others, by reason.
        problems: what could not be read, or not to its end, one line each.
    """

    table: EventTable
    hits: list[Hit]
    dropped: Counter[str]
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Spreads:
    """Who reads groups of files and who measures blocks of sessions."""

    reading: Spread = in_turn
    measuring: Spread = in_turn


HERE: Final = Spreads()
"""One after the other in this process."""


def read_inputs(source: Source, rules: RuleSet, working_hours: WorkingHours, now_ns: int, progress: Progress) -> Inputs:
    """Read everything a source has and measure its sessions."""
    return _inputs_of([_read_events(source, rules, now_ns, progress)], rules, working_hours, in_turn)


def read_files(
    groups: Sequence[FileGroup],
    rules: RuleSet,
    working_hours: WorkingHours,
    progress: Progress,
    spreads: Spreads = HERE,
) -> Inputs:
    """Read groups of files and measure the sessions in them."""
    total = sum(group.size for group in groups) or 1
    parts, done = [], 0
    for group, part in zip(groups, spreads.reading(partial(_read_group, rules=rules), groups), strict=True):
        parts.append(part)
        done += group.size
        progress(done / total)
    return _inputs_of(parts, rules, working_hours, spreads.measuring)


def _read_group(group: FileGroup, rules: RuleSet) -> ReadEvents:
    source = LocalSource(group.paths, must_exist=True, is_final=True)
    return _read_events(source, rules, 0, lambda _share: None)  # a file ends at now, whenever that is


def _read_events(source: Source, rules: RuleSet, now_ns: int, progress: Progress) -> ReadEvents:
    tables: list[EventTable] = []
    hits: list[Hit] = []
    dropped: Counter[str] = Counter()
    for batch in source.read({}, now_ns):
        dropped.update(batch.dropped)
        hits += rules.hits(batch.table)
        tables.append(batch.table.without_details())
        progress(batch.progress)
    return ReadEvents(EventTable.concat(tables), hits, dropped, source.problems)


def _inputs_of(parts: Sequence[ReadEvents], rules: RuleSet, working_hours: WorkingHours, spread: Spread) -> Inputs:
    """The sessions of events read in parts, measured."""
    dropped: Counter[str] = Counter()
    hits_of: dict[str, list[Hit]] = {}
    for part in parts:
        dropped.update(part.dropped)
        for hit in part.hits:
            hits_of.setdefault(hit.session_id, []).append(hit)
    table = EventTable.concat(part.table for part in parts)
    sessions = SessionEvents.from_table(table)
    kept = len(sessions.table)
    if kept < len(table):
        dropped["duplicate"] += len(table) - kept
    work = partial(_measure_block, rules=rules, working_hours=working_hours)
    measured: list[Measured] = []
    checkpoints: dict[str, dict[int, np.ndarray]] = {}
    for found, rows in spread(work, _blocks_with_hits(sessions, hits_of)):
        measured += found
        checkpoints.update(rows)
    problems = tuple(problem for part in parts for problem in part.problems)
    return Inputs(tuple(measured), checkpoints, kept, dropped, problems)


Block = tuple[SessionEvents, list[Hit]]


def _measure_block(
    block: Block, rules: RuleSet, working_hours: WorkingHours
) -> tuple[list[Measured], dict[str, dict[int, np.ndarray]]]:
    """Some sessions, and their checkpoint rows by session and age."""
    sessions, hits = block
    checkpoints = by_session(measure_checkpoints(sessions, working_hours), sessions.session_ids)
    return measure_sessions(sessions, hits, rules, working_hours), checkpoints


def _blocks_with_hits(sessions: SessionEvents, hits_of: dict[str, list[Hit]]) -> Iterable[Block]:
    for block in _blocks(sessions):
        yield block, [hit for session_id in block.session_ids for hit in hits_of.get(session_id, ())]


def _blocks(sessions: SessionEvents) -> Iterator[SessionEvents]:
    """The sessions, at most BLOCK at a time."""
    for first in range(0, len(sessions), BLOCK):
        last = min(first + BLOCK, len(sessions))
        begin, end = int(sessions.starts[first]), int(sessions.starts[last])
        starts = sessions.starts[first : last + 1] - begin
        yield SessionEvents(sessions.table.stretch(begin, end), starts, sessions.session_ids[first:last])


def history_of(inputs: Inputs) -> History:
    """The sessions as a history to fit on."""
    rows: SessionRows = session_rows(inputs.measured)
    values, ages, numbers = [], [], []
    for number, one in enumerate(inputs.measured):
        for age, row in inputs.checkpoints[one.info.session_id].items():
            values.append(row)
            ages.append(age)
            numbers.append(number)
    return History(
        rows,
        np.array(values).reshape(-1, len(FEATURE_NAMES)),
        np.array(ages, dtype=np.int64),
        np.array(numbers, dtype=np.int64),
    )


def score_inputs(inputs: Inputs, analyses: tuple[EnabledAnalysis, ...], models: Models) -> list[SessionVerdict]:
    """The verdicts of all sessions, most risky first."""
    rows = session_rows(inputs.measured)
    uses = {one.info.session_id: one.tool_uses for one in inputs.measured}
    needed = models.needed.get("risk")
    verdicts = [
        replace(verdict, is_final=True, needed=needed if verdict.status == INITIALIZING else None)
        for verdict in assess(rows, run_analyses(analyses, models, rows), models.version, uses)
    ]
    return sorted(verdicts, key=by_risk)


def stored_sessions(inputs: Inputs, verdicts: list[SessionVerdict], now_ns: int) -> list[StoredSession]:
    """The scored sessions as the state keeps them, for ``sigyn explain``."""
    verdict_of = {verdict.session_id: verdict for verdict in verdicts}
    return [
        StoredSession(
            session_id=one.info.session_id,
            started_ns=one.info.started_ns,
            last_ns=one.info.ended_ns,
            events=one.info.events,
            is_open=False,
            closed_ns=now_ns,
            has_events=False,
            feature_schema=SCHEMA,
            features=one.values,
            checkpoints=inputs.checkpoints[one.info.session_id],
            verdict=verdict_of[one.info.session_id],
        )
        for one in inputs.measured
    ]
