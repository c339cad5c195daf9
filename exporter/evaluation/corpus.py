"""Sessions measured once, to be fitted on and judged in any combination, by the code that ``sigyn score`` runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from analytics.activity import WorkingHours
from analytics.analysis import History, SessionRows
from analytics.evaluation.trial import Scores
from analytics.events import EventTable
from analytics.rules import RuleSet
from analytics.sessions import SessionEvents
from exporter.assembly import local_source
from exporter.batch_run import Inputs, history_of, read_inputs
from exporter.measuring import Measured, measure, session_rows
from exporter.sources.source import Batch, Position


@dataclass(frozen=True)
class TableSource:
    """Events at hand as a ``Source``."""

    table: EventTable
    name: str = "table"
    problems: tuple[str, ...] = ()

    def read(self, position: Position, now_ns: int) -> Iterator[Batch]:
        """All events at once."""
        del now_ns
        yield Batch(self.table, position)

    def close(self) -> None:
        """Nothing to let go of."""


@dataclass(frozen=True)
class Corpus:
    """Measured sessions.

    Attributes:
        inputs: the sessions as ``sigyn train`` and ``sigyn score`` have them.
        by_id: each of them by its id.
        errors: events of each session that tell of a failure.
    """

    inputs: Inputs
    by_id: Mapping[str, Measured]
    errors: Mapping[str, int]

    def history(self, session_ids: Sequence[str]) -> History:
        """Some sessions to fit on."""
        return history_of(replace(self.inputs, measured=tuple(self.by_id[one] for one in session_ids)))

    def rows(self, session_ids: Sequence[str]) -> SessionRows:
        """Some sessions to judge."""
        return session_rows(self.by_id[one] for one in session_ids)

    def counts(self, session_ids: Sequence[str]) -> Scores:
        """The trivial scores: a detector that does not beat them has learned nothing."""
        return trivial_scores([self.by_id[one] for one in session_ids], self.errors)


def trivial_scores(measured: Sequence[Measured], errors: Mapping[str, int]) -> Scores:
    """Number of events, of tool uses and of failures of some sessions."""
    return {
        "events": np.array([one.info.events for one in measured], dtype=float),
        "tool calls": np.array([one.tool_uses for one in measured], dtype=float),
        "errors": np.array([errors.get(one.info.session_id, 0) for one in measured], dtype=float),
    }


def count_errors(table: EventTable) -> Counter[str]:
    """How many events of each session tell of a failure."""
    failed = (table.values("success") == 0) | table.is_one_of("event", ("api_error",))
    names = table.categories("session_id")
    numbers, counts = np.unique(table.codes("session_id")[failed], return_counts=True)
    return Counter({names[number]: int(count) for number, count in zip(numbers, counts, strict=True)})


def read_events(paths: Sequence[str], now_ns: int, progress: Callable[[float], None]) -> SessionEvents:
    """The sessions in some files, details included."""
    tables = []
    for batch in local_source(paths).read({}, now_ns):
        tables.append(batch.table)
        progress(batch.progress)
    return SessionEvents.from_table(EventTable.concat(tables))


def measure_corpus(table: EventTable, rules: RuleSet, working_hours: WorkingHours) -> Corpus:
    """Measure whole sessions, their checkpoints included."""
    inputs = read_inputs(TableSource(table), rules, working_hours, 0, lambda _: None)
    return Corpus(inputs, {one.info.session_id: one for one in inputs.measured}, count_errors(table))


def measure_judged(tables: Iterable[EventTable], rules: RuleSet, working_hours: WorkingHours) -> list[Measured]:
    """Measure whole sessions that are only judged: their checkpoints are not needed."""
    measured: list[Measured] = []
    for table in tables:
        measured += measure(table.without_details(), rules.hits(table), rules, working_hours)
    return measured
