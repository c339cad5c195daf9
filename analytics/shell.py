"""What a shell command runs: its programs, without their arguments."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from analytics.long_text import shortened

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
_SKIPPED: Final = re.compile(
    r"^(?:[A-Za-z_]\w*=\S*|sudo|env|nohup|time|command|exec|timeout|\d+[smh]?|\(|\{|!|if|elif|while|until|do|then|else)$"
)
"""What stands before a program: assignments, wrappers, and the shell's own words that a command follows."""
_NO_PROGRAM: Final = frozenset(("for", "select", "case", "in", "function", "done", "fi", "esac", "break", "continue"))
"""Words of the shell's own that no command follows, or not at once."""
_WORD: Final = re.compile(r"^[\w./+-]+$")
_LONGEST: Final = 4096
_HIDING: Final = re.compile(r"[\\#]|<<|sh[ \t]+-\w*c[ \t]")
"""What ``_NO_PROGRAMS`` begins with, but for quotes, which matter where there are separators to be hidden."""
_NO_PROGRAMS: Final = re.compile(
    r"""
    (?P<gone>\\\n|(?:^|(?<=\s))\#[^\n]*)
    | \\.
    | (?<!<)<<-?[ \t]*(?P<mark>['"]?)(?P<end>\w+)(?P=mark)(?P<rest>[^\n]*)
      (?:\n(?:.*\n)*?[ \t]*(?P=end)[ \t]*(?=\n|\Z)|[\s\S]*\Z)
    | (?P<script>\b[a-z]{0,4}sh[ \t]+-\w*c[ \t]+)?
      (?:"(?P<double>(?:[^"\\]|\\[\s\S])*)(?:"|\Z)|'(?P<single>[^']*)(?:'|\Z))
    """,
    re.VERBOSE | re.MULTILINE,
)
"""What a shell finds no programs in: escapes, comments, documents, quoted text but for a shell's own script."""


def program_parts(command: str) -> Iterator[tuple[str, list[str]]]:
    """Every part's program, with the sub-command where it means something, and its arguments.

    ``cd x && git push -f | tail`` gives ``('cd', ['x'])``, ``('git push', ['-f'])`` and ``('tail', [])``.
    """
    for part in _SEPARATORS.split(_unquoted(shortened(command, _LONGEST)[0])):
        # Of a sub-shell with several parts one has the opening bracket and another the closing one.
        words = (part if part.count("(") == part.count(")") else part.strip(" \t()")).split()
        while words and _SKIPPED.match(words[0]):
            del words[0]
        if not words or not _WORD.match(words[0]) or words[0] in _NO_PROGRAM:
            continue
        name, arguments = words[0].rsplit("/", 1)[-1], words[1:]
        if name in _WITH_SUBCOMMAND and arguments and _WORD.match(arguments[0]) and not arguments[0].startswith("-"):
            name = f"{name} {arguments.pop(0)}"
        yield name[:40], arguments


def _unquoted(command: str) -> str:
    """The command without comments and documents, which hold what people write, and quoted text within one part."""
    is_quoted = "'" in command or '"' in command
    if _HIDING.search(command) or (is_quoted and _SEPARATORS.search(command)):
        return _NO_PROGRAMS.sub(_in_one_part, command)
    return command


def _in_one_part(found: re.Match[str]) -> str:
    if found["gone"] is not None:
        return " "
    if found["end"] is not None:
        return found["rest"]
    if found["script"] is not None:
        return f"{found['script']}\n{found['double'] or found['single'] or ''}\n"
    return _SEPARATORS.sub(" ", found[0])


def main_program(parts: Iterable[tuple[str, list[str]]]) -> str | None:
    """The program that a command of some parts is about: the first that is not a change of folder."""
    only_preparing = None
    for name, _ in parts:
        if name not in ("cd", "set", "source", "export"):
            return name
        only_preparing = only_preparing or name
    return only_preparing
