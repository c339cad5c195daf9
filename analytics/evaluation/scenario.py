"""A stretch of misbehaviour that somebody wrote down: calls of tools, to be put into recorded sessions."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from analytics.simulation.agents import CLAUDE_CODE
from analytics.simulation.recorder import ToolUse
from analytics.simulation.scene import PACE, Scene

REJECTED: Final = "denied"
"""The ``error`` of a call that a person refused, and that never ran."""
_USUAL: Final = (1_500, 400)
"""Median milliseconds and characters of the result of a tool that is not listed; the scenario does not tell them."""
_ROLES: Final = ("read", "write", "edit", "search", "find", "web", "agent")
_USUAL_OF: Final = {CLAUDE_CODE.tools[role]: (PACE[role][0], PACE[role][2]) for role in _ROLES}


@dataclass(frozen=True, slots=True)
class Call:
    """One use of a tool: its name, its arguments, and the error class where it failed (``REJECTED``: was refused)."""

    tool: str
    tool_input: Mapping[str, Any]
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Scenario:
    """Calls in order, under a name."""

    name: str
    calls: tuple[Call, ...]

    def act(self, scene: Scene) -> None:
        """Play the calls at the session's own tempo."""
        for call in self.calls:
            scene.play(_use(call, scene))


def _use(call: Call, scene: Scene) -> ToolUse:
    duration, output = _USUAL_OF.get(call.tool, _USUAL)
    text = orjson.dumps([call.tool, call.tool_input], option=orjson.OPT_SORT_KEYS)
    is_refused = call.error == REJECTED
    return ToolUse(
        call.tool,
        # Recorded sessions without content tell equal calls by this hash; given, because the arguments are final.
        {**call.tool_input, "args_hash": f"{zlib.crc32(text):08x}"},
        1 + int(scene.dice.lognormal(duration, 1.0)),
        2 + int(scene.dice.lognormal(output, 0.8)),
        error=None if is_refused else call.error,
        rejected="user" if is_refused else None,
        given=True,
        input_chars=len(orjson.dumps(call.tool_input)),
    )
