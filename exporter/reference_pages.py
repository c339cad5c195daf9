"""Files that are rendered from the code, so that they cannot drift from it: written, or checked for being stale."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class ReferencePages:
    """Some rendered files and the command that keeps them.

    Attributes:
        module: what ``python -m`` runs to write them.
        description: of that command, for its help.
        render: the text of every file, by its path in the project.
    """

    module: str
    description: str
    render: Callable[[], Mapping[Path, str]]

    def stale(self, root: Path = ROOT) -> list[Path]:
        """The files, relative to the project, that differ from what the code says."""
        return [
            path
            for path, text in self.render().items()
            if not (root / path).is_file() or (root / path).read_text(encoding="utf-8") != text
        ]

    def write(self, root: Path = ROOT) -> None:
        """Write the files."""
        for path, text in self.render().items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text, encoding="utf-8")

    def main(self, arguments: Sequence[str], root: Path = ROOT) -> int:
        """The command; 0 on success, 1 when a file is stale."""
        parser = argparse.ArgumentParser(prog=f"python -m {self.module}", description=self.description)
        action = parser.add_mutually_exclusive_group(required=True)
        action.add_argument("--check", action="store_true", help="fail when a file is stale")
        action.add_argument("--write", action="store_true", help="write the files")
        if parser.parse_args(arguments).write:
            self.write(root)
            return 0
        stale = self.stale(root)
        for path in stale:
            sys.stderr.write(f"{path}: is stale (run python -m {self.module} --write)\n")
        return 1 if stale else 0


def markdown_table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a Markdown table."""
    return [_line(titles), "|" + "---|" * len(titles), *(_line(row) for row in rows)]


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"
