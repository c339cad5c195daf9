"""What a shell command runs: its programs, without their arguments."""

from __future__ import annotations

import re
from collections.abc import Iterator
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


def program_parts(command: str) -> Iterator[tuple[str, list[str]]]:
    """Every part's program, with the sub-command where it means something, and its arguments.

    ``cd x && git push -f | tail`` gives ``('cd', ['x'])``, ``('git push', ['-f'])`` and ``('tail', [])``.
    """
    for part in _SEPARATORS.split(command[:4096]):
        words = part.split()
        while words and _SKIPPED.match(words[0]):
            del words[0]
        if not words or not _WORD.match(words[0]):
            continue
        name, arguments = words[0].rsplit("/", 1)[-1], words[1:]
        if name in _WITH_SUBCOMMAND and arguments and _WORD.match(arguments[0]) and not arguments[0].startswith("-"):
            name = f"{name} {arguments.pop(0)}"
        yield name[:40], arguments


def programs(command: str) -> Iterator[str]:
    """Every part's program: ``git push``, then ``tail``."""
    return (name for name, _ in program_parts(command))


def main_program(command: str) -> str | None:
    """The program the command is about: the first that is not a change of folder."""
    only_preparing = None
    for name in programs(command):
        if name not in ("cd", "set", "source", "export"):
            return name
        only_preparing = only_preparing or name
    return only_preparing
