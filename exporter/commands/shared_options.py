"""Options that several commands take."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

DEFAULT_STATE: Final = "./sigyn-state"

config_option = click.option(
    "--config", "config_file", type=click.Path(path_type=Path), required=True, help="Configuration file (YAML)."
)
optional_config = click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    help="Configuration file for sessions, rules, training and analyses; defaults without.",
)
input_option = click.option(
    "--input",
    "inputs",
    multiple=True,
    required=True,
    metavar="PATH",
    help="File, folder or glob of event lines (*.jsonl, *.jsonl.gz); can be given several times. Native lines, hook "
    "lines and Claude Code transcripts (~/.claude/projects) are recognised.",
)
state_option = click.option(
    "--state",
    "state_directory",
    type=click.Path(path_type=Path, file_okay=True),
    default=Path(DEFAULT_STATE),
    show_default=True,
    help="Folder of the models and scores.",
)
dask_option = click.option(
    "--dask",
    "scheduler",
    metavar="ADDRESS",
    help="Read, measure and fit on the workers of this Dask scheduler, such as tcp://scheduler:8786; the result is the "
    "same. The workers need this Sigyn and must see the files under the same paths. Needs the extra `sigyn[cluster]`.",
)
jobs_option = click.option(
    "--jobs",
    type=click.IntRange(min=1),
    help="Processes that read; default: all cores, as far as there are 48 MB of lines for each.",
)
