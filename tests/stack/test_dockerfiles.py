"""The images built here: pinned bases, no root, nothing in the context but what is needed."""

from __future__ import annotations

import ast
import json
import re

import pytest

from tests.stack.stack_files import ROOT, SERVICES

DOCKERFILES = [ROOT / "Dockerfile", ROOT / "collector" / "Dockerfile"]
each_dockerfile = pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: str(path.relative_to(ROOT)))


def instructions(path) -> list[tuple[str, str]]:
    """Name and text of each instruction, continued lines joined, comments left out."""
    text = "\n".join(line for line in path.read_text().splitlines() if not line.startswith("#"))
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    return [tuple(line.split(" ", 1)) for line in lines if line.strip()]


def texts(path, name: str) -> list[str]:
    return [text for instruction, text in instructions(path) if instruction == name]


@each_dockerfile
def test_bases_are_pinned_to_a_release(path):
    for base in texts(path, "FROM"):
        assert re.match(r"^[\w./-]+:\d+\.\d+\.\d+(-[\w-]+)?( AS \w+)?$", base), base


@each_dockerfile
def test_the_last_stage_runs_as_a_numeric_user_that_is_not_root(path):
    last = [name for name, _ in instructions(path)][::-1].index("FROM")
    users = [text for name, text in instructions(path)[-last:] if name == "USER"]
    assert users
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", users[-1])


@each_dockerfile
def test_commands_are_lists_so_that_signals_arrive(path):
    for text in [*texts(path, "ENTRYPOINT"), *texts(path, "CMD")]:
        assert isinstance(json.loads(text), list)


@each_dockerfile
def test_nothing_is_fetched_by_address(path):
    assert not texts(path, "ADD")
    assert not [text for text in texts(path, "RUN") if re.search(r"\bcurl\b|\bwget\b|https?://", text)]


def test_the_build_tools_stay_in_their_stage():
    stages = texts(ROOT / "Dockerfile", "FROM")
    assert [stage.split(" AS ")[1:] for stage in stages] == [["build"], []]
    assert "--constraint constraints.txt" in " ".join(texts(ROOT / "Dockerfile", "RUN"))


def test_the_health_check_is_python_and_the_same_in_compose():
    (check,) = texts(ROOT / "Dockerfile", "HEALTHCHECK")
    command = json.loads(check[check.index("CMD") + 3 :])
    assert ["CMD", *command] == SERVICES["sigyn"]["healthcheck"]["test"]
    ast.parse(command[2])


@pytest.mark.parametrize("name", ["sigyn", "simulator"])
def test_health_checks_in_python_can_be_parsed(name):
    ast.parse(SERVICES[name]["healthcheck"]["test"][3])


def test_everything_copied_is_let_into_the_context_and_nothing_else():
    kept = {line.removeprefix("!") for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"}
    copied = {
        source for text in texts(ROOT / "Dockerfile", "COPY") if "--from" not in text for source in text.split()[:-1]
    }
    assert copied == kept
    assert "*" in (ROOT / ".dockerignore").read_text().splitlines()


def test_everything_copied_exists():
    copied = [
        source for text in texts(ROOT / "Dockerfile", "COPY") if "--from" not in text for source in text.split()[:-1]
    ]
    assert [source for source in copied if not (ROOT / source).exists()] == []
