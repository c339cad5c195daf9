"""The truth about labelled sessions, read from its CSV file."""

from __future__ import annotations

import csv
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from analytics.evaluation import EvaluationError
from analytics.evaluation.truth import Truth, codes_of


@dataclass(frozen=True, slots=True)
class Choice:
    """Which sessions take part and what they are compared within.

    Attributes:
        group_by: columns that sessions must share to be compared.
        bad, good: names in ``label_name`` that count as bad and good; with either, sessions of other names are left
            out. Without, the column ``label`` decides.
    """

    group_by: tuple[str, ...] = ("model", "agent")
    bad: tuple[str, ...] = ()
    good: tuple[str, ...] = ()


def read_labels(path: Path, known: Collection[str], choice: Choice) -> Truth:
    """The truth about the sessions whose events are known.

    Args:
        path: CSV file with the columns ``session_id`` and ``label`` (1 is bad), and where they are known
            ``label_name``, ``onset_sequence``, ``group`` and the columns of ``choice.group_by``.
        known: sessions that have events; labels of others are left out.
        choice: which of them take part.

    Raises:
        EvaluationError: a column is missing, or there are no bad or no good sessions.
        OSError: the file cannot be read.
    """
    with path.open(newline="", encoding="utf-8") as lines:
        reader = csv.DictReader(lines)
        missing = {"session_id", "label", *choice.group_by} - set(reader.fieldnames or ())
        if missing:
            raise EvaluationError(f"{path}: has no column {sorted(missing)[0]!r}; name columns it has")
        rows = [row for row in reader if row["session_id"] in known and _takes_part(row, choice)]
    truth = _truth(rows, choice)
    if not truth.is_bad.any() or truth.is_bad.all():
        kind = "good" if truth.is_bad.any() else "bad"
        raise EvaluationError(f"{path}: no {kind} session with events is left; check --events, --bad and --good")
    return truth


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
        groups=codes_of([row.get("group") or row["session_id"] for row in rows]),
        onset_sequence=np.array([float(row.get("onset_sequence") or "nan") for row in rows]),
        keys=tuple(tuple(row[column] for column in choice.group_by) for row in rows),
    )


def _is_bad(row: Mapping[str, str], choice: Choice) -> bool:
    return (row.get("label_name") or "") in choice.bad if choice.bad else row["label"] == "1"
