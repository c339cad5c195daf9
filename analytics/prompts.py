"""What a prompt asks for beyond its content: workflow (slash command), persona and reasoning level.

Claude Code knows nothing of personas; they are read from the forms SuperClaude and its kin use in prompts
(``/sc:build``, ``--persona-security``, ``@agent-security-engineer``, ``--think-hard``). Only explicit use shows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_COMMAND_TAG: Final = re.compile(r"<command-name>\s*/?([\w:.-]{1,60})\s*</command-name>")
_COMMAND: Final = re.compile(r"(?:^|\s)/([a-z][\w-]*(?:[:.][\w-]+)?)(?=\s|$)", re.IGNORECASE)
_PERSONA: Final = re.compile(r"--persona-([a-z]+)")
_AGENT: Final = re.compile(r"@agent-([a-z-]+)")
_REASONING: Final = (
    ("ultrathink", re.compile(r"--ultrathink(?=\s|<|$)|\bultrathink\b")),
    ("think-hard", re.compile(r"--think-hard(?=\s|<|$)|\bthink hard(er)?\b")),
    ("think", re.compile(r"--think(?=\s|<|$)")),
)
_SCAN: Final = 20_000
"""Characters of a prompt that are looked at; flags stand at its start or end."""

PERSONA_OF_AGENT: Final = {
    "security": "security",
    "security-engineer": "security",
    "system-architect": "architect",
    "architect": "architect",
    "frontend-architect": "frontend",
    "backend-architect": "backend",
    "devops-architect": "devops",
    "root-cause-analyst": "analyzer",
    "refactoring-expert": "refactorer",
    "quality-engineer": "qa",
    "performance-engineer": "performance",
    "technical-writer": "scribe",
    "learning-guide": "mentor",
    "socratic-mentor": "mentor",
}


@dataclass(frozen=True, slots=True)
class PromptIntent:
    """What one prompt asks for: each part is None when the prompt does not say."""

    workflow: str | None
    persona: str | None
    reasoning: str | None


def normalise_workflow(name: str | None) -> str | None:
    """A command's name without its slash; None when nothing is left."""
    return (name or "").strip().lstrip("/")[:60] or None


def normalise_persona(name: str | None) -> str | None:
    """A sub-agent's or persona's name, with today's agent names folded into the personas they replaced."""
    cleaned = (name or "").strip().lower().removeprefix("agent-")[:60]
    return PERSONA_OF_AGENT.get(cleaned, cleaned) or None


def prompt_intent(prompt: str) -> PromptIntent:
    """Read workflow, persona and the strongest reasoning level from a prompt's text."""
    text = prompt if len(prompt) <= _SCAN else prompt[: _SCAN // 2] + " " + prompt[-_SCAN // 2 :]
    command = _COMMAND_TAG.search(text) or (_COMMAND.match(text) if text.lstrip().startswith("/") else None)
    persona = _PERSONA.search(text) or _AGENT.search(text)
    reasoning = next((level for level, pattern in _REASONING if pattern.search(text)), None)
    return PromptIntent(
        workflow=normalise_workflow(command.group(1) if command else None),
        persona=normalise_persona(persona.group(1) if persona else None),
        reasoning=reasoning,
    )
