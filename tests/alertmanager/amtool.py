"""Alertmanager's own checker and renderer, and what the one on PATH is too old for."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[2] / "alertmanager"
TEAMS_SINCE = (0, 28)
URL_FILE_SINCE = (0, 26)

needs_amtool = pytest.mark.skipif(
    shutil.which("amtool") is None, reason="needs amtool on PATH (Debian package prometheus-alertmanager)"
)


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["amtool", *arguments], capture_output=True, text=True, timeout=30, check=False)


@cache
def version() -> tuple[int, int]:
    reply = run("--version")
    found = re.search(r"version (\d+)\.(\d+)", reply.stdout + reply.stderr)
    assert found, reply
    return int(found[1]), int(found[2])


def needs_version(least: tuple[int, int], what: str) -> None:
    if version() < least:
        pytest.skip(f"{what} needs amtool {least[0]}.{least[1]} or newer on PATH")


def rendered(template: str, data: dict[str, Any], folder: Path, kind: str = "text") -> str:
    """What Alertmanager makes of a template's text for a notification's data."""
    (folder / "data.json").write_text(json.dumps(data))
    reply = run(
        "template", "render", f"--template.glob={FOLDER}/templates/*.tmpl", f"--template.text={template}",
        f"--template.data={folder / 'data.json'}", f"--template.type={kind}",
    )  # fmt: skip
    assert reply.returncode == 0, reply.stderr
    return reply.stdout
