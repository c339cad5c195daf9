"""Which sessions work in one domain: told by the tools that tasks have in common.

Labelled sets often mix domains (banking, travel …) without a column that says so. Groups of sessions and the tools
most of their sessions use form a graph; each of its connected parts is a domain. No label is looked at.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Final

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from analytics.sessions import SessionEvents

TYPICAL_SHARE: Final = 1 / 3
"""Share of a group's sessions that use a tool which is typical of it."""


def toolsets_of(sessions: SessionEvents, group_of: Mapping[str, str]) -> dict[str, str]:
    """The domain of each group, named after the tool most of its groups use; ``none`` without typical tools.

    Args:
        sessions: their events.
        group_of: the group of each session that counts, by session id.
    """
    typical = _typical_tools(sessions, group_of)
    groups, tools = sorted(typical), sorted({tool for used in typical.values() for tool in used})
    place = {tool: len(groups) + number for number, tool in enumerate(tools)}
    edges = [(number, place[tool]) for number, group in enumerate(groups) for tool in typical[group]]
    rows, columns = np.array(edges, dtype=np.int64).reshape(-1, 2).T
    size = len(groups) + len(tools)
    graph = coo_array((np.ones(len(edges)), (rows, columns)), shape=(size, size))
    part = connected_components(graph, directed=False)[1] if size else np.array([])
    users: dict[int, Counter[str]] = defaultdict(Counter)
    for group, number in zip(groups, part, strict=False):
        users[int(number)].update(typical[group])
    names = {number: min(used, key=lambda tool: (-used[tool], tool)) for number, used in users.items() if used}
    return {group: names.get(int(number), "none") for group, number in zip(groups, part, strict=False)}


def _typical_tools(sessions: SessionEvents, group_of: Mapping[str, str]) -> dict[str, set[str]]:
    """The tools that at least a third of a group's sessions use."""
    names, codes = sessions.table.categories("tool_name"), sessions.table.codes("tool_name")
    used: dict[str, Counter[str]] = defaultdict(Counter)
    members: Counter[str] = Counter()
    for number, session_id in enumerate(sessions.session_ids):
        if session_id in group_of:
            own = codes[sessions.starts[number] : sessions.starts[number + 1]]
            group = group_of[session_id]
            members[group] += 1
            used[group].update(names[code] for code in np.unique(own[own >= 0]))
    return {
        group: {tool for tool, count in used[group].items() if count >= TYPICAL_SHARE * members[group]}
        for group in members
    }
