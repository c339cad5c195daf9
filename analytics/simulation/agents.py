"""The simulated agent products: their tools by role, models, and how they write their telemetry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from analytics.simulation.errors import SettingsError

ROLES: Final = ("shell", "poll", "read", "edit", "write", "search", "find", "plan", "web", "agent", "ask")
"""What a tool is for; every agent names one tool for each."""


@dataclass(frozen=True, slots=True)
class AgentProfile:
    """One agent product.

    Attributes:
        name: as in the ``agent`` field.
        versions: versions in use, oldest first.
        models: models in use.
        helper_model: the model of its sub-agents.
        tools: tool name by role.
        id_prefix: how its tool use ids begin.
        request_first: whether a model reply is recorded with its tool calls, or after their results.
        caches: whether it reports tokens written to the cache.
        prices: whether it estimates cost.
        delegates: whether it starts sub-agents that have sessions of their own.
    """

    name: str
    versions: tuple[str, ...]
    models: tuple[str, ...]
    helper_model: str
    tools: Mapping[str, str]
    id_prefix: str
    request_first: bool
    caches: bool
    prices: bool
    delegates: bool


CLAUDE_CODE: Final = AgentProfile(
    name="claude-code",
    versions=("2.1.240", "2.1.251", "2.1.257"),
    models=("claude-opus-4-5", "claude-sonnet-4-5"),
    helper_model="claude-haiku-4-5",
    tools={
        "shell": "Bash", "poll": "BashOutput", "read": "Read", "edit": "Edit", "write": "Write",
        "search": "Grep", "find": "Glob", "plan": "TodoWrite", "web": "WebFetch", "agent": "Task",
        "ask": "AskUserQuestion",
    },
    id_prefix="toolu_01",
    request_first=True,
    caches=True,
    prices=True,
    delegates=True,
)  # fmt: skip

CODEX: Final = AgentProfile(
    name="codex",
    versions=("0.148.0", "0.150.1"),
    models=("gpt-5.5", "gpt-5.5-mini"),
    helper_model="gpt-5.5-mini",
    tools={
        "shell": "exec_command", "poll": "write_stdin", "read": "exec_command", "edit": "apply_patch",
        "write": "apply_patch", "search": "exec_command", "find": "exec_command", "plan": "update_plan",
        "web": "web_search", "agent": "spawn_agent", "ask": "ask_question",
    },
    id_prefix="call_",
    request_first=False,
    caches=False,
    prices=False,
    delegates=False,
)  # fmt: skip

GEMINI_CLI: Final = AgentProfile(
    name="gemini-cli",
    versions=("0.31.0", "0.32.1"),
    models=("gemini-3-pro", "gemini-3-flash"),
    helper_model="gemini-3-flash",
    tools={
        "shell": "run_shell_command", "poll": "run_shell_command", "read": "read_file", "edit": "replace",
        "write": "write_file", "search": "search_file_content", "find": "glob", "plan": "write_todos",
        "web": "web_fetch", "agent": "delegate_to_agent", "ask": "ask_user",
    },
    id_prefix="",
    request_first=True,
    caches=False,
    prices=False,
    delegates=False,
)  # fmt: skip

AGENTS: Final = {profile.name: profile for profile in (CLAUDE_CODE, CODEX, GEMINI_CLI)}


def profile_of(agent: object) -> AgentProfile:
    """The profile of an agent by name; Claude Code's stands in for agents that are not simulated."""
    return AGENTS.get(agent, CLAUDE_CODE) if isinstance(agent, str) else CLAUDE_CODE


def checked_mix(mix: Mapping[str, float]) -> tuple[list[AgentProfile], list[float]]:
    """Profiles and weights of a mix of agents by name.

    Raises:
        SettingsError: an unknown agent, a negative weight, or no weight at all.
    """
    unknown = sorted(set(mix) - set(AGENTS))
    if unknown:
        raise SettingsError(f"agents: {unknown[0]!r:.40} is not simulated; choose from {', '.join(AGENTS)}")
    if any(not 0 <= weight < float("inf") for weight in mix.values()) or sum(mix.values()) <= 0:
        raise SettingsError("agents: weights must be finite, not negative, and not all 0")
    return [AGENTS[name] for name in mix], list(mix.values())
