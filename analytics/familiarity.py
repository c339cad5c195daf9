"""Familiarity: which users, agents, agent versions and tools are known, since when, and from how many sessions.

Something that is seen for the first time is an event of its own. What the first history holds is known from the
start: nothing is new before ``since_ns``, the moment at which that history had been read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

USER: Final = "user"
AGENT: Final = "agent"
AGENT_VERSION: Final = "agent_version"
TOOL: Final = "tool"
KINDS: Final = (USER, AGENT, AGENT_VERSION, TOOL)
"""What can be new. Names: (user,), (agent,), (agent, version), (agent, tool); "" stands for what is unknown."""
MOST_KNOWN: Final = 5_000
"""Names kept of a kind: bounds what a hostile client can make the state hold. Further ones are counted, not told."""

Name = tuple[str, ...]
Key = tuple[str, Name]


@dataclass(frozen=True, slots=True)
class Sighting:
    """The first time that a session shows a thing: which, when (nanoseconds since the epoch), and whose it is."""

    kind: str
    name: Name
    session_id: str
    time_ns: int
    user: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class Arrival:
    """What a tool came into: the counts that say whether an agent has been re-tooled.

    Attributes:
        agent_before: sessions of its agent that were known before.
        version: of the agent in the session that showed it first.
        version_before: sessions of that version that were known before.
        version_sessions: sessions of that version that have used the tool.
    """

    agent_before: int
    version: str
    version_before: int
    version_sessions: int = 0


@dataclass(frozen=True, slots=True)
class Acquaintance:
    """One known thing.

    Attributes:
        kind: one of ``KINDS``.
        name: as the kind has it.
        first_ns: when it was seen first, nanoseconds since the epoch.
        last_ns: when a session showed it for the first time last.
        sessions: in which it was seen.
        user: whose those sessions are while they are one person's; "" otherwise.
        is_shared: whether they are more than one person's.
        arrival: of a tool.
    """

    kind: str
    name: Name
    first_ns: int
    last_ns: int
    sessions: int = 1
    user: str = ""
    is_shared: bool = False
    arrival: Arrival | None = None

    @property
    def key(self) -> Key:
        """Kind and name."""
        return self.kind, self.name

    def seen_in(self, sighting: Sighting) -> Acquaintance:
        """The same after one more session."""
        is_shared = self.is_shared or bool(self.user and sighting.user and sighting.user != self.user)
        arrival = self.arrival
        if arrival is not None and arrival.version == sighting.version:
            arrival = replace(arrival, version_sessions=arrival.version_sessions + 1)
        return replace(
            self,
            first_ns=min(self.first_ns, sighting.time_ns),
            last_ns=max(self.last_ns, sighting.time_ns),
            sessions=self.sessions + 1,
            user="" if is_shared else self.user or sighting.user,
            is_shared=is_shared,
            arrival=arrival,
        )


@dataclass
class Meeting:
    """What some sightings change.

    Attributes:
        changed: the things they show, as they are afterwards.
        novelties: the sightings of what nobody had seen before, in order of time.
        added: how many of those were not known, by kind.
        crowded_out: sightings, by kind, of things that are not kept because ``MOST_KNOWN`` are.
    """

    changed: dict[Key, Acquaintance] = field(default_factory=dict)
    added: Counter[str] = field(default_factory=Counter)
    novelties: list[Sighting] = field(default_factory=list)
    crowded_out: Counter[str] = field(default_factory=Counter)


class Familiarity:
    """Everything that is known.

    Args:
        known: what was stored.
        since_ns: when the first history had been read, nanoseconds since the epoch; None while it has not.
    """

    def __init__(self, known: Iterable[Acquaintance] = (), since_ns: int | None = None) -> None:
        self._known = {one.key: one for one in known}
        self._sizes = Counter(kind for kind, _ in self._known)
        self.since_ns = since_ns

    def __len__(self) -> int:
        return len(self._known)

    def get(self, kind: str, name: Name) -> Acquaintance | None:
        """One thing, None where it is not known."""
        return self._known.get((kind, name))

    def of_kind(self, kind: str) -> Iterator[Acquaintance]:
        """The known things of a kind."""
        return (one for one in list(self._known.values()) if one.kind == kind)

    def meet(self, sightings: Iterable[Sighting]) -> Meeting:
        """What sightings change; nothing does before ``adopt``. A session counts once for each thing it shows."""
        meeting = Meeting()
        for sighting in sorted(sightings, key=_in_time):
            key = sighting.kind, sighting.name
            known = meeting.changed.get(key) or self._known.get(key)
            if known is not None:
                meeting.changed[key] = known.seen_in(sighting)
            elif self._sizes[sighting.kind] + meeting.added[sighting.kind] >= MOST_KNOWN:
                meeting.crowded_out[sighting.kind] += 1
            else:
                meeting.changed[key] = self._first(sighting, meeting.changed)
                meeting.added[sighting.kind] += 1
                if self.since_ns is not None and sighting.time_ns >= self.since_ns and sighting.name[-1]:
                    meeting.novelties.append(sighting)
        return meeting

    def adopt(self, meeting: Meeting) -> None:
        """Take what sightings change as known."""
        self._sizes.update(meeting.added)
        self._known |= meeting.changed

    def forget(self, keys: Collection[Key], changed: Mapping[Key, Acquaintance]) -> None:
        """Know some things no more, and others as they are now."""
        for key in keys:
            if self._known.pop(key, None) is not None:
                self._sizes[key[0]] -= 1
        self._known |= changed

    def _first(self, sighting: Sighting, changed: Mapping[Key, Acquaintance]) -> Acquaintance:
        """A thing seen for the first time."""
        user = "" if sighting.kind == USER else sighting.user
        return Acquaintance(
            sighting.kind,
            sighting.name,
            sighting.time_ns,
            sighting.time_ns,
            user=user,
            arrival=self._arrival(sighting, changed) if sighting.kind == TOOL else None,
        )

    def _arrival(self, sighting: Sighting, changed: Mapping[Key, Acquaintance]) -> Arrival:
        agent = sighting.name[0]

        def before(key: Key) -> int:
            known = changed.get(key) or self._known.get(key)
            return 0 if known is None else known.sessions - 1  # the session that shows the tool is one of them

        version_key = (AGENT_VERSION, (agent, sighting.version))
        return Arrival(before((AGENT, (agent,))), sighting.version, before(version_key), 1)


def _in_time(sighting: Sighting) -> tuple[int, int, Name, str]:
    """A session's agent and version come before its tools, which are counted by them."""
    return sighting.time_ns, KINDS.index(sighting.kind), sighting.name, sighting.session_id


def unseen_since(known: Iterable[Acquaintance], before_ns: int) -> set[Key]:
    """What no session has shown since a time."""
    return {one.key for one in known if one.last_ns < before_ns}


def without_people(known: Iterable[Acquaintance], users: Collection[str]) -> tuple[set[Key], dict[Key, Acquaintance]]:
    """What is to be removed, and what changed, so that nothing names some users any more."""
    removed, changed = set(), {}
    for one in known:
        if one.kind == USER and one.name[0] in users:
            removed.add(one.key)
        elif one.user and one.user in users:
            changed[one.key] = replace(one, user="")
    return removed, changed
