"""Writes one session's records in time order: the pen that ordinary work and misbehaviour share.

Both go through ``Recorder``, so what tells them apart is what was done, never how it was written down.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from analytics.simulation.arguments import ToolInput, size_of
from analytics.simulation.dice import Dice
from analytics.simulation.prices import Tokens, cost_usd
from analytics.simulation.reduction import reduced
from analytics.simulation.stamps import stamp

Record = dict[str, Any]

NO_DETAILS: Final = "none"
PLAIN: Final = "plain"
REDUCED: Final = "reduced"
"""How much of the arguments a session's records carry: nothing, everything, or the form of ``reduction``."""

FIRST_CONTEXT: Final = 18_000
"""Tokens of instructions and tool descriptions that a session begins with."""


@dataclass(frozen=True)
class Manner:
    """How a session writes its records.

    Attributes:
        base: the fields every record repeats: session, agent, user, project, model.
        details: ``NO_DETAILS``, ``PLAIN`` or ``REDUCED``.
        id_prefix: how tool use ids begin; None where there are none.
        calls: whether tool calls are recorded, or only results.
        requests: whether model calls are recorded.
        request_first: whether a model reply is recorded with its tool calls or after their results.
        caches: whether tokens written to the cache are reported.
        prices: whether cost is reported.
        numeric_time: whether times are Unix seconds rather than text.
    """

    base: Record
    details: str = PLAIN
    id_prefix: str | None = ""
    calls: bool = True
    requests: bool = True
    request_first: bool = True
    caches: bool = True
    prices: bool = True
    numeric_time: bool = False


@dataclass(frozen=True, slots=True)
class ToolUse:
    """One use of a tool.

    Attributes:
        tool_name: as the agent names it.
        tool_input: full arguments, whatever the session's details are.
        duration_ms: from call to result, a person's waiting included.
        output_chars: characters of the result.
        error: error class of a failed use.
        asked: who was asked and allowed it (``decision_source``), None where nobody was.
        rejected: who refused it; such a use has no result.
        given: True when ``tool_input`` is copied from a record and already in the session's own form.
        input_chars: characters of the arguments, counted when None.
        helper: what names the sub-agent that the call starts; None for other tools.
    """

    tool_name: str
    tool_input: ToolInput
    duration_ms: int
    output_chars: int
    error: str | None = None
    asked: str | None = None
    rejected: str | None = None
    given: bool = False
    input_chars: int | None = None
    helper: Record | None = None


@dataclass
class Recorder:
    """A session being written: where it stands in time, sequence and context, and its records so far."""

    manner: Manner
    dice: Dice
    now_ms: int
    sequence: int = 0
    context: int = FIRST_CONTEXT
    records: list[Record] = field(default_factory=list)
    _unread: int = 0

    def emit(self, event: str, **fields: Any) -> None:
        """Write one record at the present time."""
        time = self.now_ms / 1000 if self.manner.numeric_time else stamp(self.now_ms)
        self.records.append(
            {"timestamp": time, "event": event, "sequence": self.sequence, **self.manner.base, **fields}
        )
        self.sequence += 1

    def read(self, characters: int) -> None:
        """Add text to what the model has not seen yet."""
        self._unread += characters // 4

    def use_tools(self, uses: Sequence[ToolUse], thinking_ms: int) -> None:
        """One model reply with its tool calls, made in parallel, and their results as they come."""
        self.now_ms += thinking_ms
        begun = self.now_ms
        endings: list[tuple[int, str, Record]] = []
        for use in uses:
            common = self._call(use)
            endings.extend(self._ending(use, common, begun))
        if self.manner.request_first:
            self.request(thinking_ms)
        for at, event, fields in sorted(endings, key=lambda ending: ending[0]):
            self.now_ms = at
            self.emit(event, **fields)
        if not self.manner.request_first:
            self.request(thinking_ms)

    def _call(self, use: ToolUse) -> Record:
        """Write the call, where the session has calls; the fields its decision and result repeat."""
        common: Record = {"tool_name": use.tool_name}
        if self.manner.id_prefix is not None:
            common["tool_use_id"] = f"{self.manner.id_prefix}{self.dice.hexadecimal(16)}"
        sizes = {"tool_input_chars": size_of(use.tool_input) if use.input_chars is None else use.input_chars}
        arguments = {} if self.manner.details == NO_DETAILS else {"tool_input": self._shown(use)}
        if self.manner.calls:
            self.emit("tool_call", **common, **arguments, **sizes)
            arguments = {}
        if use.helper is not None:
            self.emit("subagent_start", **use.helper)
        return {**common, **arguments, **sizes}

    def _shown(self, use: ToolUse) -> ToolInput:
        if self.manner.details == PLAIN or use.given:
            return use.tool_input
        return reduced(use.tool_name, use.tool_input, self.manner.base.get("project"))

    def _ending(self, use: ToolUse, common: Record, begun: int) -> list[tuple[int, str, Record]]:
        """When and how a use ends: refused, or with its result, after a person's permission where one was asked."""
        ended = begun + use.duration_ms
        decision: Record = {name: common[name] for name in ("tool_name", "tool_use_id") if name in common}
        if use.rejected:
            fields = {**decision, "decision": "reject", "decision_source": use.rejected}
            return [(ended, "tool_decision", fields)]
        result = {
            **common,
            "success": use.error is None,
            "duration_ms": use.duration_ms,
            "tool_output_chars": use.output_chars,
        }
        if use.error is not None:
            result["error"] = use.error
        self.read(use.output_chars)
        endings = [(ended, "tool_result", result)]
        if use.asked:
            allowed = {**decision, "decision": "accept", "decision_source": use.asked}
            endings.insert(0, (begun + use.duration_ms * 9 // 10, "tool_decision", allowed))
        if use.helper is not None:
            stopped = {"child_session_id": use.helper.get("child_session_id"), "success": use.error is None}
            endings.insert(0, (ended, "subagent_stop", {**stopped, "duration_ms": use.duration_ms}))
        return endings

    def request(self, duration_ms: int, output_tokens: int | None = None) -> None:
        """One successful model call that reads everything new; ``output_tokens`` is drawn when None."""
        if not self.manner.requests:
            return
        output = output_tokens or 1 + int(self.dice.lognormal(170, 1.1))
        fresh = self._unread + self.dice.between(80, 300)
        self._unread = 0
        caches = self.manner.caches
        tokens = Tokens(self.dice.between(1, 10) if caches else fresh, output, self.context, fresh if caches else None)
        self.context += fresh + output
        fields: Record = {
            "success": True,
            "duration_ms": max(duration_ms, 1),
            "input_tokens": tokens.input,
            "output_tokens": output,
            "cache_read_tokens": tokens.cache_read,
        }
        if tokens.cache_creation is not None:
            fields["cache_creation_tokens"] = tokens.cache_creation
        cost = cost_usd(self.manner.base.get("model"), tokens) if self.manner.prices else None
        if cost is not None:
            fields["cost_usd"] = cost
        self.emit("api_request", **fields)

    def message(self, characters: int) -> None:
        """Text of the agent between its tool calls."""
        self.emit("assistant_message", message_chars=characters)

    def compact(self, trigger: str) -> None:
        """Compact the context."""
        self.now_ms += self.dice.between(15_000, 70_000)
        self.emit("compaction", trigger=trigger, pre_tokens=self.context)
        self.context = FIRST_CONTEXT + self.dice.between(4_000, 12_000)
