"""What a tool's arguments tell: command, path, address, sub-agent, and whether the tool left the project."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import orjson
import pandas as pd

from analytics.column_values import MAX_DETAIL, clean_text, hash_texts, json_text, map_categories, map_texts
from analytics.event_attributes import Noted, note_cuts
from analytics.events import UNKNOWN, categorical, missing_values, objects
from analytics.long_text import shortened
from analytics.prompts import normalise_persona
from analytics.record_columns import RecordColumns
from analytics.scope import is_outside
from analytics.shell import main_program, program_parts
from analytics.tools import tool_category
from analytics.words import host_words, part_words, path_words

_COMMAND_KEYS: Final = ("command", "cmd", "full_command", "script")
_PATH_KEYS: Final = (
    "file_path",
    "path",
    "notebook_path",
    "absolute_path",
    "filename",
    "dir_path",
    "filePath",
)
_PATHS: Final = frozenset(_PATH_KEYS)
_KEPT_ARGUMENTS: Final = ("dangerouslyDisableSandbox", "with_escalated_permissions")
"""Switches among a tool's arguments that rules look at; they are kept with the unknown fields."""
_SWITCHES: Final = frozenset(_KEPT_ARGUMENTS)
_DETAILS: Final = ("command", "path", "url", "args", "persona")
"""What is read of a tool's arguments, in the order of ``_read_tool_input``; of ``args`` only the hash is kept."""
_CUT: Final = ("command", "path", "url")
"""Of these as much as rules read; the others are bounded already."""


def add_tool_details(fields: RecordColumns, columns: dict[str, Any]) -> Noted:
    """Add the columns read from tool arguments: command, path, url, args_hash, program, outside, category, persona.

    Returns:
        What belongs into ``attributes`` because the arguments themselves are not kept: switches that rules look at,
        and which details were cut.
    """
    length = len(fields)
    positions, inputs = fields.given("tool_input")
    noted = {
        position: _switches_of(given)
        for position, given in zip(positions.tolist(), inputs, strict=True)
        if isinstance(given, dict) and not _SWITCHES.isdisjoint(given)
    }
    read = dict(zip(_DETAILS, zip(*map(_read_tool_input, inputs), strict=True), strict=False))
    details = {name: objects(read.get(name, ())) for name in _DETAILS}
    note_cuts(fields, _cut_long(details, positions), noted)
    for name in ("command", "path", "url", "persona"):
        columns[name] = np.full(length, None, dtype=object)
        columns[name][positions] = details[name]
    columns["args_hash"] = np.zeros(length, dtype=np.uint64)
    columns["args_hash"][positions] = hash_texts(details["args"])
    tools: pd.Categorical = columns.get("tool_name", missing_values("text", length))
    if "tool_name" in columns:
        columns["tool_category"] = map_categories(tools, tool_category)
    parts = {command: [*program_parts(command)] for command in set(details["command"]) if command is not None}
    program = map_texts(details["command"], lambda command: main_program(parts[command]))
    columns["program"] = _spread(program, positions, length)
    by_command = map_texts(details["command"], lambda command: part_words(parts[command]))
    columns["words"] = _spread(_words(details, by_command, tools[positions]), positions, length)
    project: pd.Categorical = columns.get("project", missing_values("text", length))
    columns["outside"] = np.full(length, UNKNOWN, dtype=np.int8)
    columns["outside"][positions] = _outside(details["path"], project[positions])
    return {position: kept for position, kept in noted.items() if kept}


def _cut_long(details: dict[str, np.ndarray], positions: np.ndarray) -> dict[int, list[str]]:
    """Shorten what is too long, in place; the names of the details that lost their middle, by position."""
    cuts: dict[int, list[str]] = {}
    for name in _CUT:
        texts = details[name]
        for place in [place for place, text in enumerate(texts) if text is not None and len(text) > MAX_DETAIL]:
            texts[place], is_cut = shortened(texts[place], MAX_DETAIL)
            if is_cut:
                cuts.setdefault(int(positions[place]), []).append(name)
    return cuts


