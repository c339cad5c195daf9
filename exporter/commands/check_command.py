"""``sigyn check-config``: everything about a configuration that can be checked without running, all at once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from exporter.config import ConfigError, check_config
from exporter.rule_file import RuleFileError, load_rule_set


def run_check(config_file: Path, environ: Mapping[str, str]) -> None:
    """Raise ``ConfigError`` with every mistake in the file and in the rule files it names."""
    config, errors = check_config(config_file, environ)
    readable = [path for path in config.rules.files if path.is_file()]  # the others are among the errors
    try:
        load_rule_set(readable, config.rules.disable)
    except RuleFileError as error:
        errors += error.errors
    if errors:
        raise ConfigError(errors)
