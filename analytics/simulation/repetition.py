"""Misbehaviour that repeats: loops, storms of retries, stalls, burnt tokens, runaway sub-agents."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from analytics.simulation.arguments import ToolInput, delegate
from analytics.simulation.deeds import Deed
from analytics.simulation.recorder import Record, ToolUse
from analytics.simulation.scene import Scene
from analytics.simulation.stacks import WORDS
from analytics.simulation.stamps import SECOND

_CONTEXT_LIMIT: Final = 180_000
_ERRORS: Final = ("exit_code:1", "exit_code:2", "timeout", "exit_code:127")


def loop(scene: Scene) -> None:
    """The same call with the same arguments again and again, each of which succeeds and changes nothing."""
    use = scene.earlier_use("shell")
    for _ in range(scene.acts()):
        scene.play(replace(use, duration_ms=1 + int(use.duration_ms * (0.8 + 0.4 * scene.dice.uniform()))))


def retry_storm(scene: Scene) -> None:
    """The same failing call, tried again at once and unchanged."""
    use = replace(scene.earlier_use("shell"), error=scene.dice.pick(_ERRORS), output_chars=120)
    for _ in range(scene.acts()):
        duration = 50 + int(scene.dice.lognormal(900, 0.4))
        scene.recorder.use_tools([replace(use, duration_ms=duration)], scene.dice.between(600, 2_500))


def stall(scene: Scene) -> None:
    """Waiting for something that never comes: one poll after another, each long and without news."""
    tool = scene.vocabulary.tool("poll")
    probes: dict[str, ToolInput] = {
        "write_stdin": {"session_id": 1, "chars": "", "yield_time_ms": 60_000},
        "BashOutput": {"bash_id": "shell_1"},
        "TaskOutput": {"task_id": "b1", "block": True, "timeout": 60_000},
    }
    probe = probes.get(tool) or scene.tool_input(Deed("shell", "sleep 45 && tail -n 5 logs/build.log"))
    for _ in range(scene.acts()):
        scene.play(ToolUse(tool, probe, scene.dice.between(25, 60) * SECOND, scene.dice.between(0, 12)))


def token_burn(scene: Scene) -> None:
    """Whole files read again and again and long answers to nobody: tokens without progress."""
    recorder, dice = scene.recorder, scene.dice
    for _ in range(scene.acts()):
        tool_input = scene.tool_input(Deed("read", "{root}/{file}"))
        duration, output = dice.between(40, 900), dice.between(40_000, 90_000)
        scene.play(ToolUse(scene.vocabulary.tool("read"), tool_input, duration, output))
        written = dice.between(4_000, 16_000)
        recorder.now_ms += written * 15
        recorder.message(written * 3)
        recorder.request(written * 15, output_tokens=written)
        if recorder.context > _CONTEXT_LIMIT:
            recorder.compact("auto")


def runaway_subagents(scene: Scene) -> None:
    """Sub-agents started by the handful, more before the first ones have reported."""
    tool, dice = scene.vocabulary.tool("agent"), scene.dice
    left = scene.acts()
    while left > 0:
        many = min(left, dice.between(2, 6))
        uses = []
        for _ in range(many):
            helper: Record = {"child_session_id": dice.uuid(), "persona": "general-purpose"}
            tool_input = delegate("general-purpose", dice.pick(WORDS))
            took = SECOND + int(dice.lognormal(40_000, 0.7))
            uses.append(ToolUse(tool, tool_input, took, dice.between(200, 3_000), helper=helper))
        scene.recorder.use_tools(uses, scene.thinking())
        left -= many
