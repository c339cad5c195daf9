"""``sigyn once``: one cycle, the exposition on standard output."""

from __future__ import annotations

import sys

from prometheus_client import generate_latest

from exporter.commands.terminal import progress_bar, say
from exporter.config import Config
from exporter.service import Exporter
from exporter.sources.source import SourceError


def run_once(config: Config) -> None:
    """Read, train if that is due, score, print what ``/metrics`` would say."""
    exporter = Exporter(config, None)
    try:
        with progress_bar("reading and scoring"):
            report = exporter.cycle()
            if report is not None and exporter.training():
                report = exporter.cycle()
        sys.stdout.write(generate_latest(exporter.registry).decode())
    finally:
        exporter.close()
    if report is None or report.failed:
        raise SourceError(exporter.last_problem)
    if not exporter.world.verdicts:
        say(f"no sessions: nothing to read in {', '.join(config.sources.local_paths) or config.sources.loki.url}")
