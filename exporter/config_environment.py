"""Filling the configuration from the environment, after parsing, so that a variable cannot change its structure.

``${NAME}`` is the variable's value, ``${NAME:-default}`` has a default for a variable that is unset or empty,
``$$`` is one dollar sign, and any other dollar sign stands for itself. A variable's value is not filled again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from exporter.config_file import Problem
from exporter.config_keys import SECRETS, SECTIONS, Location

_REFERENCE: Final = re.compile(
    r"\$(?:(?P<dollar>\$)|\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^{}]*))?\}|(?P<broken>\{))"
)
_WHOLLY_A_REFERENCE: Final = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*(?::-)?\}")
_SET_OR_DEFAULT: Final = "set it, or write ${{{0}:-default}}"
_SET: Final = "set it"


class UnfilledError(ValueError):
    """A text refers to the environment in a way that cannot be filled; the message says how to mend it."""


def substitute(text: str, environ: Mapping[str, str], remedy: str = _SET_OR_DEFAULT) -> str:
    """The text with its references filled. Raises ``UnfilledError``; ``remedy`` says what to do about ``{}``, unset."""

    def fill_one(match: re.Match[str]) -> str:
        if match["dollar"]:
            return "$"
        name, default = match["name"], match["default"]
        if name is None:
            raise UnfilledError("has a ${ that begins no ${NAME} or ${NAME:-default} (write $${ for the text)")
        value = environ.get(name)
        if default is not None:
            return value or default
        if value is None:
            raise UnfilledError(f"environment variable {name} is not set ({remedy.format(name)})")
        return value

    return _REFERENCE.sub(fill_one, text)


def fill(values: dict[str, Any], environ: Mapping[str, str]) -> tuple[dict[str, Any], list[Problem]]:
    """The values with every reference filled, and what could not be.

    A text that cannot be filled stays as it is; a secret that stands in the file is taken out. A section without
    a value is as good as one that is not there, and is left out.
    """
    problems: list[Problem] = []
    filled: dict[str, Any] = _fill(values, (), environ, problems)
    return filled, problems


def _fill(value: Any, location: Location, environ: Mapping[str, str], problems: list[Problem]) -> Any:
    if location in SECRETS and not _may_be_secret(value):
        problems.append(Problem(location, _literal_secret(location)))
        return None
    if isinstance(value, dict):
        return {
            key: _fill(inner, (*location, key), environ, problems)
            for key, inner in value.items()
            if inner is not None or (*location, key) not in SECTIONS
        }
    if isinstance(value, list):
        return [_fill(item, (*location, index), environ, problems) for index, item in enumerate(value)]
    if not isinstance(value, str):
        return value
    try:
        return substitute(value, environ, _SET if location in SECRETS else _SET_OR_DEFAULT)
    except UnfilledError as error:
        problems.append(Problem(location, str(error)))
        return value


def _may_be_secret(value: Any) -> bool:
    """Whether the file only points at the secret: one reference without default text, or nothing."""
    return value is None or (isinstance(value, str) and bool(_WHOLLY_A_REFERENCE.fullmatch(value)))


def _literal_secret(location: Location) -> str:
    name = "SIGYN_" + "_".join(str(part) for part in location[-2:]).upper()
    return (
        f"a secret must not stand in the file (write ${{{name}}} and set that variable, "
        f"or name a file with {location[-1]}_file)"
    )
