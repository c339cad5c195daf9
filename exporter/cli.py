"""The command line: what each command takes, and how errors reach people.

Exit status 0 on success, 1 when the work failed, 2 for wrong usage or configuration. An error is one line on standard
error; a stack trace only under ``--debug``. The work itself is imported by the command that needs it, so that
``--help`` answers at once.
"""

from __future__ import annotations

import os
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from exporter.commands.evaluate_options import evaluate
from exporter.commands.forget_options import forget
from exporter.commands.option_values import address, http_url, step
from exporter.commands.shared_options import (
    config_option,
    dask_option,
    input_option,
    jobs_option,
    optional_config,
    state_option,
)

if TYPE_CHECKING:
    from datetime import timedelta

    from exporter.config import Config
    from exporter.config_values import ListenAddress

_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class _ReaderGone(Exception):  # noqa: N818 - not an error: whoever read standard output has what they wanted
    pass


class _Commands(click.Group):
    """A group that tells a closed pipe apart from a failure, which click itself does not."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()  # here, so that a closed pipe is met here and not after the end
        except BrokenPipeError as error:
            raise _ReaderGone from error
        return result


@click.group(cls=_Commands, context_settings=_CONTEXT)
@click.version_option(version("sigyn"), prog_name="sigyn")
@click.option("--debug", is_flag=True, help="Show stack traces and debug messages.")
@click.pass_context
def cli(context: click.Context, *, debug: bool) -> None:
    """Sigyn watches AI coding agents: which sessions are risky, how, and why.

    Start with `sigyn demo`, or judge your own history: `sigyn score --input ~/.claude/projects`.
    """
    context.obj = {"debug": debug}
    if context.invoked_subcommand not in ("serve", "once", "replay", "demo"):
        _configure_logs("warning", "text", debug=debug)


def _configure_logs(level: str, log_format: str, *, debug: bool) -> None:
    from exporter.logs import configure_logging

    configure_logging("debug" if debug else level, log_format, debug=debug)  # type: ignore[arg-type]  # checked by the tree


def _load(config_file: Path | None) -> Config:
    from exporter.config import load_config

    return load_config(config_file, os.environ)


def _load_for_run(context: click.Context, config_file: Path | None) -> Config:
    """The configuration, with logging set up as it says."""
    config = _load(config_file)
    _configure_logs(config.log.level, config.log.format, debug=context.obj["debug"])
    return config


@cli.command()
@config_option
@click.option("--listen", metavar="HOST:PORT", callback=address, help="Address to listen on instead of web.listen.")
@click.pass_context
def serve(context: click.Context, config_file: Path, listen: ListenAddress | None) -> None:
    """Run the exporter: read telemetry on a schedule, score, serve /metrics and the pages.

    SIGTERM and Ctrl-C end it, SIGHUP reloads the configuration, SIGUSR1 trains now.
    """
    from exporter.serving import serve as run

    run(_load_for_run(context, config_file), config_file, listen)


@cli.command()
@config_option
@click.pass_context
def once(context: click.Context, config_file: Path) -> None:
    """Run one cycle, print the exposition, and exit."""
    from exporter.commands.once_command import run_once

    run_once(_load_for_run(context, config_file))


@cli.command("check-config")
@click.argument("config_file", type=click.Path(path_type=Path), metavar="FILE")
def check_config(config_file: Path) -> None:
    """Validate a configuration file: everything that can be checked without running, all errors at once."""
    from exporter.checked_config import checked_config

    checked_config(config_file, os.environ)
    click.echo(f"{config_file}: valid")


@cli.command()
@input_option
@state_option
@optional_config
@dask_option
@jobs_option
def train(inputs: tuple[str, ...], state_directory: Path, config_file: Path | None, **hands: Any) -> None:
    """Fit the models on local event lines and keep them in the state folder.

    A long history is read and fitted faster on a Dask cluster: start `dask scheduler` on one machine and
    `dask worker tcp://scheduler:8786` on others, and give the scheduler's address with --dask.
    """
    from exporter.commands.train_command import Hands, run_train

    run_train(inputs, state_directory, _load(config_file), Hands(**hands))


@cli.command()
@input_option
@state_option
@optional_config
@dask_option
@jobs_option
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["table", "jsonl", "csv"]),
    default="table",
    show_default=True,
    help="How to print the sessions, most risky first.",
)
def score(
    inputs: tuple[str, ...],
    state_directory: Path,
    config_file: Path | None,
    output_format: str,
    **hands: Any,
) -> None:
    """Score local event lines with the fitted models.

    Where the state folder has no models yet, they are fitted on the given files first.
    """
    from exporter.commands.score_command import run_score
    from exporter.commands.train_command import Hands

    run_score(inputs, state_directory, output_format, _load(config_file), Hands(**hands))


@cli.command()
@click.argument("session_id", metavar="SESSION")
@state_option
def explain(session_id: str, state_directory: Path) -> None:
    """Say why a scored session has the score it has."""
    from exporter.commands.explain_command import run_explain

    run_explain(session_id, state_directory)


@cli.command()
@config_option
@click.option("--from", "begin", required=True, metavar="T", help="Begin: RFC 3339 time, date, or age such as 7d.")
@click.option("--to", "end", required=True, metavar="T", help="End: RFC 3339 time, date, age, or `now`.")
@click.option(
    "--step", "pause", metavar="DURATION", callback=step, help="Time between two cycles; default: cycle.interval."
)
@click.pass_context
def replay(context: click.Context, config_file: Path, begin: str, end: str, pause: timedelta | None) -> None:
    """Run history through the same cycle as `serve`, and publish nothing.

    Prints one line whenever a session's level rises to high or critical, as an alert would have.
    """
    from exporter.commands.replay_command import run_replay

    run_replay(_load_for_run(context, config_file), begin, end, pause)


@cli.command()
@click.option("--sessions", type=click.IntRange(min=1), required=True, help="How many sessions.")
@click.option(
    "--anomalous", type=click.FloatRange(0, 1), default=0.05, show_default=True, help="Share that misbehaves."
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Same seed, same behaviour.")
@click.option("--days", type=click.FloatRange(0.01, 3650), default=30, show_default=True, help="Days they spread over.")
@click.option("--details/--no-details", default=True, show_default=True, help="Log commands and paths, or only sizes.")
@click.option("--out", type=click.Path(path_type=Path), help="File for the lines; a .labels.csv is written beside it.")
@click.option("--push", metavar="URL", callback=http_url, help="Push them to this Loki instead.")
@click.option("--follow", is_flag=True, help="With --push: then go on sending sessions as they happen, until stopped.")
@click.option("--end", default="now", show_default=True, metavar="T", help="Time of the newest events.")
def simulate(**options: Any) -> None:
    """Make realistic telemetry with labelled misbehaviour; without --out or --push it goes to standard output."""
    if options["out"] and options["push"]:
        raise click.UsageError("--out and --push exclude each other: give one of them.")
    from exporter.commands.simulate_command import run_simulate

    if options["follow"] and not options["push"]:
        raise click.UsageError("--follow needs --push URL")
    run_simulate(**options)


@cli.command()
@click.option("--input", "inputs", multiple=True, metavar="PATH", help="Your own history instead of made-up telemetry.")
@click.option(
    "--listen",
    metavar="HOST:PORT",
    callback=address,
    default="127.0.0.1:9847",
    show_default=True,
    help="Where to serve.",
)
@click.option("--sessions", type=click.IntRange(min=40), default=320, show_default=True, help="Sessions to make up.")
@click.option("--seed", type=click.IntRange(min=0), default=7, show_default=True, help="Of the made-up telemetry.")
@click.option(
    "--directory", type=click.Path(path_type=Path), help="Folder for telemetry and state; default: a new one."
)
@click.option("--serve/--no-serve", default=True, show_default=True, help="Serve until interrupted, or only print.")
@click.pass_context
def demo(context: click.Context, /, **options: Any) -> None:
    """Show everything without a server: make telemetry, train, score, print the riskiest sessions, serve the pages."""
    from exporter.commands.demo_command import run_demo

    _configure_logs("warning", "text", debug=context.obj["debug"])
    run_demo(**options)


@cli.command(add_help_option=False, context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def hook(arguments: tuple[str, ...]) -> None:
    """Read one agent hook payload on standard input, append and/or push it; never blocks the agent."""
    from exporter import hook as hook_module

    hook_module.main(list(arguments))


def _report_usage(error: click.ClickException) -> int:
    """Write what is wrong with the command line in one line; returns the exit status."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "sigyn"
    told = " ".join(error.format_message().split())
    sys.stderr.write(f"{command}: {told} See `{command} --help`.\n")
    return error.exit_code


cli.add_command(evaluate)
cli.add_command(forget)


def main(arguments: list[str] | None = None) -> None:
    """Run a command and exit with its status."""
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        cli.main(arguments or ["--help"], prog_name="sigyn", standalone_mode=False)
    except click.ClickException as error:
        sys.exit(_report_usage(error))
    except (click.exceptions.Abort, KeyboardInterrupt):
        sys.exit(130)
    except _ReaderGone:
        # What is still buffered must not complain at the end either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as error:  # noqa: BLE001 - the one place that turns any error into a line
        from exporter.commands.failures import report_failure

        sys.exit(report_failure(error, debug="--debug" in arguments))
