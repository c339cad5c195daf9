"""Roles: what a new tool stands in for, and what sessions look like with it in that role.

When an agent is given other tools, all its sessions change at once, in order, words and features alike, and each of
them would be an anomaly. Its work is the same: as long as the agent is settling (see ``analytics.retooling``), a new
tool is judged as if it were the known tool in whose place its sessions look least strange. How often, with which
sizes and with which arguments it is used counts as ever.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np

from analytics.analyses.risk import RiskModel
from analytics.analysis import SessionRows
from analytics.ensemble import Evidence
from analytics.events import EventTable, categorical, objects
from analytics.reasons import direct
from analytics.tools import tool_category
from analytics.training_rows import step_scopes
from analytics.words import under_tool

Roles = Mapping[str, str]
"""The known tool that each new tool is taken for."""

MOST_CANDIDATES: Final = 12
"""Known tools that a new one is compared with, the most used ones."""
_PASSES: Final = 2
"""How often the roles are chosen: the first choices were made while the other new tools had none."""


def in_roles(table: EventTable, roles: Roles) -> EventTable:
    """The events with the new tools under the names, and in the categories, of those they are taken for."""
    names, codes = table.categories("tool_name"), table.codes("tool_name")
    is_new = table.is_one_of("tool_name", roles)
    if not is_new.any():
        return table
    renamed = {"tool_name": categorical(objects([*(roles.get(name, name) for name in names), None])[codes])}
    for column, told in (("tool_category", _category), ("words", under_tool)):
        values = objects([*table.categories(column), None])[table.codes(column)]
        tools = objects(names)[codes[is_new]]
        values[is_new] = [told(value, tool, roles[tool]) for value, tool in zip(values[is_new], tools, strict=True)]
        renamed[column] = categorical(values)
    return table.with_columns(renamed)


def _category(known: str | None, _new: str, role: str) -> str | None:
    return None if known is None else tool_category(role)


def find_roles(new: Sequence[str], known: Sequence[str], strangeness: Callable[[Roles], float]) -> dict[str, str]:
    """The known tool that each new one is best taken for; none without known tools.

    Args:
        new: the new tools, those known longest first.
        known: candidates, the most used first, of which ``MOST_CANDIDATES`` are tried.
        strangeness: of the agent's sessions in some roles.
    """
    candidates = list(known)[:MOST_CANDIDATES]
    roles: dict[str, str] = {}
    for _ in range(_PASSES if candidates and len(new) > 1 else min(len(candidates), 1)):
        for tool in new:
            strange = [strangeness({**roles, tool: one}) for one in candidates]
            roles[tool] = candidates[strange.index(min(strange))]
    return roles


def strangeness(rows: SessionRows, model: RiskModel) -> float:
    """How strange some sessions look on the whole: the mean of their joint evidence, 0 and up."""
    who, ages = rows.who, rows.ages
    evidence = Evidence(
        direct(model.baseline.standardise(rows.values, ages, who)),
        [rows.trace(number) for number in range(len(rows))],
        [step_scopes(info) for info in rows.infos],
        ages,
        who,
        np.full(len(rows), np.nan),
    )
    return float(np.sum(list(model.ensemble.score(evidence).voices.values()), axis=0).mean()) if len(rows) else 0.0
