"""Secrets that stand in files of their own: read and put in the tree where those from the environment stand."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any, Final

from exporter.config_file import Problem
from exporter.config_keys import SECRETS, Location

MAX_SECRET_BYTES: Final = 65_536


def file_key(secret: Location) -> Location:
    """The key that names the file of a secret, such as ``password_file`` beside ``password``."""
    return (*secret[:-1], f"{secret[-1]}_file")


def read_secrets(values: dict[str, Any], known: set[Location]) -> tuple[dict[str, Any], list[Problem]]:
    """The values with the content of every secret file under the secret's own key, and what is wrong with the files.

    Locations known to be wrong are left alone.
    """
    filled, problems = copy.deepcopy(values), []
    for secret in SECRETS:
        location = file_key(secret)
        section = _section(filled, location)
        name = section.get(location[-1])
        if not name or not isinstance(name, str) or location in known:
            continue
        if section.get(secret[-1]) or secret in known:
            problems.append(Problem(secret, f"is set beside {location[-1]} (keep one)"))
            continue
        text, problem = _read_secret(Path(name))
        if problem is None:
            section[str(secret[-1])] = text
        else:
            problems.append(Problem(location, problem))
    return filled, problems


def file_problem(path: Path, relative_to: str = "the working directory") -> str | None:
    """Why a file cannot be read, without repeating its name: a secret may stand there by mistake.

    ``relative_to`` says what a relative name starts from.
    """
    try:
        if path.exists() and not path.is_file():  # opening a pipe would wait for its writer
            return "is not a regular file (name a file)"
        with path.open("rb"):
            return None
    except FileNotFoundError:
        return f"there is no such file (check the name; it is relative to {relative_to})"
    except (OSError, ValueError):  # ValueError: a NUL in the name
        return "cannot be read (check the name and the file's permissions)"


def _section(values: dict[str, Any], location: Location) -> dict[Any, Any]:
    section: Any = values
    for name in location[:-1]:
        section = section.get(name) if isinstance(section, dict) else None
    return section if isinstance(section, dict) else {}


def _read_secret(path: Path) -> tuple[str, str | None]:
    """The secret in a file and what is wrong; line ends after it are taken off."""
    problem = file_problem(path)
    if problem is not None:
        return "", problem
    with path.open("rb") as file:
        content = file.read(MAX_SECRET_BYTES + 1)
    try:
        text = content.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        text = ""
    if not text or not text.isprintable() or len(content) > MAX_SECRET_BYTES:
        return "", "holds no usable secret (put one line of UTF-8 text into it)"
    return text, None
