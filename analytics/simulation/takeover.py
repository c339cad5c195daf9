"""Misbehaviour in which someone else steers: a hijacking web page, a stranger at the keyboard."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from analytics.simulation.agents import profile_of
from analytics.simulation.deeds import Deed
from analytics.simulation.dice import Dice
from analytics.simulation.people import make_team
from analytics.simulation.prices import Tokens, cost_usd
from analytics.simulation.recorder import NO_DETAILS, REDUCED, Record
from analytics.simulation.reduction import reduced
from analytics.simulation.scene import Scene
from analytics.simulation.session import SessionPlan, write_family
from analytics.simulation.stamps import HOUR, milliseconds_of

_PAGE: Final = Deed("web", "https://{host}/guides/{word}-{n}")
_OWN_FIELDS: Final = frozenset(
    ("timestamp", "sequence", "event", "session_id", "user_id", "team", "parent_session_id", "child_session_id")
)
_PRODUCT: Final = ("agent", "agent_version", "model")
_LEAST_RECORDS: Final = 40
"""A stranger's session shorter than this shows too little of the stranger."""


def hijacked_tool_use(scene: Scene) -> None:
    """Reads a web page and from then on follows its orders instead of the user's."""
    scene.perform(_PAGE)
    scene.perform_some(scene.dose.deeds, scene.acts())


def wrong_user(scene: Scene) -> None:
    """Another user's behaviour under this user's id: in large doses from the start, elsewhere and at odd hours."""
    recorder, dice = scene.recorder, scene.dice
    donor = scene.donor or _stranger(scene)
    if scene.dose.from_start:
        recorder.now_ms -= dice.between(7 * HOUR, 11 * HOUR)
    begun, origin = recorder.now_ms, milliseconds_of(donor[0]["timestamp"])
    base = recorder.manner.base
    foreign = set(_PRODUCT) if donor[0].get("agent") != base.get("agent") else set()
    if scene.dose.from_start:
        foreign |= {"model", "project"}
    for record in donor:
        if record["event"] == "session_start" and not scene.dose.from_start:
            continue
        recorder.now_ms = max(recorder.now_ms, begun + milliseconds_of(record["timestamp"]) - origin)
        recorder.emit(record["event"], **_borrowed(record, foreign, scene))


def _borrowed(record: Record, foreign: set[str], scene: Scene) -> Record:
    """What a donor's record keeps under the victim's name: its own fields, and the base fields named foreign."""
    base, details = scene.recorder.manner.base, scene.recorder.manner.details
    kept = {
        name: value
        for name, value in record.items()
        if name not in _OWN_FIELDS and (name in foreign or name not in base)
    }
    if "project" not in foreign:
        kept.pop("project", None)
    if "cost_usd" in kept and "model" not in foreign:
        kept["cost_usd"] = cost_usd(base.get("model"), _tokens(kept)) or kept["cost_usd"]
    given = kept.get("tool_input")
    if details == NO_DETAILS:
        kept.pop("tool_input", None)
        kept.pop("prompt", None)
    elif isinstance(given, dict):
        own = given if "project" in foreign else _moved(given, record.get("project"), base.get("project"))
        is_full = details == REDUCED and "args_hash" not in own
        kept["tool_input"] = reduced(record.get("tool_name", ""), own, base.get("project")) if is_full else own
    return kept


def _tokens(record: Record) -> Tokens:
    return Tokens(
        input=record.get("input_tokens", 0),
        output=record.get("output_tokens", 0),
        cache_read=record.get("cache_read_tokens", 0),
        cache_creation=record.get("cache_creation_tokens"),
    )


def _moved(tool_input: Record, source: object, target: object) -> Record:
    """Arguments with the donor's project folder replaced by the victim's."""
    if not (isinstance(source, str) and isinstance(target, str) and source.startswith("/") and target.startswith("/")):
        return tool_input
    return {
        name: value.replace(source, target) if isinstance(value, str) else value for name, value in tool_input.items()
    }


def _stranger(scene: Scene) -> Sequence[Record]:
    """A session of a person nobody knows, with the victim's agent."""
    dice = Dice(np.random.default_rng(scene.dice.below(2**48)))
    agent = profile_of(scene.recorder.manner.base.get("agent"))
    person = make_team(1, [agent], [1.0], dice)[0]
    details = scene.recorder.manner.details != NO_DETAILS
    plan = SessionPlan(dice.uuid(), person, agent, dice.pick(person.projects), scene.recorder.now_ms, details)
    best: Sequence[Record] = ()
    for _ in range(8):
        records = write_family(plan, dice)[0][1]
        best = max(best, records, key=len)
        if len(best) >= _LEAST_RECORDS:
            break
    return best
