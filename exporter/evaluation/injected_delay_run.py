"""How soon misbehaviour put into recorded sessions is alarmed: every deed, watched from its first event on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from analytics.activity import WorkingHours
from analytics.evaluation.alarm_delay import AlarmBlock
from analytics.evaluation.injection import (
    TEST,
    THRESHOLD,
    Deed,
    Record,
    donors_of,
    injections,
    without_details,
)
from analytics.evaluation.prefix_grid import drawn_onsets
from analytics.evaluation.prefixes import ranks_of
from analytics.evaluation.trial import Fitted, Scores, fit_analyses, product_scores
from analytics.intake import build_event_table
from analytics.rules import RuleSet
from analytics.sessions import SessionEvents
from exporter.evaluation.injected_run import Planting, Recordings, by_telemetry, planting_of, runs_of
from exporter.evaluation.labelled_run import Effort
from exporter.evaluation.watched import Prefixes, alarms, measure_prefixes
from exporter.processes import in_processes


@dataclass(frozen=True)
class Watched:
    """Sessions watched to their end.

    Attributes:
        session_ids: shape (n_sessions,).
        past: events past the onset at each look, shape (n_sessions, n_looks).
        latched: by scorer, the highest score so far, likewise.
    """

    session_ids: tuple[str, ...]
    past: np.ndarray
    latched: Scores


@dataclass(frozen=True)
class WatchedPlanting:
    """A planting's untouched sessions, and those with each deed in them, by deed."""

    unseen: Watched
    deeds: Mapping[str, Watched]


@dataclass(frozen=True)
class Watch:
    """One planting and the records of all its untouched sessions."""

    planting: Planting
    unseen: Mapping[str, Sequence[Record]]


def run_watch(watch: Watch, effort: Effort, rules: RuleSet, hours: WorkingHours) -> WatchedPlanting:
    """Fit once; do every deed in every session and judge it at every look.

    Untouched sessions are looked at as if something had begun in them where it did in another, drawn at random.
    """
    planting = watch.planting
    fitted = fit_analyses(planting.history, effort.analyses, planting.seed)
    deeds: dict[str, Watched] = {}
    shares: list[np.ndarray] = []
    for deed in effort.deeds:
        prefixes = _prefixes_with(deed, planting, rules, hours)
        deeds[str(deed)] = _watched(prefixes, fitted)
        shares.append(prefixes.grid.onsets / prefixes.grid.ages[:, -1])
    records = [record for own in watch.unseen.values() for record in own]
    sessions = _sessions(records, has_details=planting.has_details)
    drawn = drawn_onsets(sessions.lengths, np.concatenate(shares), np.random.default_rng((planting.seed, 6)))
    onsets = dict(zip(sessions.session_ids, drawn.tolist(), strict=True))
    untouched = measure_prefixes(sessions, onsets, rules, hours).only(list(watch.unseen))
    return WatchedPlanting(_watched(untouched, fitted), deeds)


def _prefixes_with(deed: Deed, planting: Planting, rules: RuleSet, hours: WorkingHours) -> Prefixes:
    """The sessions with a deed in each, as they were at every look."""
    records: list[Record] = []
    begins: dict[str, float] = {}
    for session_id, injection in injections(planting.sessions, deed, planting.seed, planting.donors):
        records += injection.records
        begins[session_id] = injection.onset_sequence
    sessions = _sessions(records, has_details=planting.has_details)
    return measure_prefixes(sessions, ranks_of(sessions, begins), rules, hours)


def _sessions(records: Sequence[Record], *, has_details: bool) -> SessionEvents:
    told = records if has_details else without_details(records)
    return SessionEvents.from_table(build_event_table(told, "native").table)


def _watched(prefixes: Prefixes, fitted: Fitted) -> Watched:
    rows = prefixes.rows()
    scores = product_scores(rows, fitted.judge(rows)["risk"].sessions)
    return Watched(prefixes.session_ids, prefixes.grid.past, prefixes.latched(scores))


def watch_everywhere(
    recordings: Recordings, how: str, effort: Effort, rules: RuleSet, progress: Callable[[float], None]
) -> dict[str, list[AlarmBlock]]:
    """Blocks by telemetry: one for each seed and deed, its name in ``part``.

    Args:
        recordings: the sessions.
        how: they are parted: at ``random``, or by ``time``.
        effort: how much is run.
        rules: the findings' rules.
        progress: told the share done.

    Raises:
        EvaluationError: too few sessions to fit on, to set a threshold or to judge.
    """
    donors = donors_of(recordings.records)
    runs = runs_of(recordings, how, effort.seeds)
    watches = (Watch(planting_of(recordings, run, donors), _unseen(recordings, run.part)) for run in runs)
    work = partial(run_watch, effort=effort, rules=rules, hours=WorkingHours())
    return by_telemetry(
        runs,
        in_processes(work, watches, effort.jobs),
        lambda run, watched: _blocks(watched, recordings, run.part),
        progress,
    )


def _unseen(recordings: Recordings, part: np.ndarray) -> dict[str, Sequence[Record]]:
    """Records of the sessions that set the threshold, then of those that are judged."""
    numbers = np.concatenate([np.flatnonzero(part == which) for which in (THRESHOLD, TEST)])
    ids = [recordings.infos[number].session_id for number in numbers]
    return {session_id: recordings.records[session_id] for session_id in ids}


def _blocks(watched: WatchedPlanting, recordings: Recordings, part: np.ndarray) -> list[AlarmBlock]:
    test, cut = np.flatnonzero(part == TEST), int((part == THRESHOLD).sum())
    limits = {name: values[:cut] for name, values in watched.unseen.latched.items()}
    clean = {name: values[cut:] for name, values in watched.unseen.latched.items()}
    untouched = alarms(clean, watched.unseen.past[cut:], limits)
    place = {info.session_id: number for number, info in enumerate(recordings.infos)}
    blocks = []
    for deed, own in watched.deeds.items():
        numbers = np.concatenate([test, [place[one] for one in own.session_ids]]).astype(np.int64)
        done = alarms(own.latched, own.past, limits)
        delays = {name: np.concatenate([untouched[name], values]) for name, values in done.items()}
        is_bad = np.arange(len(numbers)) >= len(test)
        blocks.append(AlarmBlock(numbers, is_bad, recordings.family[numbers], delays, deed))
    return blocks
