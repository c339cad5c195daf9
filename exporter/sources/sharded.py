"""What is another shard's is left out: after decoding, because only then it is known which session an event is of.

What cannot be used belongs to no session, and is counted by the first shard; the others would count it once more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from analytics.events import EventTable
from analytics.intake import Intake
from exporter.decoders.decoder import RawRecord
from exporter.shards import KEYS, OTHER, Shard, key_of
from exporter.sources.source import Batch, Position, Source, SourceError

Decode = Callable[[Sequence[RawRecord]], Intake]
Keys = frozenset[str]


def events_of(table: EventTable, keys: Keys) -> EventTable:
    """The events whose session has one of the keys."""
    chosen = np.array([key_of(name) in keys for name in table.categories("session_id")] + [False])
    return table.take(chosen[table.codes("session_id")])


class ShardDecoding:
    """Decodes what Loki sent to one shard.

    Args:
        decode: turns records into events.
        shard: whose they are.
    """

    def __init__(self, decode: Decode, shard: Shard) -> None:
        self._decode = decode
        self._shard = shard

    def __call__(self, records: Sequence[RawRecord]) -> Intake:
        """The shard's events of the records, and what it has to count of the others."""
        lines = [record for record in records if _is_json_line(record)]
        sent_to_all = self._decode(lines)
        own = self._decode([record for record in records if not _is_json_line(record)])
        table = events_of(EventTable.concat([own.table, sent_to_all.table]), self._shard.keys)
        dropped = Counter(own.dropped)
        if self._shard.is_first:
            dropped.update(sent_to_all.dropped)
        return Intake(table, dropped)


def _is_json_line(record: RawRecord) -> bool:
    """Whether Loki sends the record to every shard; only records of JSON lines have labels beside their fields."""
    return bool(record.labels) or record.line.startswith("{")


class ShardedSource:
    """Another source's events as far as they are a shard's; a ``Source``.

    The position is ``{"parts": [{"keys": …, "position": …}]}``: where each key's sessions have been read to. When the
    shard changes, keys that it had before are read on, and keys that come to it are read from the beginning, or from
    where it left them; so each event is read once also from a source that cannot tell one that it read before. While
    there is one part with all keys, the position is the other source's own.

    Args:
        source: reads everything.
        shard: what is kept.
    """

    def __init__(self, source: Source, shard: Shard) -> None:
        self._source = source
        self._shard = shard

    @property
    def name(self) -> str:
        """Key of the position in the state: the other source's."""
        return self._source.name

    @property
    def problems(self) -> tuple[str, ...]:
        """The other source's."""
        return self._source.problems

    def close(self) -> None:
        """Let go of the other source's connections."""
        self._source.close()

    def read(self, position: Position, now_ns: int) -> Iterator[Batch]:
        """Yield the shard's events since ``position``.

        Raises:
            SourceError: the other source cannot be read, or the position is none of this one's.
        """
        parts = [half for part in _parts_of(position) for half in part.split(self._shard.keys)]
        mine = [part for part in parts if part.keys <= self._shard.keys]
        for number, part in enumerate(mine):
            for batch in self._source.read(part.position, now_ns):
                part.position = batch.position
                yield replace(
                    batch,
                    table=batch.table if part.keys == KEYS else events_of(batch.table, part.keys),
                    position=_joined(parts),
                    dropped=batch.dropped if OTHER in part.keys else Counter(),
                    progress=(number + batch.progress) / len(mine),
                )


@dataclass(slots=True)
class _Part:
    """Some keys, and how far their sessions have been read."""

    keys: Keys
    position: Position

    def split(self, keys: Keys) -> Iterator[_Part]:
        """The part within some keys and the part outside, where there is one."""
        for half in (self.keys & keys, self.keys - keys):
            if half:
                yield _Part(half, self.position)


def _parts_of(position: Position) -> list[_Part]:
    """The parts of a stored position; that of an unshared source covers all keys."""
    if "parts" not in position:
        return [_Part(KEYS, position)]
    try:
        parts = [_Part(frozenset(part["keys"]), dict(part["position"])) for part in position["parts"]]
        covered = sorted(key for part in parts for key in part.keys)
    except (TypeError, KeyError, ValueError):
        covered = []
    if covered != sorted(KEYS):
        raise SourceError("state: the position of a sharded source cannot be read; delete it to read everything again")
    return parts


def _joined(parts: Sequence[_Part]) -> Position:
    """The position to store; parts that stand at one place become one again."""
    joined: list[_Part] = []
    for part in parts:
        same = next((one for one in joined if one.position == part.position), None)
        if same is None:
            joined.append(_Part(part.keys, part.position))
        else:
            same.keys |= part.keys
    if len(joined) == 1:
        return joined[0].position
    return {"parts": [_part_json(part) for part in joined]}


def _part_json(part: _Part) -> dict[str, Any]:
    return {"keys": "".join(sorted(part.keys)), "position": part.position}
