"""``sigyn score``: the risk of each session in some local files."""

from __future__ import annotations

import csv
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import orjson

from analytics.verdicts import SessionVerdict
from exporter.assembly import build_analyses
from exporter.batch_run import score_inputs, stored_sessions
from exporter.commands.terminal import output_console, progress_bar, say, sessions_table
from exporter.commands.train_command import Hands, fit_and_keep, read_sessions, workers_at
from exporter.config import Config
from exporter.model_store import ModelStore
from exporter.state import State
from exporter.training import Shelf, load_models
from exporter.verdict_json import verdict_to_dict

CSV_COLUMNS: Final = (
    "session_id", "started_at", "ended_at", "events", "agent", "user_id", "project", "status", "risk", "level",
    "confidence", "anomaly", "isolation_forest", "lof", "dbscan", "findings", "reasons", "fingerprint", "cluster",
)  # fmt: skip


def run_score(paths: Sequence[str], directory: Path, output_format: str, config: Config, hands: Hands) -> None:
    """Score local files with the fitted models; where there are none, fit them on these very files first."""
    analyses = build_analyses(config)
    with State.open(directory) as state, workers_at(hands.scheduler) as workers:
        inputs = read_sessions(paths, config, hands.jobs, workers)
        shelf = Shelf(ModelStore(directory), state)
        models = load_models(shelf, analyses)
        missing = [one.analysis.name for one in analyses if one.analysis.name not in models.fitted]
        if missing:
            told = " and ".join(missing)
            say(f"no model of {told} in {directory} yet: fitting on these {len(inputs.measured):,} sessions")
            lacking = tuple(one for one in analyses if one.analysis.name in missing)
            models = fit_and_keep(inputs, lacking, shelf, models, workers)
        with progress_bar("scoring"):
            verdicts = score_inputs(inputs, analyses, models)
        with state.begin() as transaction:
            transaction.put_sessions(stored_sessions(inputs, verdicts, time.time_ns()))
    write_verdicts(verdicts, output_format)


def write_verdicts(verdicts: Sequence[SessionVerdict], output_format: str) -> None:
    """Print verdicts as a table, JSON lines or CSV."""
    if output_format == "jsonl":
        for verdict in verdicts:
            sys.stdout.write(orjson.dumps(verdict_to_dict(verdict)).decode() + "\n")
    elif output_format == "csv":
        further = sorted({name for verdict in verdicts for name in verdict.detectors} - set(CSV_COLUMNS))
        writer = csv.DictWriter(sys.stdout, [*CSV_COLUMNS, *further], lineterminator="\n")
        writer.writeheader()
        writer.writerows(_csv_row(verdict) for verdict in verdicts)
    else:
        output_console().print(sessions_table(verdicts))


def _csv_row(verdict: SessionVerdict) -> dict[str, object]:
    full = verdict_to_dict(verdict)
    row = {name: full.get(name) for name in CSV_COLUMNS}
    row.update(verdict.detectors)
    row["findings"] = " ".join(finding.rule for finding in verdict.findings)
    row["reasons"] = "; ".join(reason.text for reason in verdict.reasons)
    fingerprint = verdict.fingerprint
    row["fingerprint"], row["cluster"] = (fingerprint.id, fingerprint.cluster) if fingerprint else (None, None)
    return {name: _harmless(value) for name, value in row.items()}


def _harmless(value: object) -> object:
    """Text that a spreadsheet would run as a formula gets an apostrophe in front."""
    return f"'{value}" if isinstance(value, str) and value[:1] in "=+-@\t\r" else value
