"""The arguments of tool uses, in the words of each agent."""

from __future__ import annotations

import zlib
from typing import Any, Final

import orjson

from analytics.simulation.agents import AgentProfile
from analytics.simulation.dice import Dice
from analytics.simulation.people import Project
from analytics.simulation.stacks import GIT, LOOK, ODD, POLL, WORDS
from analytics.simulation.tasks import ROLE_OF

ToolInput = dict[str, Any]

_SITES: Final = (
    "docs.python.org",
    "pkg.go.dev",
    "developer.mozilla.org",
    "registry.terraform.io",
    "nodejs.org",
)
_NO_FILE: Final = "README.md"


def arguments(state: str, agent: AgentProfile, project: Project, dice: Dice) -> ToolInput:
    """Plausible arguments for one state of the chain."""
    role = ROLE_OF[state]
    if role == "shell":
        return shell(agent, _command(state, project, dice), project.root)
    if role == "poll":
        return _poll(agent, project, dice)
    if role in ("read", "edit", "write"):
        return file_access(role, agent, f"{project.root}/{dice.pick(project.files)}", dice)
    if role in ("search", "find"):
        return lookup(role, agent, f"{project.root}/{dice.pick(project.stack.folders)}", dice.pick(WORDS))
    if role == "web":
        return fetch(agent, f"https://{dice.pick(_SITES)}/{dice.pick(WORDS)}/{dice.below(900)}")
    return _conversation(role, agent, dice)


def shell(agent: AgentProfile, command: str, folder: str) -> ToolInput:
    """A shell command."""
    if agent.name == "codex":
        return {"cmd": command, "workdir": folder}
    return {"command": command, "description": f"Run {command.split(' ', 1)[0]}"}


def file_access(role: str, agent: AgentProfile, path: str, dice: Dice) -> ToolInput:
    """Reading (``read``), changing (``edit``) or creating (``write``) a file."""
    if role == "read":
        if agent.name == "codex":
            return shell(agent, f"sed -n '1,{dice.between(40, 400)}p' {path}", path.rsplit("/", 1)[0])
        key = "absolute_path" if agent.name == "gemini-cli" else "file_path"
        if dice.chance(0.3):
            return {key: path, "offset": dice.between(1, 900), "limit": 100}
        return {key: path}
    word, other = dice.pick(WORDS), dice.pick(WORDS)
    line = f"{word}_{dice.below(1000)} = read_{other}(limit={dice.below(500)})"
    if agent.name == "codex":
        return {"file_path": path, "patch": f"@@ {word} @@\n+    {line}"}
    if role == "edit":
        return {"file_path": path, "old_string": f"{word} = None", "new_string": line}
    return {"file_path": path, "content": f"{line}\n"}


def lookup(role: str, agent: AgentProfile, folder: str, word: str) -> ToolInput:
    """Searching text (``search``) or file names (``find``) below a folder."""
    if agent.name == "codex":
        return shell(agent, f"rg -n {word} {folder}" if role == "search" else f"rg --files {folder}", folder)
    return {"pattern": word if role == "search" else f"**/*{word}*", "path": folder}


def fetch(agent: AgentProfile, url: str) -> ToolInput:
    """Reading a web page."""
    if agent.name == "gemini-cli":
        return {"prompt": f"Summarise {url}", "url": url}
    return {"url": url, "prompt": "Summarise the page"} if agent.name != "codex" else {"query": url, "url": url}


def delegate(kind: str, word: str) -> ToolInput:
    """Starting a sub-agent."""
    return {
        "subagent_type": kind,
        "description": f"Look into {word}",
        "prompt": f"Find where {word} is used.",
    }


def size_of(tool_input: ToolInput) -> int:
    """Characters of the arguments as JSON text."""
    return len(orjson.dumps(tool_input, default=str))


def digest(tool_name: str, tool_input: ToolInput) -> str:
    """Short hash of a whole call, the ``args_hash`` of telemetry without content."""
    text = orjson.dumps([tool_name, tool_input], default=str, option=orjson.OPT_SORT_KEYS)
    return f"{zlib.crc32(text):08x}"


def _command(state: str, project: Project, dice: Dice) -> str:
    stack = project.stack
    if state == "odd":
        options = ODD if dice.chance(0.6) else stack.odd
    else:
        options = {"look": LOOK, "test": stack.test, "build": stack.build, "git": GIT}[state]
    return _filled(dice.pick(options), project, dice)


def _filled(template: str, project: Project, dice: Dice) -> str:
    return template.format(
        file=dice.pick(project.files or (_NO_FILE,)),
        folder=dice.pick(project.stack.folders),
        word=dice.pick(WORDS),
        n=dice.between(5, 400),
    )


def _poll(agent: AgentProfile, project: Project, dice: Dice) -> ToolInput:
    process = dice.between(1, 3)
    if agent.name == "codex":
        return {"session_id": process, "chars": "", "yield_time_ms": 30_000}
    if agent.name == "gemini-cli":
        return shell(agent, _filled(dice.pick(POLL), project, dice), project.root)
    return {"bash_id": f"shell_{process}"}


def _conversation(role: str, agent: AgentProfile, dice: Dice) -> ToolInput:
    word = dice.pick(WORDS)
    if role == "plan":
        key = "plan" if agent.name == "codex" else "todos"
        steps = [f"check {word}", f"change {dice.pick(WORDS)} {dice.below(100)}", "run the tests"]
        return {key: [{"content": step, "status": "pending"} for step in steps]}
    return {"question": f"Keep the old {word} format for version {dice.below(20)}?"}
