"""Write the dashboards to ``generated/``; ``--check`` only says whether that is up to date.

Run as ``python -m grafana.build``. Exit status 1 with ``--check`` when a file is stale, missing or left over.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from grafana.dashboards import DASHBOARDS

GENERATED: Final = Path(__file__).parent / "generated"


def rendered(dashboard: Dashboard) -> str:
    """A dashboard as the text of its file."""
    return json.dumps(dashboard, cls=JSONEncoder, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def all_files() -> dict[str, str]:
    """Text by file name."""
    built = [make() for make in DASHBOARDS]
    return {f"{dashboard.uid}.json": rendered(dashboard) for dashboard in built}


def stale_files(files: Mapping[str, str], folder: Path = GENERATED) -> list[str]:
    """Names of files that differ from what would be written, are missing, or belong to no dashboard."""
    present = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.json")}
    return sorted(name for name in {*files, *present} if files.get(name) != present.get(name))


def write_files(files: Mapping[str, str], folder: Path = GENERATED) -> None:
    """Bring the folder up to date."""
    folder.mkdir(exist_ok=True)
    for name in stale_files(files, folder):
        if name in files:
            (folder / name).write_text(files[name], encoding="utf-8")
        else:
            (folder / name).unlink()


def main(arguments: list[str] | None = None) -> int:
    """Build or check; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m grafana.build", description="Generate the dashboards.")
    parser.add_argument("--check", action="store_true", help="change nothing; fail when a file is stale")
    is_check = parser.parse_args(arguments).check
    files = all_files()
    if not is_check:
        write_files(files)
        return 0
    stale = stale_files(files)
    for name in stale:
        sys.stderr.write(f"{GENERATED.name}/{name} is stale: run python -m grafana.build\n")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
