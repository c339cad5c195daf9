"""What ``sigyn forget`` takes; its work is imported when it runs, so that ``--help`` answers at once."""

from __future__ import annotations

import os
from pathlib import Path

import click

_PATH = click.Path(path_type=Path)


def _named(_context: click.Context, _argument: click.Parameter, given: str) -> str:
    """A name that somebody can have: a blank one would be found in whatever has no user."""
    if not given.strip():
        raise click.BadParameter("is blank: give the user id as telemetry has it.")
    return given


@click.command()
@click.argument("user", metavar="USER", callback=_named)
@click.option("--config", "config_file", type=_PATH, help="Configuration file of the exporter.")
@click.option("--state", "state_directory", type=_PATH, help="State folder, in place of the configuration's.")
@click.option("--hook-file", type=_PATH, help="File of `sigyn hook`; default: where it writes for this account.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def forget(
    user: str, config_file: Path | None, state_directory: Path | None, hook_file: Path | None, *, yes: bool
) -> None:
    """Remove a user, by the id that telemetry has, from everything Sigyn stores, and say what is out of reach.

    The exporter must be stopped meanwhile. With pseudonyms give --config: its key finds what is stored under them.
    """
    from exporter.commands.forget_command import run_forget  # noqa: PLC0415 - as the module says
    from exporter.config import load_config  # noqa: PLC0415 - as the module says
    from exporter.hook_options import default_file  # noqa: PLC0415 - as the module says

    if config_file is None and state_directory is None:
        raise click.UsageError("give --config FILE or --state DIR")
    config = load_config(config_file, os.environ)
    if state_directory is not None:
        state = config.state.model_copy(update={"directory": state_directory, "url": None})
        config = config.model_copy(update={"state": state})
    run_forget(user, config, hook_file or default_file(os.environ, Path.home()), asks=not yes)
