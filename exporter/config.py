"""Loading the configuration: one YAML file and the environment become one typed, immutable tree, or all its errors.

Steps: ``config_file`` parses, ``config_environment`` fills references, ``config_secrets`` reads secret files,
``config_models`` is the tree that validates, ``config_checks`` compares keys and looks for named files. Every step
reports all it can and passes on what is sound, so that one run shows every error.

Errors: ``ConfigError``, with one line a problem. None of them repeats a value.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from exporter.config_checks import check_between_keys, check_files
from exporter.config_environment import fill
from exporter.config_file import ConfigError, Problem, dotted, read_file
from exporter.config_keys import Location, nearest
from exporter.config_messages import UNKNOWN_KEY, describe
from exporter.config_models import Config
from exporter.config_secrets import read_secrets
from exporter.logs import one_line

__all__ = ["Config", "ConfigError", "check_config", "load_config"]


def load_config(path: Path | None, environ: Mapping[str, str]) -> Config:
    """The configuration of a file, filled from an environment; all defaults without a file.

    Secrets named by ``*_file`` keys are read and stand in the tree like those from the environment.
    Raises ``ConfigError`` with every problem at once.
    """
    if path is None:
        return Config()
    config, errors = check_config(path, environ)
    if errors:
        raise ConfigError(errors)
    return config


def check_config(path: Path, environ: Mapping[str, str]) -> tuple[Config, list[str]]:
    """The configuration with defaults in place of what is wrong, and every problem on one line.

    Raises ``ConfigError`` when nothing can be read from the file at all.
    """
    values, problems = read_file(path)
    values, unfilled = fill(values, environ)
    problems += unfilled
    values, unreadable = read_secrets(values, _locations(problems))
    problems += unreadable
    config, invalid = _validate(values, _locations(problems))
    problems += invalid
    problems += check_between_keys(config, _locations(problems))
    problems += check_files(config)
    ordered = sorted(problems, key=lambda problem: dotted(problem.location))
    return config, [problem.line(one_line(str(path))) for problem in ordered]


def _locations(problems: Iterable[Problem]) -> set[Location]:
    return {problem.location for problem in problems}


def _validate(values: dict[str, Any], known: set[Location]) -> tuple[Config, list[Problem]]:
    """The tree with defaults in place of what is wrong, and what is wrong beside what is known.

    What failed at a known location says nothing new, unless it is that there is no such key.
    """
    details = _invalid(values)
    config = Config.model_validate(_without(values, known | {detail["loc"] for detail in details}))
    new = (detail for detail in details if detail["type"] == UNKNOWN_KEY or detail["loc"] not in known)
    return config, [Problem(detail["loc"], _message(detail)) for detail in new]


def _invalid(values: dict[str, Any]) -> list[ErrorDetails]:
    try:
        Config.model_validate(values)
    except ValidationError as error:
        return error.errors(include_url=False)
    return []


def _without(values: dict[str, Any], wrong: set[Location]) -> dict[str, Any]:
    """The values without the keys at or around the wrong locations; a list with a wrong item goes as a whole."""
    kept = copy.deepcopy(values)
    for location in wrong:
        inner: Any = kept
        for depth, part in enumerate(location, start=1):
            if part not in inner:
                break
            if depth == len(location) or not isinstance(inner[part], dict):
                del inner[part]
                break
            inner = inner[part]
    return kept


def _message(detail: ErrorDetails) -> str:
    """What is wrong with a value, without repeating it; for an unknown key, the one that is meant."""
    meant = nearest(detail["loc"]) if detail["type"] == UNKNOWN_KEY else None
    return f"unknown key (did you mean {meant}?)" if meant else describe(detail)