def _spread(column: pd.Categorical, positions: np.ndarray, length: int) -> pd.Categorical:
    """The column of all rows, missing but at the positions."""
    codes = np.full(length, -1, dtype=column.codes.dtype)
    codes[positions] = column.codes
    return pd.Categorical.from_codes(codes, categories=column.categories)


def _words(details: dict[str, np.ndarray], by_command: pd.Categorical, tools: pd.Categorical) -> pd.Categorical:
    """The words of arguments, worked out once per distinct address and per tool and path.

    Those of the address go before those of the command, and these before the path's.
    """
    found = _texts(map_texts(details["url"], host_words))
    found = np.where(found == None, _texts(by_command), found)  # noqa: E711 - element by element
    left = (found == None) & (details["path"] != None)  # noqa: E711 - element by element
    pairs = [*zip(objects([*tools.categories, ""])[tools.codes[left]], details["path"][left], strict=True)]
    words_of = {pair: path_words(*pair) for pair in set(pairs)}
    found[left] = objects([words_of[pair] for pair in pairs])
    return categorical(found)


def _texts(column: pd.Categorical) -> np.ndarray:
    """A text column as texts, None where missing."""
    return objects([*column.categories, None])[column.codes]


def _switches_of(given: dict[str, Any]) -> dict[str, Any]:
    """The switches that rules look at, as far as they are set; of another kind than they should be as short text."""
    return {
        name: given[name] if isinstance(given[name], bool) else clean_text(given[name])
        for name in _KEPT_ARGUMENTS
        if given.get(name)
    }


def _read_tool_input(given: Any) -> tuple[str | None, str | None, str | None, str | None, str | None]:
    """Command, path, url, text to hash and sub-agent type of one tool's arguments."""
    if isinstance(given, str):
        parsed = _parse_object(given)
        if parsed is None:
            return None, None, None, given[:MAX_DETAIL] or None, None
        given = parsed
    if not isinstance(given, dict):
        return None, None, None, None if given is None else json_text(given), None
    own_hash = given.get("args_hash")
    text = own_hash if isinstance(own_hash, str) and own_hash else json_text(given)
    return (
        _command_among(given),
        _path_among(given),
        given["url"] if isinstance(given.get("url"), str) else None,
        text,
        normalise_persona(given["subagent_type"]) if isinstance(given.get("subagent_type"), str) else None,
    )


def _parse_object(text: str) -> dict[str, Any] | None:
    """The JSON object in a text, or None where it is plain text."""
    if not text.startswith("{"):
        return None
    try:
        parsed = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return parsed if isinstance(parsed, dict) else None


def _command_among(arguments: dict[str, Any]) -> str | None:
    for key in _COMMAND_KEYS:
        if key in arguments:
            return _command_text(arguments[key])
    return None


def _path_among(arguments: dict[str, Any]) -> str | None:
    for key in () if _PATHS.isdisjoint(arguments) else _PATH_KEYS:
        path = arguments.get(key)
        if isinstance(path, str):
            return path
    return None


def _command_text(command: Any) -> str | None:
    """A command as one text; of ``["bash", "-lc", "…"]`` only the script."""
    if isinstance(command, str):
        return command
    if isinstance(command, list) and command and all(isinstance(word, str) for word in command):
        is_wrapped = len(command) == 3 and command[1].startswith("-") and command[1].endswith("c")
        return command[2] if is_wrapped else " ".join(command)
    return None


def _outside(paths: np.ndarray, project: pd.Categorical) -> np.ndarray:
    """The ``outside`` flag of each row, worked out once per distinct pair of path and project."""
    flags = np.full(len(paths), UNKNOWN, dtype=np.int8)
    path_codes, distinct = pd.factorize(paths)
    rows = np.flatnonzero(path_codes >= 0)
    if not len(rows):
        return flags
    width = len(project.categories) + 1
    pairs, inverse = np.unique(path_codes[rows].astype(np.int64) * width + project.codes[rows] + 1, return_inverse=True)
    projects = [None, *project.categories]
    answers = (is_outside(distinct[pair // width], projects[pair % width]) for pair in pairs)
    flags[rows] = np.array([UNKNOWN if answer is None else int(answer) for answer in answers], dtype=np.int8)[inverse]
    return flags
