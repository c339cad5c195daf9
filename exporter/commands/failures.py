"""Errors as people see them: one line that names what is wrong and what to do, and an exit status."""

from __future__ import annotations

import sys
import traceback
from typing import Final

from analytics.evaluation.errors import EvaluationError
from analytics.simulation import SimulationError
from exporter.cluster.errors import ClusterError
from exporter.commands.explain_command import UnknownSessionError
from exporter.config import ConfigError
from exporter.listening import ListenError
from exporter.logs import one_line
from exporter.loki.errors import LokiError
from exporter.model_store import ModelStoreError
from exporter.processes import LostProcessError
from exporter.rule_file import RuleFileError
from exporter.sources.source import SourceError
from exporter.state import StateError

WRONG_CONFIGURATION: Final = 2
WORK_FAILED: Final = 1


class WorkFailedError(Exception):
    """A command could not do what it was asked to; the message is for people."""


_EXPECTED: Final = (
    WorkFailedError, SourceError, StateError, ModelStoreError, LokiError, ListenError, UnknownSessionError,
    EvaluationError, ClusterError, LostProcessError,
)  # fmt: skip


def report_failure(error: Exception, *, debug: bool) -> int:
    """Write the error to standard error; returns the exit status."""
    if debug:
        traceback.print_exception(error)
    if isinstance(error, (ConfigError, RuleFileError)):
        for line in error.errors:
            sys.stderr.write(f"{one_line(line)}\n")
        return WRONG_CONFIGURATION
    if isinstance(error, SimulationError):
        sys.stderr.write(f"sigyn simulate: {one_line(str(error))}\n")
        return WRONG_CONFIGURATION
    if isinstance(error, _EXPECTED):
        sys.stderr.write(f"sigyn: {one_line(str(error))}\n")
    elif isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        sys.stderr.write(f"sigyn: {one_line(where)}{error.strerror or error}\n")
    else:
        hint = "" if debug else " (run again with `sigyn --debug …` and report it)"
        sys.stderr.write(f"sigyn: unexpected {type(error).__name__}: {one_line(str(error))}{hint}\n")
    return WORK_FAILED
