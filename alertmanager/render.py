#!/usr/bin/env python3
"""Write Alertmanager's configuration with the receivers that the environment switches on.

Alertmanager reads no environment variables, so this runs before it: ``python alertmanager/render.py --output DIR``
writes ``DIR/alertmanager.yml`` and, for secrets that came as a variable, one file each beside it. Both are readable by
their owner only, so run it as the user that Alertmanager runs as. With no variable set the result is valid and tells
nobody. ``docs/alerting.md`` lists the variables; each secret ``NAME`` may come as ``NAME_FILE``, the path of a file
that Alertmanager reads itself.

Exit status: 0 written, 2 the environment or a file is wrong; then every error is on a line of its own on standard
error, and nothing is written.

    RenderError     the environment or a file is wrong; ``errors`` has one line for each mistake
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import yaml

HERE: Final = Path(__file__).resolve().parent
PREFIX: Final = "SIGYN_ALERT_"
SECRETS: Final = ("WEBHOOK_URL", "SLACK_WEBHOOK_URL", "TEAMS_WEBHOOK_URL", "PAGERDUTY_ROUTING_KEY", "EMAIL_PASSWORD")
TEXTS: Final = ("SLACK_CHANNEL", "EMAIL_TO", "EMAIL_FROM", "EMAIL_SMARTHOST", "EMAIL_USERNAME", "EMAIL_REQUIRE_TLS")
VARIABLES: Final = frozenset((*SECRETS, *(f"{name}_FILE" for name in SECRETS), *TEXTS))
"""The variables, without PREFIX. One that begins with PREFIX and is not among them is a mistake."""

Settings = dict[str, Any]


class RenderError(Exception):
    """The configuration cannot be written; ``errors`` says why, one line for each mistake, without any secret."""

    def __init__(self, errors: Sequence[str]) -> None:
        super().__init__("; ".join(errors))
        self.errors = tuple(errors)


@dataclass(frozen=True)
class Rendered:
    """What to write: the configuration, and the secrets it refers to by their path."""

    config: Settings
    secrets: Mapping[Path, str]


@dataclass
class Environment:
    """The variables, read by name without PREFIX; mistakes are collected, so that all are told at once.

    Attributes:
        values: variables that are set; an empty one is not.
        folder: where secrets that came as a variable will be.
        errors: mistakes so far.
        secrets: secrets so far, by the path they are to be written to.
    """

    values: Mapping[str, str]
    folder: Path
    errors: list[str] = field(default_factory=list)
    secrets: dict[Path, str] = field(default_factory=dict)

    @classmethod
    def of(cls, environ: Mapping[str, str], folder: Path) -> Environment:
        """The variables with PREFIX among all of ``environ``."""
        given = {name.removeprefix(PREFIX): value.strip() for name, value in environ.items() if name.startswith(PREFIX)}
        environment = cls({name: value for name, value in given.items() if value}, folder)
        for name in sorted(given.keys() - VARIABLES):
            environment.errors.append(f"{PREFIX}{name}: no such variable; docs/alerting.md lists them")
        return environment

    def text(self, name: str) -> str | None:
        """A variable that is no secret; None when not set."""
        return self.values.get(name)

    def secret_file(self, name: str) -> str | None:
        """The path of the file that holds a secret, whichever way it was given; None when not set."""
        value, file = self.values.get(name), self.values.get(f"{name}_FILE")
        if value and file:
            self.errors.append(f"{PREFIX}{name}: set as {PREFIX}{name}_FILE too; keep one of them")
        if file:
            if not Path(file).is_file():
                self.errors.append(f"{PREFIX}{name}_FILE: {file} is no file; mount it or correct the path")
            return file
        if not value:
            return None
        if name.endswith("_URL"):
            self.check_url(name, value)
        path = self.folder / name.lower()
        self.secrets[path] = value
        return str(path)

    def check_url(self, name: str, value: str) -> None:
        """Note a mistake unless the value is an http(s) address; the value itself is never told."""
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.netloc:
            self.errors.append(f"{PREFIX}{name}: not an address that begins with http:// or https://")


def _webhook(environment: Environment) -> Settings | None:
    # An address given as a variable stays in the configuration: url_file needs Alertmanager 0.26, and most addresses
    # hold no secret. One that does belongs in a file.
    url = environment.text("WEBHOOK_URL")
    if url and not environment.text("WEBHOOK_URL_FILE"):
        environment.check_url("WEBHOOK_URL", url)
        return {"url": url}
    file = environment.secret_file("WEBHOOK_URL")
    return {"url_file": file} if file else None


def _slack(environment: Environment) -> Settings | None:
    file, channel = environment.secret_file("SLACK_WEBHOOK_URL"), environment.text("SLACK_CHANNEL")
    if file is None:
        if channel:
            environment.errors.append(f"{PREFIX}SLACK_CHANNEL: needs {PREFIX}SLACK_WEBHOOK_URL")
        return None
    return {"api_url_file": file, **({"channel": channel} if channel else {})}


def _teams(environment: Environment) -> Settings | None:
    file = environment.secret_file("TEAMS_WEBHOOK_URL")
    return {"webhook_url_file": file} if file else None


def _pagerduty(environment: Environment) -> Settings | None:
    file = environment.secret_file("PAGERDUTY_ROUTING_KEY")
    return {"routing_key_file": file} if file else None


def _email(environment: Environment) -> Settings | None:
    given = {key: environment.text(f"EMAIL_{key.upper()}") for key in ("to", "from", "smarthost")}
    username, password_file = environment.text("EMAIL_USERNAME"), environment.secret_file("EMAIL_PASSWORD")
    if not any(name.startswith("EMAIL_") for name in environment.values):
        return None
    for key, value in given.items():
        if value is None:
            environment.errors.append(f"{PREFIX}EMAIL_{key.upper()}: not set, but mail needs it")
    if (username is None) != (password_file is None):
        environment.errors.append(f"{PREFIX}EMAIL_USERNAME: belongs together with {PREFIX}EMAIL_PASSWORD; set both")
    require_tls = environment.text("EMAIL_REQUIRE_TLS") or "true"
    if require_tls not in {"true", "false"}:
        environment.errors.append(f"{PREFIX}EMAIL_REQUIRE_TLS: must be true or false")
    settings: Settings = {**given, "require_tls": require_tls == "true"}
    if username and password_file:
        settings |= {"auth_username": username, "auth_password_file": password_file}
    return settings


RECEIVERS: Final = (
    ("people", "webhook_configs", _webhook),
    ("people", "slack_configs", _slack),
    ("people", "msteamsv2_configs", _teams),
    ("people", "email_configs", _email),
    ("pager", "pagerduty_configs", _pagerduty),
)
"""Receiver of alertmanager.yml, kind of integration, and what reads its address from the environment."""


def render(folder: Path, environ: Mapping[str, str], output: Path) -> Rendered:
    """The configuration for an environment.

    Args:
        folder: where alertmanager.yml, receivers.yml and templates/ are, for Alertmanager too.
        environ: environment variables.
        output: the folder that the result will be written to.

    Raises:
        RenderError: variables contradict each other, are unknown or lead nowhere, or a file cannot be read.
    """
    config, texts = _read_yaml(folder / "alertmanager.yml"), _read_yaml(folder / "receivers.yml")
    environment = Environment.of(environ, output.absolute() / "secrets")
    integrations: dict[str, Settings] = {}
    for receiver, kind, read in RECEIVERS:
        settings = read(environment)
        if settings is not None:
            integrations.setdefault(receiver, {})[kind] = [{**settings, **texts[kind]}]
    if environment.errors:
        raise RenderError(environment.errors)
    config["receivers"] = [{**receiver, **integrations.get(receiver["name"], {})} for receiver in config["receivers"]]
    config["templates"] = [str(folder.absolute() / pattern) for pattern in config["templates"]]
    return Rendered(config, environment.secrets)


def _read_yaml(path: Path) -> Settings:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeError) as error:
        raise RenderError([f"{path}: cannot be read; check the path and its permissions"]) from error
    except yaml.YAMLError as error:
        raise RenderError([f"{path}: is not valid YAML; check it with amtool check-config"]) from error
    if not isinstance(content, dict):
        raise RenderError([f"{path}: is not a mapping; check it with amtool check-config"])
    return content


def write(rendered: Rendered, output: Path) -> None:
    """Write everything below ``output``, each file whole or not at all, readable by its owner only.

    Secrets of an earlier run that are no longer used are removed.

    Raises:
        RenderError: a file cannot be written.
    """
    text = yaml.safe_dump(rendered.config, sort_keys=False, allow_unicode=True, width=120)
    files = {**{path: f"{secret}\n" for path, secret in rendered.secrets.items()}, output / "alertmanager.yml": text}
    for path, content in files.items():
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write_private(path, content)
        except OSError as error:
            raise RenderError([f"{path}: cannot be written ({error.strerror}); check --output"]) from error
    for path in {output.absolute() / "secrets" / name.lower() for name in SECRETS} - rendered.secrets.keys():
        path.unlink(missing_ok=True)


def _write_private(path: Path, content: str) -> None:
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(content)
    part.replace(path)


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """The command; returns the exit status."""
    parser = argparse.ArgumentParser(description="Write Alertmanager's configuration for the receivers switched on.")
    parser.add_argument("--output", type=Path, required=True, help="folder to write alertmanager.yml and secrets to")
    options = parser.parse_args(arguments)
    try:
        rendered = render(HERE, environ, options.output)
        write(rendered, options.output)
    except RenderError as error:
        sys.stderr.write("".join(f"error: {line}\n" for line in error.errors))
        return 2
    kinds = [kind for receiver in rendered.config["receivers"] for kind in receiver if kind != "name"]
    sys.stdout.write(f"{options.output / 'alertmanager.yml'}: {', '.join(kinds) or 'no receiver, tells nobody'}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
