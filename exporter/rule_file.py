"""Rule files: the bundled rules and the users' own become one rule set.

``RuleFileError`` is the only error; it holds every mistake of every file. The format is described at the top of
``rules.yml``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import yaml
from pydantic import ValidationError

from analytics.rule_sequences import Sequence as SequenceCondition
from analytics.rules import Rule, RuleSet
from exporter.rule_entries import FileEntry

BUNDLED_RULES: Final = Path(__file__).with_name("rules.yml")
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The one in C, where PyYAML has it, reads the bundled rules in a tenth of the time, at each start."""


class RuleFileError(Exception):
    """Rule files that cannot be used; ``errors`` holds one line a mistake: ``file:dotted.key: what is wrong``."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__("; ".join(errors))
        self.errors = errors


@dataclass(frozen=True)
class _RuleFile:
    path: Path
    entry: FileEntry

    def error(self, key: str, message: str) -> str:
        return f"{self.path}:{key}: {message}"


def load_rule_set(paths: Sequence[Path] = (), disabled: Iterable[str] = ()) -> RuleSet:
    """The bundled rules and those of the users' files, with what the files and ``disabled`` switch off.

    Args:
        paths: the users' rule files; they may add rules, switch rules off and set other severities.
        disabled: ids of further rules to switch off.

    Raises:
        RuleFileError: a file cannot be read or used, or an id is unknown.
    """
    errors: list[str] = []
    files = [file for path in (BUNDLED_RULES, *paths) if (file := _read(path, errors)) is not None]
    if errors:  # names are only worth checking once every file is whole
        raise RuleFileError(errors)
    rules = _rules_by_id(files, errors)
    severities = {id_: level for file in files for id_, level in file.entry.severity.items()}
    off = {id_ for file in files for id_ in file.entry.disable} | set(disabled)
    errors += _unknown_names(files, rules)
    errors += [f"disabled: there is no rule {id_!r}" for id_ in sorted(set(disabled) - rules.keys())]
    if errors:
        raise RuleFileError(errors)
    in_force = [replace(rule, severity=severities.get(rule.id, rule.severity)) for rule in rules.values()]
    return RuleSet(_without(in_force, off))


def _read(path: Path, errors: list[str]) -> _RuleFile | None:
    """One rule file, or None and its errors."""
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER)  # noqa: S506 - a safe one either way
    except (OSError, UnicodeDecodeError) as error:
        errors.append(f"{path}: cannot be read: {error}")
        return None
    except yaml.YAMLError as error:
        errors.append(f"{path}: is no YAML: {' '.join(str(error).split())}")
        return None
    try:
        return _RuleFile(path, FileEntry.model_validate({} if content is None else content))
    except ValidationError as error:
        for detail in error.errors(include_url=False, include_context=False, include_input=False):
            key = ".".join(str(part) for part in detail["loc"]) or "file"
            errors.append(f"{path}:{key}: {detail['msg'].removeprefix('Value error, ')}")
        return None


def _rules_by_id(files: list[_RuleFile], errors: list[str]) -> dict[str, Rule]:
    """All rules in order of definition; the second definition of an id is an error."""
    rules: dict[str, Rule] = {}
    origin: dict[str, Path] = {}
    for file in files:
        for number, entry in enumerate(file.entry.rules):
            if entry.id in rules:
                message = f"{entry.id!r} is already defined in {origin[entry.id]}; choose another id"
                errors.append(file.error(f"rules.{number}.id", message))
            else:
                rules[entry.id], origin[entry.id] = entry.rule(), file.path
    return rules


def _unknown_names(files: list[_RuleFile], rules: dict[str, Rule]) -> Iterator[str]:
    """Complaints about ids that no rule has, and about sequences of sequences."""
    for file in files:
        named = [(f"disable.{number}", id_) for number, id_ in enumerate(file.entry.disable)]
        named += [(f"severity.{id_}", id_) for id_ in file.entry.severity]
        steps = list(_named_steps(file.entry))
        for key, id_ in named + steps:
            if id_ not in rules:
                yield file.error(key, f"there is no rule {id_!r}")
        for key, id_ in steps:
            if id_ in rules and isinstance(rules[id_].condition, SequenceCondition):
                yield file.error(key, f"{id_!r} is a sequence itself")


def _named_steps(entry: FileEntry) -> Iterator[tuple[str, str]]:
    """Key and rule id of every step of every sequence."""
    for number, rule in enumerate(entry.rules):
        for step, ids in enumerate(rule.sequence.rules if rule.sequence else ()):
            for id_ in ids:
                yield f"rules.{number}.sequence.rules.{step}", id_


def _without(rules: list[Rule], off: set[str]) -> tuple[Rule, ...]:
    """The rules that are on, and silently those that are off but a step of a sequence that is on."""
    steps = {
        name
        for rule in rules
        if rule.id not in off and isinstance(rule.condition, SequenceCondition)
        for names in rule.condition.steps
        for name in names
    }
    kept = [rule for rule in rules if rule.id not in off or rule.id in steps]
    return tuple(replace(rule, is_reported=False) if rule.id in off else rule for rule in kept)
