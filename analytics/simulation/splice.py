"""Splices misbehaviour into a session's records: where, at what time, under which numbers."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from analytics.simulation.dice import Dice
from analytics.simulation.errors import UnusableSessionError
from analytics.simulation.recorder import Record, Recorder
from analytics.simulation.scene import Dose, Scene
from analytics.simulation.stamps import microseconds_of, restamped
from analytics.simulation.vocabulary import Vocabulary, context_of, manner_of, project_of, tempo_of

_OPENINGS: Final = frozenset(("tool_call", "assistant_message", "user_prompt", "session_end", "notification"))
"""Events that something new may be put in front of: nothing before them is unfinished."""
_WINDOW: Final = (0.2, 0.85)
"""Share of the session within which the splice lies, where the session is long enough to choose."""
_KEPT: Final = frozenset(
    ("timestamp", "session_id", "event", "sequence", "tool_name", "success", "error", "decision", "decision_source")
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Injection:
    """A session with misbehaviour: its records in time order and the sequence number of the first bad one."""

    records: list[Record]
    onset_sequence: int


@dataclass(frozen=True, slots=True)
class Ordered:
    """A session's records in time order, with their times in microseconds and strictly ascending numbers."""

    records: list[Record]
    times: list[int]
    numbers: list[int]


def splice(
    records: Sequence[Record], act: Callable[[Scene], None], dose: Dose, dice: Dice, donor: Sequence[Record]
) -> Injection:
    """The records with an act put into them; what comes later is moved in time and renumbered.

    An act that takes the session over (``dose.takes_over``) leaves nothing later.
    """
    session = ordered(records)
    position = 0 if dose.from_start else _position(session, dice)
    scene = _scene(session, position, dose, dice, donor)
    act(scene)
    written = _in_style(scene.recorder.records, session.records)
    onset = written[0]["sequence"]
    before = _renumbered(session.records[:position], session.numbers[:position])
    if dose.takes_over:
        return Injection(before + written, onset)
    delay = scene.recorder.now_ms * 1_000 - session.times[position - 1]
    after = []
    for record, time, number in zip(
        session.records[position:], session.times[position:], session.numbers[position:], strict=True
    ):
        moved = {**record, "timestamp": restamped(record["timestamp"], time + delay)}
        after.append({**moved, "sequence": number + len(written)})
    return Injection(before + written + after, onset)


def ordered(records: Sequence[Record]) -> Ordered:
    """Records by time, then sequence, then as given; renumbered from 0 unless their numbers already ascend.

    Raises:
        UnusableSessionError: there are none, or a record's time or event cannot be read.
    """
    if not records:
        raise UnusableSessionError("a session without records cannot misbehave; give it at least one")
    if not all(isinstance(record.get("event"), str) for record in records):
        raise UnusableSessionError("a record has no event; give native event lines")
    keyed = [(microseconds_of(record.get("timestamp")), _number(record), record) for record in records]
    keyed.sort(key=lambda entry: entry[:2])
    numbers = [number for _, number, _ in keyed]
    if numbers[0] < 0 or any(later <= earlier for earlier, later in itertools.pairwise(numbers)):
        numbers = list(range(len(keyed)))
    return Ordered([record for *_, record in keyed], [time for time, *_ in keyed], numbers)


def _number(record: Record) -> int:
    number: Any = record.get("sequence")
    return number if isinstance(number, int) and not isinstance(number, bool) and number < 2**52 else -1


def _renumbered(records: Sequence[Record], numbers: Sequence[int]) -> list[Record]:
    return [{**record, "sequence": number} for record, number in zip(records, numbers, strict=True)]


def _position(session: Ordered, dice: Dice) -> int:
    """Where to splice: between two records of which the first leaves no tool call open."""
    records = session.records
    last = len(records) - (records[-1]["event"] == "session_end")
    opened: set[str] = set()
    ends = {_tool_key(record): place for place, record in enumerate(records) if _is_end(record)}
    safe = []
    for place, record in enumerate(records):
        if 0 < place <= last and not opened and record["event"] in _OPENINGS:
            safe.append(place)
        key = _tool_key(record)
        if record["event"] == "tool_call" and ends.get(key, -1) > place:
            opened.add(key)
        elif _is_end(record):
            opened.discard(key)
    safe = safe or [max(last, 1)]
    prompted = next((place for place, record in enumerate(records) if record["event"] == "user_prompt"), 0)
    low, high = (share * len(records) for share in _WINDOW)
    inner = [place for place in safe if max(low, prompted + 1) <= place <= high]
    return dice.pick(inner or [place for place in safe if place > prompted] or safe)


def _is_end(record: Record) -> bool:
    return record["event"] in ("tool_result", "tool_decision")


def _tool_key(record: Record) -> str:
    """What pairs a call with its end: its id, else the tool's name."""
    return str(record.get("tool_use_id") or record.get("tool_name"))


def _scene(session: Ordered, position: int, dose: Dose, dice: Dice, donor: Sequence[Record]) -> Scene:
    records = session.records
    manner = manner_of(records, position)
    recorder = Recorder(
        manner,
        dice,
        now_ms=-(-session.times[max(position - 1, 0)] // 1_000),
        sequence=session.numbers[position - 1] + 1 if position else session.numbers[0],
        context=context_of(records[:position]),
    )
    return Scene(
        past=records[:position],
        recorder=recorder,
        vocabulary=Vocabulary(records, manner.base.get("agent")),
        project=project_of(records, manner.base),
        tempo_ms=tempo_of(records, session.times),
        dose=dose,
        donor=donor,
    )


def _in_style(written: Sequence[Record], own: Sequence[Record]) -> list[Record]:
    """New records without the fields that the session's own records of the same event never have."""
    fields_of: dict[str, set[str]] = {}
    for record in own:
        fields_of.setdefault(record["event"], set()).update(record)
    return [
        {
            name: value
            for name, value in record.items()
            if name in _KEPT or name in fields_of.get(record["event"], record)
        }
        for record in written
    ]
