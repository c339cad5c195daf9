"""Reading the configuration file: YAML text becomes plain values, and everything odd in it becomes a ``Problem``.

Scalars are read by the rules of YAML 1.2: only ``true`` and ``false`` are booleans, ``1:30`` and dates are text.
Anchors, aliases and tags are refused: they save nothing here and can make a small file large. No message repeats
a value, because a secret may stand in its place by mistake.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

from exporter.config_keys import Location
from exporter.logs import one_line

MAX_FILE_BYTES: Final = 262_144
MAX_DEPTH: Final = 20

_NULL: Final = ("", "~", "null", "Null", "NULL")
_BOOLEANS: Final = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER: Final = re.compile(r"[-+]?[0-9]{1,40}")
_NUMBER: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")


class Problem(NamedTuple):
    """Something wrong at a place in the configuration; the message says what, and what to do in brackets."""

    location: Location
    message: str

    def line(self, source: str) -> str:
        """The problem on one line, ``file: dotted.path: message``."""
        where = f"{source}: {dotted(self.location)}: " if self.location else f"{source}: "
        return where + self.message


class ConfigError(Exception):
    """The configuration cannot be used. ``errors`` holds every problem, one line each."""

    def __init__(self, errors: Iterable[str]) -> None:
        self.errors: list[str] = list(errors)
        super().__init__("\n".join(self.errors))

    @classmethod
    def at(cls, source: Path, message: str) -> ConfigError:
        """An error of the file as a whole."""
        return cls([Problem((), message).line(one_line(str(source)))])


def dotted(location: Location) -> str:
    """A location as people write it, such as ``sources.loki.selectors[0]``; safe to print."""
    parts = [f"[{part}]" if isinstance(part, int) else f".{one_line(part, limit=60)}" for part in location]
    return "".join(parts).removeprefix(".")


def read_file(path: Path) -> tuple[dict[str, Any], list[Problem]]:
    """The file's values and the keys given twice in it. Raises ``ConfigError`` when nothing can be read from it."""
    text = _read_text(path)
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        raise ConfigError.at(path, _syntax_message(error)) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        message = f"line {line}: holds a control character (save it as plain UTF-8 text)"
        raise ConfigError.at(path, message) from None
    problems: list[Problem] = []
    values = _plain(node, (), problems) if node is not None else {}
    if values is None:
        values = {}
    if not isinstance(values, dict):
        raise ConfigError.at(path, "must be a mapping of keys to values (begin with a key such as sources:)")
    return values, problems


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except IsADirectoryError:
        raise ConfigError.at(path, "is a folder (name the file in it)") from None
    except FileNotFoundError:
        raise ConfigError.at(path, "there is no such file (check the name)") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or "the name is not usable"
        raise ConfigError.at(path, f"cannot be read: {reason.lower()} (check the file's permissions)") from None
    if len(content) > MAX_FILE_BYTES:
        raise ConfigError.at(path, f"is larger than {MAX_FILE_BYTES} bytes (name a configuration file)")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError.at(path, "is not UTF-8 text (save it as UTF-8)") from None


class _Loader(yaml.BaseLoader):
    """Composes nodes of bounded depth without anchors, aliases and tags."""

    _depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call] # the stubs leave it untyped
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            self._refuse("anchors and aliases are not supported (write the value out, or put it in quotes)", event)
        if getattr(event, "tag", None) is not None:
            self._refuse("tags are not supported (put the value in quotes)", event)
        if self._depth == MAX_DEPTH:
            self._refuse("is nested too deeply (no key is that deep)", event)
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def _refuse(self, problem: str, event: yaml.Event) -> None:
        raise yaml.composer.ComposerError(
            None,
            None,
            problem,
            event.start_mark,  # type: ignore[arg-type] # the stubs also name the C parser's mark
        )


def _syntax_message(error: yaml.MarkedYAMLError) -> str:
    mark, problem = error.problem_mark, error.problem or "is not YAML"
    if "tag handle" in problem:  # the only remaining message that repeats words of the file
        problem = "tags are not supported (put the value in quotes)"
    if problem.startswith("but "):
        problem = f"{error.context}, {problem}"
    if not problem.endswith(")"):
        problem += " (check indentation, quotes and colons there)"
    return problem if mark is None else f"line {mark.line + 1}, column {mark.column + 1}: {problem}"


def _plain(node: yaml.Node, location: Location, problems: list[Problem]) -> Any:
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, (*location, index), problems) for index, item in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        return _plain_mapping(node, location, problems)
    assert isinstance(node, yaml.ScalarNode)  # the only kind left
    return node.value if node.style else _scalar(node.value)


def _plain_mapping(node: yaml.MappingNode, location: Location, problems: list[Problem]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    lines: dict[str, int] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            problems.append(Problem(location, f"line {line} has a key that is not text (write key: value)"))
            continue
        key = key_node.value
        if key in lines:
            message = f"is given twice, on lines {lines[key]} and {line} (keep one)"
            problems.append(Problem((*location, key), message))
        lines[key] = line
        values[key] = _plain(value_node, (*location, key), problems)
    return values


def _scalar(text: str) -> Any:
    if text in _NULL:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) else text
