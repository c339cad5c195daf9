"""What a tool's arguments say, reduced to words of a small vocabulary: programs, switches, folders, hosts.

A user's agents use few of them, and the same ones again and again; a word that was never used before is news, whatever
it means. Words tell kinds, not content: programs and switches stand as they are, of paths only the folder at the top
counts, and what a person may have named (hosts, folders that are not on every machine) is hashed.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator
from typing import Final

from analytics.shell import program_parts

MOST_WORDS: Final = 24
"""Words kept of one use of a tool."""
_MOST_TOKENS: Final = 40
_SEPARATOR: Final = " "
_SWITCH: Final = re.compile(r"--[A-Za-z][\w-]{0,24}|-[A-Za-z]{1,4}(?![^=])")
_KNOWN_FOLDERS: Final = frozenset(
    [
        "bin", "boot", "dev", "etc", "home", "lib", "lib64", "media", "mnt", "opt", "private", "proc", "root",
        "run", "sbin", "srv", "sys", "tmp", "usr", "var", "Applications", "Library", "System", "Users", "Volumes",
    ]
)  # fmt: skip
_KNOWN_HIDDEN: Final = frozenset(
    [
        ".aws", ".azure", ".bash_history", ".bash_profile", ".bashrc", ".cache", ".claude", ".codex", ".config",
        ".docker", ".env", ".gemini", ".git", ".git-credentials", ".gitconfig", ".github", ".gnupg", ".kube",
        ".local", ".netrc", ".npmrc", ".pgpass", ".profile", ".pypirc", ".ssh", ".venv", ".vscode", ".zsh_history",
        ".zshrc",
    ]
)  # fmt: skip
_HOST: Final = re.compile(r"[a-z][a-z+]*://(?:[^@/\s]*@)?([^/:\s?#'\"]+)")
_HOME: Final = re.compile(r"^(?:/home/[^/]+|/Users/[^/]+|/root|\$HOME|\$\{HOME\}|~)(?=/|$)")


def command_words(command: str) -> str | None:
    """The words of a shell command: programs, their switches, the places and hosts they are given.

    They are sorted and separated by blanks, as in all that follows; None where there are none.
    """
    return part_words(program_parts(command))


def part_words(parts: Iterable[tuple[str, list[str]]]) -> str | None:
    """The words of a command that is taken apart already."""
    return _joined(_words_in(parts))


def path_words(tool: str, path: str) -> str | None:
    """The word of a path that a tool works on; None inside the project, where work is expected."""
    place = _place(path)
    return None if place is None else _joined([f"{_bare(tool or '?')}:{place}"])


def under_tool(joined: str | None, tool: str, other: str) -> str | None:
    """The words of one use of a tool as they were if another tool had been used."""
    if joined is None:
        return None
    own, others = f"{_bare(tool)}:", f"{_bare(other)}:"
    return _joined(others + word.removeprefix(own) if word.startswith(own) else word for word in split_words(joined))


def host_words(url: str) -> str | None:
    """The word of an address."""
    host = _HOST.match(url)
    return _joined([_host_word(host[1])]) if host else None


def _joined(found: Iterable[str]) -> str | None:
    return _SEPARATOR.join(sorted(set(found))[:MOST_WORDS]) or None


def _bare(name: str) -> str:
    """A name without blanks, which separate words."""
    return "_".join(name[:40].split())


def split_words(joined: str) -> list[str]:
    """The words of one use of a tool, one by one."""
    return joined.split(_SEPARATOR) if joined else []


def described(word: str) -> str:
    """A word as a person reads it: `git push --force`, `Read ~/.ssh`, host 3f2a9c01."""
    if word.startswith("host:"):
        return word.replace(":", " ", 1)
    program, _, argument = word.partition(":")
    return f"`{program.replace('_', ' ')} {argument}`" if argument else f"`{program.replace('_', ' ')}`"


def _words_in(parts: Iterable[tuple[str, list[str]]]) -> Iterator[str]:
    for program, arguments in parts:
        name = _bare(program)
        yield name
        for argument in arguments[:_MOST_TOKENS]:
            if argument.startswith("-"):
                yield f"{name}:{_switch(argument)}"
            elif "://" in argument:
                if host := _HOST.search(argument):
                    yield _host_word(host[1])
            elif (place := _place(argument.strip("'\"@<>"))) is not None:
                yield f"{name}:{place}"


def _switch(argument: str) -> str:
    """A switch without its value; numbers are alike, and what may hold a value after one hyphen is hashed."""
    if argument[1:].isdecimal():
        return "-N"
    switch = _SWITCH.match(argument)
    return switch[0] if switch else "-" + _hashed(argument)


def _place(path: str) -> str | None:
    """Where a path leads, roughly: None inside the project, unless to a hidden file or folder."""
    if not path.startswith(("/", "~", "$", ".")):
        return None
    home = _HOME.match(path)
    if home:
        first = path[home.end() + 1 :].split("/", 1)[0]
        return f"~/{_known(first, _KNOWN_HIDDEN)}" if first else "~"
    if path.startswith("/"):
        return "/" + _known(path[1:].split("/", 1)[0], _KNOWN_FOLDERS)
    if path.startswith("../"):
        return ".."
    first = path.removeprefix("./").split("/", 1)[0]
    return _known(first, _KNOWN_HIDDEN) if first.startswith(".") and first not in (".", "..") else None


def _host_word(host: str) -> str:
    return host if host in ("localhost", "127.0.0.1") else f"host:{_hashed(host.lower())}"


def _known(name: str, names: frozenset[str]) -> str:
    return name if name in names else _hashed(name)


def _hashed(name: str) -> str:
    """A short hash: names alike stay alike, and the name itself is not kept."""
    return f"{zlib.crc32(name.encode(errors='replace')):08x}"
