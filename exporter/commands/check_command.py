"""``sigyn check-config``: everything about a configuration that can be checked without running, all at once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from exporter.checked_config import checked_config


def run_check(config_file: Path, environ: Mapping[str, str]) -> None:
    """Raise ``ConfigError`` with every mistake in the file and in the files it names."""
    checked_config(config_file, environ)
