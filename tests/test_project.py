"""The project as a whole: what may import what, and what must not stand in any file."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

from exporter.cli import cli

ROOT = Path(__file__).parent.parent
BINARY = {".png", ".jpg", ".gif", ".ico", ".woff2", ".gz"}
FORBIDDEN = {
    "a machine's path": re.compile(r"(?<![\w.~/-])/(?:work|opt/bin)/"),
    "an address of a package registry": re.compile(
        r"https?://(?:[\w.-]+\.)?(?:pypi\.org|pythonhosted\.org|registry\.npmjs\.org|proxy\.golang\.org)|--(?:extra-)?index-url"
    ),
}


def tracked():
    """The files of the project, those included that are not committed yet."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT, capture_output=True, check=True, text=True,
        )  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs git and the project's repository")
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def texts():
    return [(path, path.read_text(encoding="utf-8")) for path in tracked() if path.suffix not in BINARY]


def test_the_import_contracts_hold():
    program = Path(sys.executable).with_name("lint-imports")
    if not program.exists():
        pytest.skip("needs lint-imports (import-linter) beside the Python in use")
    checked = subprocess.run([program], cwd=ROOT, capture_output=True, check=False, text=True)
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("what", sorted(FORBIDDEN))
def test_no_file_holds(what):
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}" for path, text in texts() if (match := FORBIDDEN[what].search(text))
    ]
    # The rules name such addresses because agents' commands do.
    assert [one for one in found if not one.startswith(("tests/test_project.py", "exporter/rules.yml"))] == []


def test_the_forbidden_would_be_found():
    planted = "see /" + "work/x, https://" + "pypi.org/simple"
    assert all(pattern.search(planted) for pattern in FORBIDDEN.values())


def test_every_text_ends_with_one_line_end_and_has_none_of_windows():
    for path, text in texts():
        if text and path.suffix in (".py", ".md", ".yml", ".toml"):
            assert "\r" not in text, path
            assert text.endswith("\n"), path
            assert not text.endswith("\n\n"), path


def test_the_version_is_one_everywhere():
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", declared)
    assert version("sigyn") == declared


def test_the_changelog_tells_of_this_version():
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert re.search(rf"^## \[(Unreleased|{re.escape(version('sigyn'))})\]", changelog, re.MULTILINE)


def test_the_readme_tells_of_every_command():
    readme = (ROOT / "README.md").read_text()
    for name in cli.commands:
        assert f"sigyn {name}" in readme, name


def test_the_licence_is_there():
    assert "Apache License" in (ROOT / "LICENSE").read_text()
