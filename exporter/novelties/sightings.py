"""What a batch of new events shows: users, agents, versions and tools that its sessions had not shown before."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from analytics.events import EventTable, objects
from analytics.familiarity import AGENT, AGENT_VERSION, TOOL, USER, Key, Sighting
from exporter.label_values import label_value

_USED = ("tool_call", "tool_result")
_COLUMNS = ("session_id", "agent", "agent_version", "user_id", "tool_name")


def sightings_of(fresh: EventTable, stored: EventTable) -> list[Sighting]:
    """The first time that each session shows a thing, in no order.

    Args:
        fresh: the new events.
        stored: the earlier ones of the sessions they belong to, so that it comes to the same wherever batches end.
    """
    known = {(one.session_id, one.kind, one.name) for one in _shown(stored)}
    found: dict[tuple[str, Key], Sighting] = {}
    for one in _shown(fresh):
        if (one.session_id, one.kind, one.name) not in known:
            found.setdefault((one.session_id, (one.kind, one.name)), one)
    return list(found.values())


def _shown(table: EventTable) -> Iterator[Sighting]:
    """What the events show, in order of time, each combination of names once."""
    if not len(table):
        return
    tools = np.where(table.is_one_of("event", _USED), table.codes("tool_name"), -1)
    codes = {name: table.codes(name) for name in _COLUMNS} | {"tool_name": tools}
    order = np.argsort(table.values("time_ns"), kind="stable")
    first = pd.DataFrame({name: values[order] for name, values in codes.items()}).drop_duplicates()
    times = table.values("time_ns")[order][first.index.to_numpy()].tolist()
    columns = [_names(table, name, first[name].to_numpy()) for name in _COLUMNS]
    for time_ns, session_id, agent, version, user, tool in zip(times, *columns, strict=True):
        whose = (session_id, time_ns, user, version)
        yield Sighting(USER, (user,), *whose)
        yield Sighting(AGENT, (agent,), *whose)
        yield Sighting(AGENT_VERSION, (agent, version), *whose)
        if tool:
            yield Sighting(TOOL, (agent, tool), *whose)


def _names(table: EventTable, name: str, codes: np.ndarray) -> list[str]:
    """The names behind codes, fit to be shown, "" where missing; sessions keep their ids as they are."""
    categories = table.categories(name)
    shown = categories if name == "session_id" else [label_value(one) for one in categories]
    return objects([*shown, ""])[codes].tolist()
