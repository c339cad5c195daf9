"""Options of ``sigyn hook``: from the command line, else the environment, else a default. Standard library only."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple, NoReturn

DEFAULT_TIMEOUT_MS: Final = 150
_LONGEST_TIMEOUT_MS: Final = 60_000

USEFUL_EVENTS: Final = (
    "SessionStart", "SessionEnd", "UserPromptSubmit", "UserPromptExpansion", "PreToolUse", "PostToolUse",
    "PostToolUseFailure", "PermissionRequest", "PermissionDenied", "Notification", "SubagentStart", "SubagentStop",
    "Stop", "StopFailure", "PreCompact",
)  # fmt: skip
"""The hook events that scores can use; each is worth registering."""


class HookOptions(NamedTuple):
    """What a run of ``sigyn hook`` does.

    Attributes:
        out: file to append to, None to append to none.
        folder: where the error log is, and the spool unless it was given.
        spool: folder of lines that Loki has not taken yet.
        loki_url: Loki to push to, None to push to none.
        tenant: its tenant.
        user: who runs the agent, None for the login name.
        log_prompts: whether the text of prompts is kept.
        timeout: seconds after which the process ends, whatever it is doing.
        debug: whether problems go to standard error rather than to the error log.
    """

    out: Path | None
    folder: Path
    spool: Path
    loki_url: str | None
    tenant: str | None
    user: str | None
    log_prompts: bool
    timeout: float
    debug: bool


class UsageError(ValueError):
    """A wrong command line; the message names the option."""


class HelpRequest(Exception):  # noqa: N818 - asking for help is no error
    """``--help`` was given; holds the text."""


class _Parser(argparse.ArgumentParser):
    """Raises instead of ending the process: a hook must end with 0 even when it is called wrongly."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; see sigyn hook --help")


def parse_options(arguments: Sequence[str], environ: Mapping[str, str], home: Path) -> HookOptions:
    """The options of one run.

    Args:
        arguments: what follows ``sigyn hook``.
        environ: the environment: ``SIGYN_HOOK_FILE``, ``SIGYN_LOKI_URL``, ``SIGYN_LOKI_TENANT``, ``SIGYN_USER``,
            ``SIGYN_HOOK_LOG_PROMPTS``, ``XDG_STATE_HOME``.
        home: the user's home folder.

    Raises:
        UsageError: for an unknown option or a bad value.
        HelpRequest: for ``--help``.
    """
    parser = _parser()
    given = parser.parse_args(arguments)
    if given.help:
        raise HelpRequest(f"{parser.format_help()}\n{_registration()}")
    url = given.push or environ.get("SIGYN_LOKI_URL") or None
    named = given.out or environ.get("SIGYN_HOOK_FILE")
    # Where lines are pushed and no file is named, none is written: nobody would ever rotate it.
    file = Path(named).expanduser() if named else default_file(environ, home)
    return HookOptions(
        out=file if named or not url else None,
        folder=file.parent,
        spool=Path(given.spool).expanduser() if given.spool else file.with_name(file.name + ".spool"),
        loki_url=url,
        tenant=given.tenant or environ.get("SIGYN_LOKI_TENANT") or None,
        user=given.user or environ.get("SIGYN_USER") or None,
        log_prompts=given.log_prompts or environ.get("SIGYN_HOOK_LOG_PROMPTS", "").lower() in ("1", "true", "yes"),
        timeout=_timeout_ms(given.timeout_ms) / 1000,
        debug=given.debug,
    )


def default_file(environ: Mapping[str, str], home: Path) -> Path:
    """Where lines go when no file is named: with the user's other state, as the XDG base directories have it."""
    state = environ.get("XDG_STATE_HOME", "")
    base = Path(state) if state.startswith("/") else home / ".local" / "state"
    return base / "sigyn" / "telemetry" / "hooks.jsonl"


def _timeout_ms(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= _LONGEST_TIMEOUT_MS:
        raise UsageError(f"--timeout-ms {text!r} is no number of milliseconds from 1 to {_LONGEST_TIMEOUT_MS}")
    return int(text)


def _parser() -> _Parser:
    parser = _Parser(
        prog="sigyn hook",
        add_help=False,
        allow_abbrev=False,
        description="Reads one agent hook payload on standard input and appends it, as one event line, to a file, or "
        "pushes it to Loki, or both. Always exits 0, after at most --timeout-ms, and prints nothing, so that it can "
        "never block or confuse an agent. What cannot be pushed waits in the spool for a later hook.",
    )
    add = parser.add_argument
    add("--out", metavar="FILE", help="append to FILE ($SIGYN_HOOK_FILE; by default, where nothing is pushed, "
        "${XDG_STATE_HOME:-~/.local/state}/sigyn/telemetry/hooks.jsonl)")  # fmt: skip
    add("--push", metavar="URL", help="push to Loki at URL ($SIGYN_LOKI_URL)")
    add("--tenant", metavar="T", help="Loki's tenant ($SIGYN_LOKI_TENANT)")
    add("--spool", metavar="FOLDER", help="where lines wait that Loki has not taken (default: FILE.spool)")
    add("--user", metavar="NAME", help="who runs the agent ($SIGYN_USER; default: the login name)")
    add("--log-prompts", action="store_true", help="keep the text of prompts ($SIGYN_HOOK_LOG_PROMPTS=1)")
    add("--timeout-ms", metavar="MS", default=str(DEFAULT_TIMEOUT_MS),
        help=f"end after MS milliseconds (default: {DEFAULT_TIMEOUT_MS})")  # fmt: skip
    add("--debug", action="store_true", help="report problems on standard error, not in hook-errors.log")
    add("-h", "--help", action="store_true", help="show this and how to register the hook")
    return parser


def _registration() -> str:
    """What to write into the agent's settings."""
    hook = json.dumps([{"hooks": [{"type": "command", "command": "sigyn hook", "timeout": 5}]}])
    events = ",\n".join(f'    "{event}": {hook}' for event in USEFUL_EVENTS)
    return (
        "To register it, put this into ~/.claude/settings.json (for you) or .claude/settings.json (for a project):\n\n"
        f'{{\n  "hooks": {{\n{events}\n  }}\n}}\n\n'
        "Kept are sizes, times, outcomes, tool names, and of a tool's arguments command, path, address and kind of\n"
        "sub-agent. Never kept are contents of files, results, and, without --log-prompts, the text of prompts.\n"
        "Read the file with: sources.local.paths in the configuration, or sigyn score --input FILE\n"
    )
