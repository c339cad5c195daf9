"""Misbehaviour put into recorded sessions and looked for: all fits, spread over processes, and the table's rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, TypeVar

import numpy as np

from analytics.activity import WorkingHours
from analytics.analysis import History
from analytics.evaluation.blocks import Block
from analytics.evaluation.errors import EvaluationError
from analytics.evaluation.injection import (
    FIT,
    TEST,
    THRESHOLD,
    Donors,
    Record,
    donors_of,
    families,
    misbehaving,
    part_by_user,
    without_details,
)
from analytics.evaluation.trial import Scores, Trial, run_trial
from analytics.intake import build_event_table
from analytics.rules import RuleSet
from analytics.sessions import SessionInfo
from exporter.evaluation.corpus import Corpus, count_errors, measure_corpus, measure_judged, trivial_scores
from exporter.evaluation.labelled_run import Effort
from exporter.measuring import Measured, session_rows
from exporter.processes import in_processes

DETAILS: Final = ("with details", "without details")

Answer = TypeVar("Answer")
Found = TypeVar("Found")


@dataclass(frozen=True)
class Recordings:
    """Recorded sessions, and the same measured with and without details.

    Attributes:
        records: by session, in order of id.
        corpora: by the names in ``DETAILS``.
        infos: who and when, in the same order.
        family: which belong together.
    """

    records: Mapping[str, Sequence[Record]]
    corpora: Mapping[str, Corpus]
    infos: tuple[SessionInfo, ...]
    family: np.ndarray

    @property
    def users(self) -> list[str]:
        """The user of each session."""
        return [info.user_id or "unknown" for info in self.infos]


@dataclass(frozen=True)
class Planting:
    """One fit on some sessions; others are judged untouched and with every deed done in them.

    Attributes:
        history: to fit on.
        unseen: measured sessions that set the threshold, then those that are judged untouched.
        errors: failures of each of them.
        sessions: records of those in which deeds are done.
        donors: for strangers' behaviour.
        has_details: whether tool arguments are in the telemetry.
    """

    history: History
    unseen: tuple[Measured, ...]
    errors: Mapping[str, int]
    sessions: Mapping[str, Sequence[Record]]
    donors: Donors
    has_details: bool
    seed: int


@dataclass(frozen=True)
class Planted:
    """The scores of a planting.

    Attributes:
        unseen: of the untouched sessions, in their order.
        deeds: by deed, the ids of the sessions and their scores.
    """

    unseen: Scores
    deeds: Mapping[str, tuple[tuple[str, ...], Scores]]


def measure_recordings(records: Sequence[Record], rules: RuleSet, hours: WorkingHours) -> Recordings:
    """Group records by session and measure them with and without details."""
    by_session: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        if isinstance(record.get("session_id"), str):
            by_session[record["session_id"]].append(record)
    corpora = {
        DETAILS[0]: measure_corpus(build_event_table(records, "native").table, rules, hours),
        DETAILS[1]: measure_corpus(build_event_table(without_details(records), "native").table, rules, hours),
    }
    ids = sorted(corpora[DETAILS[0]].by_id)
    infos = tuple(corpora[DETAILS[0]].by_id[one].info for one in ids)
    return Recordings({one: by_session[one] for one in ids}, corpora, infos, families(infos))


def run_planting(planting: Planting, effort: Effort, rules: RuleSet, hours: WorkingHours) -> Planted:
    """Do every deed in every session, measure, fit once and judge all."""
    measured = list(planting.unseen)
    trivial = [trivial_scores(measured, planting.errors)]
    members: dict[str, tuple[str, ...]] = {}
    for deed in effort.deeds:
        records = misbehaving(planting.sessions, deed, planting.seed, planting.donors)
        table = build_event_table(records if planting.has_details else without_details(records), "native").table
        done = measure_judged([table], rules, hours)
        members[str(deed)] = tuple(one.info.session_id for one in done)
        trivial.append(trivial_scores(done, count_errors(table)))
        measured += [_renamed(one, str(deed)) for one in done]
    trial = Trial(planting.history, session_rows(measured), planting.seed)
    scores = run_trial(trial, effort.analyses, effort.peers)
    scores.update({name: np.concatenate([each[name] for each in trivial]) for name in trivial[0]})
    return _parted(scores, len(planting.unseen), members)


def _renamed(measured: Measured, deed: str) -> Measured:
    """One session is judged many times, each time under a name of its own."""
    return replace(measured, info=replace(measured.info, session_id=f"{measured.info.session_id} {deed}"))


def _parted(scores: Scores, unseen: int, members: Mapping[str, tuple[str, ...]]) -> Planted:
    deeds, begin = {}, unseen
    for deed, ids in members.items():
        end = begin + len(ids)
        deeds[deed] = (ids, {name: values[begin:end] for name, values in scores.items()})
        begin = end
    return Planted({name: values[:unseen] for name, values in scores.items()}, deeds)


def plant_everywhere(
    recordings: Recordings, how: str, effort: Effort, rules: RuleSet, progress: Callable[[float], None]
) -> dict[str, list[Block]]:
    """Blocks by telemetry: one for each seed and deed, its name in ``part``, and one of the untouched sessions alone.

    Args:
        recordings: the sessions.
        how: they are parted: at ``random``, or by ``time``.
        effort: how much is run.
        rules: the findings' rules.
        progress: told the share done.
    """
    donors = donors_of(recordings.records)
    runs = runs_of(recordings, how, effort.seeds)
    plantings = (planting_of(recordings, run, donors) for run in runs)
    work = partial(run_planting, effort=effort, rules=rules, hours=WorkingHours())
    return by_telemetry(
        runs,
        in_processes(work, plantings, effort.jobs),
        lambda run, planted: _blocks(planted, recordings, run.part),
        progress,
    )


@dataclass(frozen=True)
class Run:
    """One fit: with one seed on one kind of telemetry.

    Attributes:
        details: one of ``DETAILS``.
        part: FIT, THRESHOLD or TEST for each session, shape (n_sessions,).
    """

    seed: int
    details: str
    part: np.ndarray


def runs_of(recordings: Recordings, how: str, seeds: int) -> list[Run]:
    """Each seed with every kind of telemetry, on the same parts of the sessions.

    Raises:
        EvaluationError: one of the parts has no session.
    """
    parts = [_part_of(recordings, seed, how) for seed in range(seeds)]
    return [Run(seed, details, part) for seed, part in enumerate(parts) for details in DETAILS]


def by_telemetry(
    runs: Sequence[Run],
    answers: Iterable[Answer],
    blocks_of: Callable[[Run, Answer], list[Found]],
    progress: Callable[[float], None],
) -> dict[str, list[Found]]:
    """What comes of the runs, by the names in ``DETAILS``; ``progress`` is told the share done."""
    blocks: dict[str, list[Found]] = {details: [] for details in DETAILS}
    for number, (run, answer) in enumerate(zip(runs, answers, strict=True)):
        blocks[run.details] += blocks_of(run, answer)
        progress((number + 1) / len(runs))
    return blocks


def _part_of(recordings: Recordings, seed: int, how: str) -> np.ndarray:
    """FIT, THRESHOLD or TEST for each session, dealt at ``random`` or by ``time``.

    Raises:
        EvaluationError: one of the parts has no session.
    """
    rng = np.random.default_rng((seed, 3)) if how == "random" else None
    part = part_by_user(recordings.infos, recordings.family, rng)
    if min((part == which).sum() for which in (FIT, THRESHOLD, TEST)) < 1:
        raise EvaluationError("too few sessions to fit on, to set a threshold and to judge; give more events")
    return part


def planting_of(recordings: Recordings, run: Run, donors: Donors) -> Planting:
    """What one run is fitted on and judges."""
    corpus = recordings.corpora[run.details]
    fit, threshold, test = (
        [recordings.infos[number].session_id for number in np.flatnonzero(run.part == which)]
        for which in (FIT, THRESHOLD, TEST)
    )
    return Planting(
        history=corpus.history(fit),
        unseen=tuple(corpus.by_id[one] for one in threshold + test),
        errors=corpus.errors,
        sessions={one: recordings.records[one] for one in test},
        donors=donors,
        has_details=run.details == DETAILS[0],
        seed=run.seed,
    )


def _blocks(planted: Planted, recordings: Recordings, part: np.ndarray) -> list[Block]:
    threshold, test = np.flatnonzero(part == THRESHOLD), np.flatnonzero(part == TEST)
    cut = len(threshold)
    limits = {name: values[:cut] for name, values in planted.unseen.items()}
    clean = {name: values[cut:] for name, values in planted.unseen.items()}
    place = {info.session_id: number for number, info in enumerate(recordings.infos)}
    family = recordings.family
    blocks = [Block(test, np.zeros(len(test), dtype=bool), family[test], clean, limits, "untouched")]
    for deed, (ids, scores) in planted.deeds.items():
        changed = np.array([place[one] for one in ids], dtype=np.int64)
        numbers = np.concatenate([test, changed])
        joined = {name: np.concatenate([clean[name], values]) for name, values in scores.items()}
        is_bad = np.arange(len(numbers)) >= len(test)
        blocks.append(Block(numbers, is_bad, family[numbers], joined, limits, deed))
    return blocks
