"""Arguments without content: what telemetry keeps when its owner removed what people and models wrote.

A command keeps programs, sub-commands, flags, operators, sensitive names, paths outside the project and hosts; a
file tool keeps its path; everything else is covered by ``args_hash``, a hash of the whole call.
"""

from __future__ import annotations

import re
import zlib
from typing import Any, Final

from analytics.simulation.arguments import digest
from analytics.simulation.stacks import WORDS

_PATH_KEYS: Final = ("file_path", "absolute_path", "path")
_PART: Final = re.compile(r"(\|\||&&|[|;>&]+)")
_QUOTED: Final = re.compile(r"'[^']*'|\"[^\"]*\"")
_URL: Final = re.compile(r"https?://([\w.-]+)\S*")
_SENSITIVE: Final = re.compile(r"\.env\b|\.ssh|\.aws|\.npmrc|\.netrc|\.kube|\.claude|\.git/|\.bashrc|id_\w+|credential")
_PLAIN: Final = re.compile(r"^[\w.:-]+$")
_WORDS: Final = frozenset(WORDS)


def reduced(tool_name: str, tool_input: dict[str, Any], project: str | None) -> dict[str, Any]:
    """A tool's arguments in reduced form, with the ``args_hash`` of the full ones."""
    kept: dict[str, Any] = {}
    command = tool_input.get("command", tool_input.get("cmd"))
    if isinstance(command, str):
        kept["command"] = reduced_command(command, project)
    for key in _PATH_KEYS:
        if isinstance(tool_input.get(key), str):
            kept["path" if key == "path" else "file_path"] = _reduced_path(tool_input[key], project)
    if isinstance(tool_input.get("url"), str):
        kept["url"] = _URL.sub(_hidden_host, tool_input["url"])
    if isinstance(tool_input.get("subagent_type"), str):
        kept["subagent_type"] = tool_input["subagent_type"]
    return {**kept, "args_hash": digest(tool_name, tool_input)}


def reduced_command(command: str, project: str | None) -> str:
    """A command without its ordinary arguments."""
    pieces = _PART.split(_QUOTED.sub("", _URL.sub(_hidden_host, command)))
    return " ".join(
        piece if position % 2 else " ".join(_kept_words(piece, project)) for position, piece in enumerate(pieces)
    ).strip()


def _kept_words(part: str, project: str | None) -> list[str]:
    words = part.split()
    kept = words[:1]
    removes = bool(words) and words[0] in ("rm", "chmod")
    for position, word in enumerate(words[1:], start=1):
        is_path = "/" in word or word.startswith("~")
        is_subcommand = position == 1 and _PLAIN.match(word) is not None and word not in _WORDS
        if word.startswith("-") or is_subcommand or _SENSITIVE.search(word):
            kept.append(word)
        elif word.startswith(("https://", "http://")) or removes:
            kept.append(word if not word.startswith("/home") else _reduced_path(word, project))
        elif is_path and word.startswith(("/", "~", "@")):
            kept.append(_reduced_path(word, project))
    return kept


def _reduced_path(path: str, project: str | None) -> str:
    """A path inside the project as ``./…``; outside it, system and home folders stay recognisable."""
    if project and project.startswith("/") and path.startswith(project):
        return f".{path[len(project) :] or '/'}"
    if path.startswith("/home/"):
        return "~/" + "/".join(path.split("/")[3:])
    return path


def _hidden_host(match: re.Match[str]) -> str:
    host = match.group(1)
    return host if host in ("localhost", "127.0.0.1") else f"https://h_{zlib.crc32(host.encode()):08x}.com"
