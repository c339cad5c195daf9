"""What a shell command runs: its programs, without their arguments."""

from __future__ import annotations

import re
from typing import Final

_WITH_SUBCOMMAND: Final = frozenset(
    (
        "git",
        "npm",
        "npx",
        "pnpm",
        "yarn",
        "bun",
        "pip",
        "pip3",
        "uv",
        "poetry",
        "cargo",
        "go",
        "docker",
        "kubectl",
        "helm",
        "terraform",
        "gh",
        "aws",
        "gcloud",
        "az",
        "systemctl",
        "apt",
        "apt-get",
        "brew",
        "dotnet",
        "mvn",
        "gradle",
        "make",
    )
)
_SEPARATORS: Final = re.compile(r"\|\||&&|[|;&\n]")
_SKIPPED: Final = re.compile(r"^(?:[A-Za-z_]\w*=\S*|sudo|env|nohup|time|command|exec|timeout|\d+[smh]?|\(|\{|!)$")
_WORD: Final = re.compile(r"^[\w./+-]+$")


def programs(command: str) -> list[str]:
    """Every part's program, with the sub-command where it means something: ``['git push', 'tail']``."""
    found = []
    for part in _SEPARATORS.split(command[:4096]):
        words = [word for word in part.split() if not _SKIPPED.match(word)]
        if not words or not _WORD.match(words[0]):
            continue
        name = words[0].rsplit("/", 1)[-1]
        if name in _WITH_SUBCOMMAND and len(words) > 1 and _WORD.match(words[1]) and not words[1].startswith("-"):
            name = f"{name} {words[1]}"
        found.append(name[:40])
    return found


def main_program(command: str) -> str | None:
    """The program the command is about: the first that is not a change of folder."""
    found = programs(command)
    return next((name for name in found if name not in ("cd", "set", "source", "export")), found[0] if found else None)
