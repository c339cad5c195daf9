"""``sigyn train``: models fitted on local files, here or on the workers of a Dask cluster, with the same result."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from exporter.assembly import build_analyses, build_cycle_settings, build_pseudonyms, build_rules
from exporter.batch_run import HERE, Inputs, Spreads, history_of, read_files
from exporter.cluster.errors import ClusterError
from exporter.commands.clock import utc_now
from exporter.commands.failures import WorkFailedError
from exporter.commands.terminal import dropped_line, output_console, progress_bar, say
from exporter.config import Config
from exporter.file_groups import file_groups
from exporter.model_store import ModelStore
from exporter.processes import reading_spread
from exporter.sources.source import SourceError
from exporter.state import State
from exporter.training import Shelf, train
from exporter.world import EnabledAnalysis, Models

if TYPE_CHECKING:
    from exporter.cluster.workers import Cluster


@dataclass(frozen=True, slots=True)
class Hands:
    """Who does the work.

    Attributes:
        scheduler: address of a Dask scheduler whose workers read, measure and fit; None to do it on this machine.
        jobs: processes that read here; None for as many as are worth it.
    """

    scheduler: str | None = None
    jobs: int | None = None


def run_train(paths: Sequence[str], directory: Path, config: Config, hands: Hands) -> None:
    """Fit the models on local files and keep them in the state folder."""
    analyses = build_analyses(config)
    with State.open(directory) as state, workers_at(hands.scheduler) as workers:
        inputs = read_sessions(paths, config, hands.jobs, workers)
        models = fit_and_keep(inputs, analyses, Shelf(ModelStore(directory), state), workers=workers)
    if not models.fitted:
        lacking = " and ".join(f"{name} needs {needed} more sessions" for name, needed in models.needed.items())
        raise WorkFailedError(f"nothing was fitted: {lacking or 'no analysis is enabled'}; name more with --input")
    for name, needed in models.needed.items():
        say(f"{name}: {needed} more sessions needed; it was not fitted")
    for fitted in models.states.values():
        output_console().print(f"{fitted.analysis}: trained on {fitted.sessions:,} sessions, version {fitted.version}")


@contextmanager
def workers_at(scheduler: str | None) -> Iterator[Cluster | None]:
    """The workers of a scheduler for the time of the block; None where all work is done here."""
    if scheduler is None:
        yield None
        return
    try:
        from exporter.cluster.workers import connected  # noqa: PLC0415 - Dask is an optional dependency
    except ImportError as error:
        raise ClusterError("--dask needs Dask: install it with `pip install 'sigyn[cluster]'`") from error
    with connected(scheduler) as cluster:
        yield cluster


def read_sessions(paths: Sequence[str], config: Config, jobs: int | None, workers: Cluster | None) -> Inputs:
    """The sessions of some local files, measured; what was read and left out is told."""
    hours, rules = build_cycle_settings(config, utc_now()).working_hours, build_rules(config)
    groups = file_groups(paths)
    spreads = Spreads(workers.spread, workers.spread) if workers else Spreads(reading_spread(groups, jobs))
    with progress_bar("reading") as bar:
        try:
            inputs = read_files(groups, rules, hours, bar, spreads)
        except SourceError as error:
            if workers is None:
                raise
            raise ClusterError(f"on a worker: {error}; every worker must see the files under the same paths") from error
    for problem in () if spreads == HERE else inputs.problems:  # what is read here is told by the log already
        say(problem)
    say(f"read {inputs.events:,} events of {len(inputs.measured):,} sessions")
    if left_out := dropped_line(inputs.dropped):
        say(left_out)
    pseudonyms = build_pseudonyms(config)
    return inputs if pseudonyms is None else inputs.under(pseudonyms)


def fit_and_keep(
    inputs: Inputs,
    analyses: tuple[EnabledAnalysis, ...],
    shelf: Shelf,
    previous: Models | None = None,
    workers: Cluster | None = None,
) -> Models:
    """Fit the analyses on all sessions and save their models."""
    fitted_there = analyses if workers is None else workers.spread_out(analyses)
    with progress_bar("fitting"):
        return train(history_of(inputs), fitted_there, shelf, previous or Models(), time.time())
