"""A simulated team over some weeks: who works when, which sessions go wrong, and all their records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from analytics.simulation.agents import checked_mix
from analytics.simulation.dice import Dice
from analytics.simulation.errors import SettingsError
from analytics.simulation.misbehaviours import MISBEHAVIOURS, STRENGTHS, inject
from analytics.simulation.people import Person, cumulative, make_team
from analytics.simulation.recorder import Record
from analytics.simulation.session import Family, SessionPlan, write_family
from analytics.simulation.stamps import DAY, HOUR, MINUTE, milliseconds_of, stamp

_RECENT: Final = 3 * DAY
_SPREAD: Final = 30 * MINUTE
"""Sessions that would outlast the end finish within this long before it, not all at the same instant."""
_DELEGATING: Final = 0.22
"""Share of sessions that start sub-agents, where the agent can."""


@dataclass(frozen=True, slots=True)
class SimulationSettings:
    """What to simulate.

    Attributes:
        end_ns: the newest time any record may have, nanoseconds since the epoch.
        sessions: number of sessions, those of sub-agents included.
        days: days before ``end_ns`` within which sessions start (a session may begin earlier by its own length).
        users: number of people.
        anomalous_ratio: share of the sessions that misbehave, 0 … 1; sub-agents' own sessions never do.
        details: whether records carry arguments and prompts; sizes are the same either way.
        agents: weight of each agent product.
        kinds: kinds of misbehaviour, None for all.
        strength: ``mild``, ``strong`` or ``mixed``.
        recent_anomalies: whether all misbehaving sessions lie in the last three days.
    """

    end_ns: int
    sessions: int = 300
    days: float = 30.0
    users: int = 8
    anomalous_ratio: float = 0.05
    details: bool = True
    agents: Mapping[str, float] = field(default_factory=lambda: {"claude-code": 0.7, "codex": 0.2, "gemini-cli": 0.1})
    kinds: tuple[str, ...] | None = None
    strength: str = "mixed"
    recent_anomalies: bool = False

    def __post_init__(self) -> None:
        """Raises ``SettingsError`` for the first setting out of its range."""
        checked_mix(self.agents)
        checks = (
            (self.sessions >= 0, "sessions must be 0 or more"),
            (0 < self.days <= 3650, "days must be more than 0 and at most 3650"),
            (self.users >= 1, "users must be 1 or more"),
            (0 <= self.anomalous_ratio <= 1, "anomalous_ratio must lie in 0 … 1"),
            (self.strength in (*STRENGTHS, "mixed"), "strength must be mild, strong or mixed"),
            (self.end_ns // 1_000_000 >= (self.days + 400) * DAY, "end_ns must be a time after 1980, in nanoseconds"),
            (self.kinds is None or len(self.kinds) > 0, "kinds must be None or name at least one kind"),
            (set(self.kinds or ()) <= set(MISBEHAVIOURS), f"kinds must be among {', '.join(MISBEHAVIOURS)}"),
        )
        for is_good, message in checks:
            if not is_good:
                raise SettingsError(message)


@dataclass(frozen=True, slots=True)
class SimulatedSession:
    """One session and the truth: ``label``, ``onset_sequence`` and ``strength`` are None when it is healthy."""

    session_id: str
    user_id: str
    label: str | None
    onset_sequence: int | None
    strength: str | None
    records: list[Record]


@dataclass(frozen=True, slots=True)
class _Booking:
    """A planned family of sessions, the seeds of its own randomness, and what is to go wrong with it."""

    plan: SessionPlan
    seed: int
    kind: str | None = None
    strength: str = "mild"


def simulate_team(settings: SimulationSettings, rng: np.random.Generator) -> Iterator[SimulatedSession]:
    """Sessions of a team in order of their planned starts, exactly ``settings.sessions`` of them.

    A session's records depend on its own seed only: with another ``anomalous_ratio`` the healthy sessions stay
    the same, unless ``recent_anomalies`` moves them.
    """
    planning, choosing = (np.random.default_rng(int(rng.integers(2**62))) for _ in range(2))
    dice = Dice(planning)
    team = make_team(settings.users, *checked_mix(settings.agents), dice)
    bookings = _with_misbehaviour(_bookings(settings, team, dice), settings, Dice(choosing))
    for booking in bookings:
        yield from _sessions(booking, team, settings)


def _bookings(settings: SimulationSettings, team: Sequence[Person], dice: Dice) -> list[_Booking]:
    """Plans for as many sessions as asked for, sub-agents' included, by start."""
    shares = cumulative([person.share for person in team])
    bookings, left = [], settings.sessions
    while left > 0:
        person = dice.pick_from(team, shares)
        agent = dice.pick_from(person.agents, person.agent_weights)
        delegates = dice.chance(_DELEGATING) and agent.delegates
        helpers = min(left - 1, 1 + int(dice.lognormal(1.4, 0.8))) if delegates else 0
        plan = SessionPlan(
            session_id=dice.uuid(),
            person=person,
            agent=agent,
            project=dice.pick_from(person.projects, _FAVOURITES[: len(person.projects)]),
            start_ms=_start(person, settings, settings.days, dice),
            details=settings.details,
            children=tuple(dice.uuid() for _ in range(helpers)),
        )
        bookings.append(_Booking(plan, int(dice.uniform() * 2**52)))
        left -= 1 + helpers
    return sorted(bookings, key=lambda booking: booking.plan.start_ms)


_FAVOURITES: Final = (0.6, 0.85, 1.0)
"""Cumulative shares of a person's projects."""


