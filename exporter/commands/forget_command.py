"""``sigyn forget``: one person removed from everything that Sigyn stores."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from exporter.assembly import build_pseudonyms, open_state
from exporter.commands.failures import WorkFailedError
from exporter.commands.out_of_reach import out_of_reach
from exporter.config import Config
from exporter.forgetting import Footprint, Person, erase, find
from exporter.hook_files import HookTraces, erase_in_hooks, find_in_hooks, refreshed
from exporter.logs import one_line
from exporter.model_store import ModelStore
from exporter.state import State, StateLocked

LOCAL: Final = "local"
"""The source that may be following a hook's file."""


def run_forget(user: str, config: Config, hook_file: Path, *, asks: bool) -> None:
    """Show what is stored about a user, ask, remove it, and say what is out of reach.

    Raises ``WorkFailedError`` when nothing is stored, when the answer is no, and while the state is in use.
    """
    person = person_of(user, config)
    with _open(config) as state:
        found, hooks = find(state, ModelStore(config.state.directory), person), find_in_hooks(hook_file, user)
        if found or hooks:
            _remove(state, found, hooks, asks=asks)
    if found.neighbours:
        click.echo(f"{found.neighbours:,} sessions of others are in projects whose path bears the name; they stay.")
    for line in out_of_reach(config, person, found.sessions):
        click.echo(line)
    if not found and not hooks:
        raise WorkFailedError(
            f"nothing is stored about {one_line(user)!r} in {config.state.directory}: "
            "user ids are compared whole and in the case they have"
        )


def person_of(user: str, config: Config) -> Person:
    """A person by the name that telemetry has; what was stored under the pseudonym is theirs too."""
    pseudonyms = build_pseudonyms(config)
    return Person(user, frozenset([user] if pseudonyms is None else [user, pseudonyms.user(user)]))


def _open(config: Config) -> State:
    directory = config.state.directory
    if not directory.is_dir():
        raise WorkFailedError(f"{directory} does not exist: name the folder Sigyn was run with (--config or --state)")
    try:
        return open_state(config)
    except StateLocked as error:
        raise WorkFailedError(
            f"{directory} is in use by a running Sigyn, which also has the user in its memory: "
            "stop it, run this again, and start it"
        ) from error


def _remove(state: State, found: Footprint, hooks: HookTraces, *, asks: bool) -> None:
    for line in told(found, hooks):
        click.echo(line)
    if asks and not _agreed():
        raise WorkFailedError("nothing was removed")
    erase(state, found)
    erase_in_hooks(hooks)
    if hooks.lines and LOCAL in (positions := state.positions()):
        with state.begin() as transaction:
            transaction.set_position(LOCAL, refreshed(positions[LOCAL], hooks.file))
    click.echo("Removed.")
    if found.models:
        click.echo("The models are gone: `sigyn serve` trains at its next start, `sigyn train` when you run it.")


def _agreed() -> bool:
    if not sys.stdin.isatty():
        raise click.UsageError("nobody is there to agree: add --yes")
    return click.confirm("Remove all this for good?")


def told(found: Footprint, hooks: HookTraces) -> Iterator[str]:
    """What was found, a line each, with how much."""
    counts = {
        "sessions": len(found.sessions),
        **{f"their {name.replace('_', ' ')}": count for name, count in found.rows.items()},
        "other sessions that resemble them": len(found.alike),
        "verdicts on others that name them": len(found.verdicts),
        "lines waiting for Loki": len(found.lines) + len(found.rewritten),
        "counters under their name": sum(map(len, found.counts.values())),
        "things known by their name": len(found.familiar) + len(found.acquainted),
        "sources with file names that bear theirs": len(found.positions),
        "model files that learnt from them": len(found.models),
        "lines of hooks": len(hooks.lines) + len(hooks.spooled),
        "logs of hooks": int(hooks.log is not None),
    }
    for name, count in counts.items():
        if count:
            yield f"{name:<42}{count:>10,}"
