"""One person removed from the state and the models: first everything of theirs is found, then it is erased.

Theirs are the sessions they ran, whole, with all that is stored of them; the costs counted under their name; lines
about them that wait for Loki. In what is other people's, their name is taken out: as the likely user of a session, as
the giver of a verdict, in its note, in the paths of files that were read. Models hold ranges and rates by user and
were learnt from their sessions, so all versions go, and the exporter trains anew on the sessions that remain.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson

from analytics.familiarity import Acquaintance, Key, without_people
from exporter.counting import BY_USER
from exporter.label_values import label_value
from exporter.model_store import ModelStore, ModelStoreError
from exporter.state import Announcement, HumanVerdict, State, StoredSession

FORGOTTEN: Final = "[forgotten]"
"""What stands in a note where the name was."""
_SESSIONS_A_TIME: Final = 500

Labels = tuple[str, ...]


@dataclass(frozen=True)
class Person:
    """Who is to be forgotten.

    Attributes:
        name: the user id as telemetry has it.
        names: under which the person is stored: the name, and the pseudonym where there are pseudonyms.
    """

    name: str
    names: frozenset[str]

    def is_in(self, text: str) -> bool:
        """Whether a text holds one of the names as a word of its own, in any case."""
        return any(_word(name).search(text) for name in self.names)

    def taken_out(self, text: str) -> str:
        """The text without the names."""
        for name in self.names:
            text = _word(name).sub(FORGOTTEN, text)
        return text


@dataclass(frozen=True)
class Footprint:
    """Everything the state and the models hold of a person.

    Attributes:
        sessions: ids of theirs.
        rows: what is stored beside those, by what it is.
        alike: other people's sessions whose fingerprint names them as the likely user.
        verdicts: what is to stand in place of verdicts on other people's sessions that name them, by session id.
        lines: numbers of the lines about them that wait for Loki.
        rewritten: lines about others that name them, by number, without the name.
        counts: label values of counts under their name, by metric.
        positions: read positions of sources whose files bear the name, without those paths, by source.
        familiar: kinds and names of what is known about them.
        acquainted: what is known about agents and tools that only they have used, without the name.
        models: model files to remove.
        neighbours: sessions of others in projects whose path bears the name; they stay.
    """

    sessions: frozenset[str]
    rows: Mapping[str, int]
    alike: tuple[str, ...]
    verdicts: Mapping[str, HumanVerdict]
    lines: tuple[int, ...]
    rewritten: Mapping[int, str]
    counts: Mapping[str, list[Labels]]
    positions: Mapping[str, Mapping[str, Any]]
    familiar: tuple[Key, ...]
    acquainted: tuple[Acquaintance, ...]
    models: tuple[Path, ...]
    neighbours: int

    def __bool__(self) -> bool:
        found = (self.sessions, self.alike, self.verdicts, self.lines, self.rewritten, self.positions, self.models)
        return any(found) or any(self.counts.values()) or bool(self.familiar or self.acquainted)


def find(state: State, models: ModelStore, person: Person) -> Footprint:
    """Look for a person in everything that is stored."""
    stored = state.sessions(with_checkpoints=False)
    sessions = _sessions_of(state, stored, person)
    others = [one for one in stored if one.session_id not in sessions]
    queued = state.queued_announcements()
    lines = {number for number, line in queued.items() if _is_about(line, sessions, person)}
    known = state.counters()
    familiar, acquainted = without_people(state.familiar(), {label_value(name) for name in person.names})
    return Footprint(
        sessions=sessions,
        rows=state.count_rows(sessions),
        alike=tuple([one.session_id for one in others if _likely_user(one) in person.names]),
        verdicts=dict(_reworded(state, sessions, person)),
        lines=tuple(lines),
        rewritten=dict(_without_name({n: one for n, one in queued.items() if n not in lines}, person)),
        counts={
            metric: [values for values in known.get(metric, ()) if values[labels.index("user_id")] in person.names]
            for metric, labels in BY_USER.items()
        },
        positions=dict(_without_paths(state.positions(), person)),
        familiar=tuple(familiar),
        acquainted=tuple(acquainted.values()),
        models=models.files() if sessions else _taught_by(models.files(), person),
        neighbours=sum(bool(one.verdict and person.is_in(one.verdict.project or "")) for one in others),
    )


def erase(state: State, found: Footprint) -> None:
    """Remove what was found; afterwards nothing of it can be read in the files any more.

    Safe to repeat: what an interruption left is found again.
    """
    alike = [_without_likeness(session) for one in found.alike if (session := state.session(one)) is not None]
    with state.begin() as transaction:
        transaction.delete_sessions(found.sessions)
        transaction.put_sessions(alike)
        for session_id, verdict in found.verdicts.items():
            transaction.put_human_verdict(session_id, verdict)
        transaction.remove_announcements(found.lines)
        transaction.rewrite_announcements(found.rewritten)
        for metric, labels in found.counts.items():
            transaction.remove_counts(metric, labels)
        for source, position in found.positions.items():
            transaction.set_position(source, position)
        transaction.remove_familiar(found.familiar)
        transaction.put_familiar(found.acquainted)
        if found.models:
            transaction.forget_models()
    _remove(found.models)
    state.compact()


def _taught_by(files: tuple[Path, ...], person: Person) -> tuple[Path, ...]:
    """All model files where one of them holds a name; none is unpickled for that."""
    wanted = [name.encode(encoding, "replace") for name in person.names for encoding in ("utf-8", "utf-32-le")]
    return files if any(one in path.read_bytes() for path in files for one in wanted) else ()


def _remove(files: Iterable[Path]) -> None:
    for path in files:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise ModelStoreError(f"{path} cannot be removed ({error.strerror}): remove it by hand") from error


def _sessions_of(state: State, stored: Iterable[StoredSession], person: Person) -> frozenset[str]:
    """Sessions that the person ran, or that have an event of theirs."""
    found = {one.session_id for one in stored if one.verdict is not None and one.verdict.user_id in person.names}
    remaining = iter([one.session_id for one in stored if one.has_events and one.session_id not in found])
    while some := list(islice(remaining, _SESSIONS_A_TIME)):
        table = state.events(some)
        codes = table.codes("session_id")[table.is_one_of("user_id", person.names)]
        names = table.categories("session_id")
        found.update(names[code] for code in np.unique(codes))
    return frozenset(found)


def _likely_user(session: StoredSession) -> str | None:
    fingerprint = session.verdict.fingerprint if session.verdict else None
    return fingerprint.likely_user if fingerprint else None


def _without_likeness(session: StoredSession) -> StoredSession:
    verdict = session.verdict
    assert verdict is not None and verdict.fingerprint is not None  # noqa: PT018 - one condition of the caller
    fingerprint = replace(verdict.fingerprint, likely_user=None, user_probability=None)
    return replace(session, verdict=replace(verdict, fingerprint=fingerprint))


def _reworded(state: State, sessions: frozenset[str], person: Person) -> Iterator[tuple[str, HumanVerdict]]:
    """Verdicts on other people's sessions, without the name of whoever gave them and in their notes."""
    for session_id, said in state.human_verdicts().items():
        by = None if said.by is not None and person.is_in(said.by) else said.by
        changed = replace(said, by=by, note=person.taken_out(said.note))
        if session_id not in sessions and changed != said:
            yield session_id, changed


def _is_about(line: Announcement, sessions: frozenset[str], person: Person) -> bool:
    return line.metadata.get("session_id") in sessions or line.metadata.get("user_id") in person.names


def _without_name(lines: Mapping[int, Announcement], person: Person) -> Iterator[tuple[int, str]]:
    """Lines about others whose likely user the person is."""
    for number, line in lines.items():
        told = orjson.loads(line.line)
        fingerprint = told.get("fingerprint") or {}
        if fingerprint.get("likely_user") in person.names:
            told["fingerprint"] = {**fingerprint, "likely_user": None, "user_probability": None}
            yield number, orjson.dumps(told).decode()


def _without_paths(positions: Mapping[str, dict[str, Any]], person: Person) -> Iterator[tuple[str, dict[str, Any]]]:
    """Positions in local files without the paths that bear the name: a file is known by its inode and beginning."""
    for source, position in positions.items():
        files = [{**entry, "path": ""} if person.is_in(entry["path"]) else entry for entry in position.get("files", ())]
        if files != position.get("files", []):
            yield source, {**position, "files": files}


def _word(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![^\W_]){re.escape(name)}(?![^\W_])", re.IGNORECASE)
