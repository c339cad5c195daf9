"""What sessions tell of who ran them: problems made from what the files hold, and all their figures."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from analytics.activity import WorkingHours
from analytics.analyses.fingerprint import COLUMNS
from analytics.analysis import SessionRows
from analytics.baseline import to_model_space
from analytics.behaviour_clusters import unit_vectors
from analytics.evaluation import EvaluationError
from analytics.evaluation.attribution import (
    AttributionRow,
    Problem,
    judge_problem,
    problem_of,
    random_folds,
    time_split,
)
from analytics.evaluation.grouping_trial import GroupingRow, judge_groupings
from analytics.evaluation.injection import families
from analytics.evaluation.truth import codes_of
from analytics.evaluation.wrong_user_trial import WrongUserRow, judge_wrong_users
from analytics.habits import middle_and_spread
from analytics.held_back_odds import select
from analytics.rules import RuleSet
from exporter.evaluation.corpus import Corpus, measure_corpus, read_events
from exporter.sources.files import find_files

LEAST_EVENTS: Final = 3
SEED: Final = 0
RANDOM: Final = "random"
LATER: Final = "earlier to later"


@dataclass(frozen=True)
class Attributed:
    """Measured sessions and which belong together.

    Attributes:
        corpus: for fits that need the sessions' checkpoints.
        rows: of the sessions long enough to judge.
        family: a session with those it started; the runs of one task, where a file of labels tells.
    """

    corpus: Corpus
    rows: SessionRows
    family: np.ndarray


@dataclass(frozen=True)
class AttributionFigures:
    """Everything measured on one reading."""

    attribution: tuple[AttributionRow, ...]
    wrong_users: tuple[WrongUserRow, ...]
    groupings: tuple[GroupingRow, ...]


def read_attributed(paths: Sequence[str], rules: RuleSet, progress: Callable[[float], None]) -> Attributed:
    """Measure the sessions of some files; labels are looked at for the column ``group`` alone.

    Raises:
        EvaluationError: no session is long enough.
        SourceError: a path does not exist, or a file cannot be read.
    """
    corpus = measure_corpus(read_events(paths, 0, lambda share: progress(share / 4)).table, rules, WorkingHours())
    ids = sorted(one for one, measured in corpus.by_id.items() if measured.info.events >= LEAST_EVENTS)
    if not ids:
        raise EvaluationError(f"no session has {LEAST_EVENTS} events; give more events")
    rows = corpus.rows(ids)
    group = _groups_beside(paths)
    roots = families(rows.infos)
    named = [group.get(info.session_id, f"family {root}") for info, root in zip(rows.infos, roots, strict=True)]
    return Attributed(corpus, rows, codes_of(named))


def _groups_beside(paths: Sequence[str]) -> dict[str, str]:
    """The group of each session in the ``NAME.labels.csv`` beside a ``NAME.jsonl`` or ``NAME.jsonl.gz``."""
    groups: dict[str, str] = {}
    for found in find_files(paths, must_exist=True).files:
        path = Path(found.path)
        labels = path.with_name(path.name.removesuffix(".gz").removesuffix(".jsonl") + ".labels.csv")
        if labels.is_file():
            with labels.open(newline="", encoding="utf-8") as lines:
                rows = [row for row in csv.DictReader(lines) if row.get("session_id") and row.get("group")]
            groups.update({row["session_id"]: f"task {row['group']}" for row in rows})
    return groups


def judge_attribution(attributed: Attributed, progress: Callable[[float], None]) -> AttributionFigures:
    """Every problem the sessions allow, wrong users, and how stable groups of sessions are."""
    people, others = user_problems(attributed), agent_and_model_problems(attributed)
    attribution: list[AttributionRow] = []
    wrong_users: list[WrongUserRow] = []
    for done, problem in enumerate([*people, *others]):
        attribution += judge_problem(problem, RANDOM, random_folds(problem, SEED), SEED)
        if problem.has_clock:
            attribution += judge_problem(problem, LATER, time_split(problem), SEED)
        if problem in people[1:]:
            for name, splits in ((RANDOM, random_folds(problem, SEED)), (LATER, time_split(problem))):
                wrong_users += judge_wrong_users(problem, name, splits, attributed.corpus.history, SEED)
        progress(0.25 + 0.75 * (done + 1) / (len(people) + len(others)))
    if not attribution:
        raise EvaluationError("no two users, agents or models have enough sessions to be told apart; give more events")
    return AttributionFigures(
        tuple(attribution), tuple(wrong_users), tuple(judge_groupings(_vectors(attributed), SEED))
    )


def user_problems(attributed: Attributed) -> list[Problem]:
    """All users; then those of each agent and project, where neither tools nor code base tell them apart."""
    infos = attributed.rows.infos
    places: dict[str, list[str | None]] = {"user, all sessions": [info.user_id for info in infos]}
    for agent, project in sorted({(info.agent or "", info.project or "") for info in infos}):
        places[f"user, {agent} in {project:.12}"] = [
            info.user_id if (info.agent or "", info.project or "") == (agent, project) else None for info in infos
        ]
    return _problems(attributed, places, has_clock=True)


def agent_and_model_problems(attributed: Attributed) -> list[Problem]:
    """All agents; then the models of each agent."""
    infos = attributed.rows.infos
    places: dict[str, list[str | None]] = {"agent": [info.agent for info in infos]}
    for agent in sorted({info.agent or "" for info in infos}):
        places[f"model, {agent}"] = [info.model if (info.agent or "") == agent else None for info in infos]
    return _problems(attributed, places, has_clock=False)


def _problems(attributed: Attributed, places: Mapping[str, Sequence[str | None]], *, has_clock: bool) -> list[Problem]:
    made = [
        problem_of(name, attributed.rows, labels, attributed.family, has_clock=has_clock)
        for name, labels in places.items()
    ]
    return [problem for problem in made if problem is not None]


def _vectors(attributed: Attributed) -> np.ndarray:
    """The fingerprints' unit vectors, oldest session first."""
    rows = replace(attributed.rows, findings=())
    order = np.argsort([info.started_ns for info in rows.infos], kind="stable")
    features = to_model_space(select(rows, order).values)[:, COLUMNS]
    middle, spread = middle_and_spread(features)
    return unit_vectors((features - middle) / spread)
