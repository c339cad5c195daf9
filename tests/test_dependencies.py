"""What the project rests on is pinned: one tested version of everything that is declared."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PIN = re.compile(r"(?P<name>[A-Za-z0-9._-]+)==(?P<version>[0-9][\w.!+]*)")


def pinned():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


PINS = {canonicalize_name(match["name"]): Version(match["version"]) for line in pinned() if (match := PIN.match(line))}
GROUPS = (PROJECT["dependencies"], *PROJECT["optional-dependencies"].values())
DECLARED = [one for group in GROUPS for one in map(Requirement, group) if one.name != PROJECT["name"]]


def test_every_line_of_the_constraints_is_one_exact_version():
    assert [line for line in pinned() if not PIN.fullmatch(line)] == []
    names = [canonicalize_name(line.partition("==")[0]) for line in pinned()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("declared", DECLARED, ids=str)
def test_a_declared_dependency_is_pinned_to_a_version_it_allows(declared):
    assert PINS[canonicalize_name(declared.name)] in declared.specifier


def test_what_the_pinned_run_time_dependencies_need_is_pinned_too():
    """Through every level, as far as it applies to this Python and system."""
    waiting, seen = [Requirement(text) for text in PROJECT["dependencies"]], set()
    missing = set()
    while waiting:
        needed = waiting.pop()
        name = canonicalize_name(needed.name)
        if name in seen:
            continue
        seen.add(name)
        if name not in PINS:
            missing.add(name)
            continue
        inner = map(Requirement, requires(needed.name) or [])
        waiting += [one for one in inner if one.marker is None or one.marker.evaluate({"extra": ""})]
    assert missing == set()
    assert len(seen) > len(PROJECT["dependencies"])
