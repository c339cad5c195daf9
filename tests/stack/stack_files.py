"""The stack as its files describe it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
COMPOSE_FILE = ROOT / "docker-compose.yml"
COMPOSE: dict[str, Any] = yaml.safe_load(COMPOSE_FILE.read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
ONE_OFF = {name for name, service in SERVICES.items() if service.get("restart") == "no"}
"""Services that do their work and end; others wait for them."""
LASTING = sorted(SERVICES.keys() - ONE_OFF)


def mounts(service: str) -> list[tuple[str, str, bool]]:
    """Source, target and whether it is read-only, of every mount of a service."""
    parts = [volume.split(":") for volume in SERVICES[service].get("volumes", [])]
    return [(part[0], part[1], part[2:] == ["ro"]) for part in parts]


def bind_mounts(service: str) -> list[tuple[Path, str, bool]]:
    """The mounts that come from the repository."""
    return [(ROOT / source, target, is_fixed) for source, target, is_fixed in mounts(service) if source[0] in "./"]


def mounted_file(service: str, path: str) -> Path:
    """The file in the repository that a service sees under ``path``.

    Raises:
        LookupError: nothing of the repository is mounted there.
    """
    for source, target, _ in bind_mounts(service):
        if path == target or path.startswith(f"{target}/"):
            return source / path.removeprefix(target).removeprefix("/") if path != target else source
    raise LookupError(f"{service} sees nothing of the repository at {path}")


def option(service: str, name: str) -> str:
    """The value of a command line option ``--name=value`` or ``-name=value`` of a service."""
    for word in SERVICES[service]["command"]:
        key, _, value = str(word).partition("=")
        if key.lstrip("-") == name:
            return value
    raise LookupError(f"{service} has no option {name}")
