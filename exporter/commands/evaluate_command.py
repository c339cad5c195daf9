"""``sigyn evaluate``: how good the scores are on labelled sessions, or on recorded ones with planted misbehaviour."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from analytics.activity import WorkingHours
from analytics.evaluation import EvaluationError
from analytics.evaluation.report import ReportRow, means_over_sets
from analytics.evaluation.trial import needed_for
from analytics.registry import load_analyses
from analytics.rules import RuleSet
from exporter.assembly import build_rules
from exporter.commands.evaluate_options import EvaluateOptions
from exporter.commands.terminal import dropped_line, progress_bar, say
from exporter.config import load_config
from exporter.evaluation.attribution_run import judge_attribution, read_attributed
from exporter.evaluation.attribution_text import write_attribution
from exporter.evaluation.conditions import Looks, look_at, trainings
from exporter.evaluation.corpus import read_events
from exporter.evaluation.injected_run import Recordings, measure_recordings, plant_everywhere
from exporter.evaluation.labelled_run import Effort, evaluate_set, strata_lines
from exporter.evaluation.labels_file import Choice, read_labels
from exporter.evaluation.pyod_peers import pyod_scores, require_pyod
from exporter.evaluation.reasons_run import judge_causes
from exporter.evaluation.reasons_text import write_causes
from exporter.evaluation.records_file import read_records
from exporter.evaluation.report_text import write_footnote, write_injected, write_labelled

LABELS: Final = ".labels.csv"
"""How the file of the truth about ``NAME.jsonl`` or ``NAME.jsonl.gz`` ends."""


def run_evaluate(options: EvaluateOptions) -> None:
    """Run what was asked for and print it."""
    if options.attribution:
        _attribute(options)
        return
    if options.reasons:
        _explain(options)
        return
    effort = _effort(options)
    if options.inject:
        recordings = _recordings(options)
        with progress_bar("planting and judging") as bar:
            blocks = plant_everywhere(recordings, options.split, effort, _rules(), bar)
        write_injected(blocks, recordings.users, options.output_format)
        write_footnote(options.output_format)
        return
    rows: list[ReportRow] = []
    refused: list[EvaluationError] = []
    for events, labels in _sets(options):
        try:
            own = _labelled_rows(events, labels, options, effort)
        except EvaluationError as error:
            refused.append(error)
            continue
        write_labelled(own, options.output_format)
        rows += own
    write_labelled(means_over_sets(rows), options.output_format)
    write_footnote(options.output_format)
    if refused:
        raise EvaluationError("; ".join(str(error) for error in refused))


def _attribute(options: EvaluateOptions) -> None:
    """Attribute sessions to their users, agents and models."""
    if not options.events:
        raise click.UsageError("--attribution needs --events")
    with progress_bar("attributing") as bar:
        figures = judge_attribution(read_attributed(options.events, _rules(), bar), bar)
    write_attribution(figures, options.output_format)


def _explain(options: EvaluateOptions) -> None:
    """Plant causes and count how often the first reason names them."""
    if not options.events:
        raise click.UsageError("--reasons needs --events")
    with progress_bar("planting and explaining") as bar:
        records, dropped = read_records(options.events, lambda share: bar(share / 4))
        analyses = needed_for("risk", load_analyses())
        rows = judge_causes(records, _rules(), analyses, 0, lambda share: bar(0.25 + 0.75 * share))
    if left_out := dropped_line(dropped):
        say(left_out)
    write_causes(rows, options.output_format)


def _effort(options: EvaluateOptions) -> Effort:
    if options.peers:
        require_pyod()
    peers = pyod_scores if options.peers else None
    return Effort(needed_for("risk", load_analyses()), options.seeds, peers, options.jobs, options.together)


def _rules() -> RuleSet:
    """The rules that hold without a configuration."""
    return build_rules(load_config(None, {}))


def _recordings(options: EvaluateOptions) -> Recordings:
    """The sessions that misbehaviour is put into."""
    if not options.events:
        raise click.UsageError("--inject needs --events")
    with progress_bar("reading") as bar:
        records, dropped = read_records(options.events, bar)
    if left_out := dropped_line(dropped):
        say(left_out)
    return measure_recordings(records, _rules(), WorkingHours())


def _sets(options: EvaluateOptions) -> list[tuple[tuple[str, ...], Path]]:
    """Events and labels of each set."""
    if options.folder is None:
        if not options.events or options.labels is None:
            raise click.UsageError("give --events and --labels, or --folder, or --events and --inject")
        return [(options.events, options.labels)]
    found = sorted(options.folder.glob(f"*{LABELS}"))
    if not found:
        raise click.UsageError(f"{options.folder}: holds no *{LABELS}; give the folder of the labelled sets")
    return [((_events_of(labels),), labels) for labels in found]


def _events_of(labels: Path) -> str:
    stem = labels.name.removesuffix(LABELS)
    plain = labels.with_name(f"{stem}.jsonl")
    return str(plain if plain.exists() else labels.with_name(f"{stem}.jsonl.gz"))


def _labelled_rows(events: tuple[str, ...], labels: Path, options: EvaluateOptions, effort: Effort) -> list[ReportRow]:
    """The rows of one set under every condition asked for."""
    name = labels.name.removesuffix(LABELS)
    with progress_bar(f"{name}: reading") as bar:
        sessions = read_events(events, 0, bar)
    truth = read_labels(labels, sessions, Choice(options.group_by, options.bad, options.good))
    wanted = Looks(options.cut, options.equal_length, options.past_onset)
    looks = look_at(sessions, truth, wanted, _rules(), WorkingHours())
    rows: list[ReportRow] = []
    for look in looks:
        for line in strata_lines(truth, look):
            say(f"{name}: {line}")
        for training in trainings(options.train, options.contaminate if look is looks[0] else ()):
            with progress_bar(f"{name}: {training.name}, {look.name}") as bar:
                rows += evaluate_set(name, truth, (look, training), effort, bar)
    return rows