def _start(person: Person, settings: SimulationSettings, days: float, dice: Dice) -> int:
    """When a session starts: a day with enough to do, an hour within the person's own."""
    end = settings.end_ns // 1_000_000
    first = end - int(days * DAY)
    for _ in range(64):
        midnight = (end - dice.below(int(days) + 1) * DAY) // DAY * DAY
        weekday = (midnight // DAY + 3) % 7
        if weekday >= 5 and not dice.chance(person.weekend):
            continue
        length = person.day_end - person.day_start
        late = 4 * dice.uniform() if dice.chance(0.06) else 0.0
        hour = person.day_start + length * dice.uniform() + late - person.offset
        start = midnight + int(hour * HOUR)
        if first <= start < end:
            return start
    return first + dice.below(int(days * DAY))


def _with_misbehaviour(bookings: list[_Booking], settings: SimulationSettings, dice: Dice) -> list[_Booking]:
    """The bookings, some of them now marked to go wrong; kinds take turns so that all of them occur."""
    wanted = min(len(bookings), round(settings.sessions * settings.anomalous_ratio))
    chosen = _chosen(bookings, wanted, settings, dice)
    kinds = settings.kinds or tuple(MISBEHAVIOURS)
    order = dice.sample(kinds, len(kinds))
    marked = list(bookings)
    for number, place in enumerate(chosen):
        booking = bookings[place]
        plan = booking.plan
        if settings.recent_anomalies:
            plan = _moved(plan, settings, dice)
        strength = dice.pick(STRENGTHS) if settings.strength == "mixed" else settings.strength
        marked[place] = _Booking(plan, booking.seed, order[number % len(order)], strength)
    return sorted(marked, key=lambda booking: booking.plan.start_ms)


def _chosen(bookings: Sequence[_Booking], wanted: int, settings: SimulationSettings, dice: Dice) -> list[int]:
    """Places of the sessions that go wrong; recent ones first where that is asked for."""
    places = range(len(bookings))
    if not settings.recent_anomalies:
        return dice.sample(places, wanted)
    since = settings.end_ns // 1_000_000 - _RECENT
    recent = [place for place in places if bookings[place].plan.start_ms >= since]
    # At most half of what is recent: a last week in which all goes wrong would be no healthy team.
    chosen = dice.sample(recent, min(wanted, len(recent) // 2))
    older = [place for place in places if bookings[place].plan.start_ms < since] or recent
    return chosen + dice.sample([place for place in older if place not in chosen], wanted - len(chosen))


def _moved(plan: SessionPlan, settings: SimulationSettings, dice: Dice) -> SessionPlan:
    """A plan whose start lies in the last three days."""
    if plan.start_ms >= settings.end_ns // 1_000_000 - _RECENT:
        return plan
    days = min(_RECENT / DAY, settings.days)
    return SessionPlan(
        plan.session_id, plan.person, plan.agent, plan.project, _start(plan.person, settings, days, dice),
        plan.details, plan.children,
    )  # fmt: skip


def _sessions(booking: _Booking, team: Sequence[Person], settings: SimulationSettings) -> Iterator[SimulatedSession]:
    """A family's sessions, with what goes wrong in the first, none of them after the end."""
    plan = booking.plan
    family = write_family(plan, Dice(np.random.default_rng(booking.seed)))
    onset: int | None = None
    if booking.kind is not None:
        family, onset = _gone_wrong(family, booking, team)
    family = _ended(family, settings.end_ns // 1_000_000, booking.seed % _SPREAD)
    for position, (session_id, records) in enumerate(family):
        is_bad = position == 0 and booking.kind is not None
        yield SimulatedSession(
            session_id=session_id,
            user_id=plan.person.user_id,
            label=booking.kind if is_bad else None,
            onset_sequence=onset if is_bad else None,
            strength=booking.strength if is_bad else None,
            records=records,
        )


def _gone_wrong(family: Family, booking: _Booking, team: Sequence[Person]) -> tuple[Family, int]:
    """The family with misbehaviour in the parent; sub-agents move with the calls that started them."""
    rng = np.random.default_rng((booking.seed, 1))
    (session_id, before), *children = family
    donor = _donor(booking, team, rng)
    injection = inject(before, booking.kind or "", booking.strength, rng, donor)
    old, new = _starts(before), _starts(injection.records)
    moved = [(child, _shifted(records, new.get(child, old[child]) - old[child])) for child, records in children]
    return [(session_id, injection.records), *moved], injection.onset_sequence


def _donor(booking: _Booking, team: Sequence[Person], rng: np.random.Generator) -> list[Record] | None:
    """A session of the next colleague with the same agent, for a session that behaves as someone else's."""
    others = [person for person in team if person.user_id != booking.plan.person.user_id]
    if booking.kind != "wrong_user" or not others:
        return None
    dice = Dice(rng)
    person, plan = dice.pick(others), booking.plan
    stranger = SessionPlan(plan.session_id, person, plan.agent, dice.pick(person.projects), plan.start_ms, plan.details)
    drafts = [write_family(stranger, dice)[0][1] for _ in range(3)]
    return max(drafts, key=len)


def _starts(records: Sequence[Record]) -> dict[str, int]:
    """When each sub-agent was started, by its session id, in milliseconds."""
    return {
        record["child_session_id"]: milliseconds_of(record["timestamp"])
        for record in records
        if record["event"] == "subagent_start"
    }


def _ended(family: Family, end_ms: int, spare_ms: int) -> Family:
    """The family; one that would outlast the end is moved back, until it ends that much before it."""
    last = max(milliseconds_of(records[-1]["timestamp"]) for _, records in family)
    if last <= end_ms:
        return family
    return [(session_id, _shifted(records, end_ms - spare_ms - last)) for session_id, records in family]


def _shifted(records: list[Record], milliseconds: int) -> list[Record]:
    if milliseconds == 0:
        return records
    return [{**record, "timestamp": stamp(milliseconds_of(record["timestamp"]) + milliseconds)} for record in records]
