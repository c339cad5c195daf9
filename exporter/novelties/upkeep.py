"""How what is known begins, and how it is forgotten."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Final

from analytics.events import EventTable
from analytics.familiarity import AGENT, KINDS, USER, Familiarity, Sighting, unseen_since, without_people
from analytics.verdicts import SessionVerdict
from exporter.label_values import label_value
from exporter.novelties.sightings import sightings_of
from exporter.world import World

logger = logging.getLogger(__name__)

_BLOCK: Final = 500
"""Sessions whose events are read at once."""


def restore_familiarity(world: World) -> None:
    """Load what is known; a state of a version that did not know it is read for it, as far as it goes back."""
    world.familiarity = Familiarity(world.state.familiar(), world.state.familiar_since_ns())
    if world.familiarity.since_ns is None and not len(world.familiarity):
        for sightings in _kept(world):
            meeting = world.familiarity.meet(sightings)
            with world.state.begin() as transaction:
                transaction.put_familiar(meeting.changed.values())
            world.familiarity.adopt(meeting)


def _kept(world: World) -> Iterator[list[Sighting]]:
    """What the sessions in the state show: those with events all, the others whose they are."""
    holding = sorted(world.holding)
    for first in range(0, len(holding), _BLOCK):
        yield sightings_of(world.state.events(holding[first : first + _BLOCK]), EventTable.empty())
    ended = [one for session_id, one in world.verdicts.items() if session_id not in world.holding]
    yield [sighting for one in ended for sighting in _whose(one)]


def _whose(verdict: SessionVerdict) -> Iterator[Sighting]:
    user, agent = label_value(verdict.user_id), label_value(verdict.agent)
    yield Sighting(USER, (user,), verdict.session_id, verdict.started_ns, user)
    yield Sighting(AGENT, (agent,), verdict.session_id, verdict.started_ns, user)


def begin_novelties(world: World, now_ns: int) -> None:
    """From now on things can be new: every source has been read to its end, and something is known."""
    if world.familiarity.since_ns is not None or not len(world.familiarity):
        return
    with world.state.begin() as transaction:
        transaction.set_familiar_since(now_ns)
    world.familiarity.since_ns = now_ns
    counts = {kind: sum(1 for _ in world.familiarity.of_kind(kind)) for kind in KINDS}
    logger.info("known from the first history; what comes from now on is told as new", extra=counts)


def forget_unseen(world: World, now_ns: int) -> None:
    """Know no more what no session has shown for the retention, and nobody's name who is not known any more."""
    known = [one for kind in KINDS for one in world.familiarity.of_kind(kind)]
    keys = unseen_since(known, now_ns - world.settings.retention_ns)
    if not keys:
        return
    people = {name[0] for kind, name in keys if kind == USER}
    _, changed = without_people([one for one in known if one.key not in keys], people)
    with world.state.begin() as transaction:
        transaction.remove_familiar(keys)
        transaction.put_familiar(changed.values())
    world.familiarity.forget(keys, changed)
