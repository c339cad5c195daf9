"""A configuration with all that can be checked of it without running: its keys, its rules, and who reaches its pages.

``sigyn check-config`` and a reload go by this, so that what the one refuses the other does not put in force.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from exporter.config import Config, ConfigError, check_config
from exporter.rule_file import RuleFileError, load_rule_set
from exporter.web_access import load_web_security


def checked_config(path: Path, environ: Mapping[str, str]) -> Config:
    """The configuration of a file, filled from an environment.

    Raises:
        ConfigError: with every mistake in the file and in the files it names.
    """
    config, errors = check_config(path, environ)
    readable = [one for one in config.rules.files if one.is_file()]  # the others are among the errors
    try:
        load_rule_set(readable, config.rules.disable)
    except RuleFileError as error:
        errors += error.errors
    errors += _web_problems(config)
    if errors:
        raise ConfigError(errors)
    return config


def _web_problems(config: Config) -> list[str]:
    """What is wrong with the web configuration file, and with who may reach the address."""
    file = config.web.config_file
    if file is not None and not file.is_file():  # among the errors already
        return []
    try:
        load_web_security(config.web, config.web.listen)
    except ConfigError as error:
        return error.errors
    return []
