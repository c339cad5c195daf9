"""The truth about labelled sessions, read from its CSV file."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from analytics.evaluation import EvaluationError
from analytics.evaluation.toolsets import toolsets_of
from analytics.evaluation.truth import Truth, codes_of
from analytics.sessions import SessionEvents

TOOLS: Final = "tools"
"""What ``--group-by`` calls the domain that a task's tools tell of; no column."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Which sessions take part and what they are compared within.

    Attributes:
        group_by: columns that sessions must share to be compared, widest first; ``tools`` stands for the domain
            that their tasks' tools tell of.
        bad, good: names in ``label_name`` that count as bad and good; with either, sessions of other names are left
            out. Without, the column ``label`` decides.
    """

    group_by: tuple[str, ...] = ("model", "agent")
    bad: tuple[str, ...] = ()
    good: tuple[str, ...] = ()


def read_labels(path: Path, sessions: SessionEvents, choice: Choice) -> Truth:
    """The truth about the sessions whose events are known.

    Args:
        path: CSV file with the columns ``session_id`` and ``label`` (1 is bad), and where they are known
            ``label_name``, ``onset_sequence``, ``group`` and the columns of ``choice.group_by``.
        sessions: those that have events; labels of others are left out.
        choice: which of them take part.

    Raises:
        EvaluationError: a column is missing, or there are no bad or no good sessions.
        OSError: the file cannot be read.
    """
    with path.open(newline="", encoding="utf-8") as lines:
        reader = csv.DictReader(lines)
        missing = {"session_id", "label", *choice.group_by} - {*(reader.fieldnames or ()), TOOLS}
        if missing:
            raise EvaluationError(f"{path}: has no column {min(missing)!r}; name columns it has")
        known = set(sessions.session_ids)
        rows = [row for row in reader if row["session_id"] in known and _takes_part(row, choice)]
    if TOOLS in choice.group_by:
        _add_domains(rows, sessions)
    truth = _truth(rows, choice)
    if not truth.is_bad.any() or truth.is_bad.all():
        kind = "good" if truth.is_bad.any() else "bad"
        raise EvaluationError(f"{path}: no {kind} session with events is left; check --events, --bad and --good")
    return truth


def _add_domains(rows: Sequence[dict[str, str]], sessions: SessionEvents) -> None:
    domains = toolsets_of(sessions, {row["session_id"]: _group(row) for row in rows})
    for row in rows:
        row[TOOLS] = domains[_group(row)]


def _group(row: Mapping[str, str]) -> str:
    return row.get("group") or row["session_id"]


def _takes_part(row: Mapping[str, str], choice: Choice) -> bool:
    if not choice.bad and not choice.good:
        return True
    name = row.get("label_name") or ""
    if choice.bad and choice.good:
        return name in choice.bad or name in choice.good
    return name in choice.bad or row["label"] != "1" if choice.bad else name in choice.good or row["label"] == "1"


def _truth(rows: Sequence[Mapping[str, str]], choice: Choice) -> Truth:
    return Truth(
        session_ids=tuple(row["session_id"] for row in rows),
        is_bad=np.array([_is_bad(row, choice) for row in rows], dtype=bool),
        groups=codes_of([_group(row) for row in rows]),
        onset_sequence=np.array([_onset(row) for row in rows]),
        keys=tuple(tuple(row[column] for column in choice.group_by) for row in rows),
    )


def _onset(row: Mapping[str, str]) -> float:
    given = row.get("onset_sequence") or "nan"
    try:
        return float(given)
    except ValueError as error:
        raise EvaluationError(
            f"labels of session {row['session_id']:.60}: onset_sequence {given[:40]!r} is no number; correct it"
        ) from error


def _is_bad(row: Mapping[str, str], choice: Choice) -> bool:
    return (row.get("label_name") or "") in choice.bad if choice.bad else row["label"] == "1"
