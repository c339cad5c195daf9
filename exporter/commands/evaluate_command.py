"""``sigyn evaluate``: how good the scores are on labelled sessions, or on recorded ones with planted misbehaviour."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

import click

from analytics.activity import WorkingHours
from analytics.evaluation import EvaluationError
from analytics.evaluation.alarm_delay import DelayRow, delay_rows_by_part, mean_delays
from analytics.evaluation.injection import DEEDS
from analytics.evaluation.report import ReportRow, means_over_sets
from analytics.evaluation.trial import needed_for
from analytics.evaluation.truth import Truth
from analytics.registry import load_analyses
from analytics.rules import RuleSet
from analytics.sessions import SessionEvents
from exporter.assembly import build_rules
from exporter.commands.evaluate_options import EvaluateOptions
from exporter.commands.terminal import dropped_line, progress_bar, say
from exporter.config import load_config
from exporter.evaluation.attribution_run import judge_attribution, read_attributed
from exporter.evaluation.attribution_text import write_attribution
from exporter.evaluation.conditions import Looks, look_at, trainings
from exporter.evaluation.corpus import read_events
from exporter.evaluation.delay_text import DELAY_FOOTNOTE, write_delays, write_injected_delays
from exporter.evaluation.injected_delay_run import watch_everywhere
from exporter.evaluation.injected_run import Recordings, measure_recordings, plant_everywhere
from exporter.evaluation.labelled_delay_run import growing_set, watch_set
from exporter.evaluation.labelled_run import Effort, evaluate_set, strata_lines
from exporter.evaluation.labels_file import Choice, read_labels
from exporter.evaluation.pyod_peers import pyod_scores, require_pyod
from exporter.evaluation.reasons_run import judge_causes
from exporter.evaluation.reasons_text import write_causes
from exporter.evaluation.records_file import read_records
from exporter.evaluation.report_text import write_footnote, write_injected, write_labelled
from exporter.evaluation.scenario_file import read_scenarios

LABELS: Final = ".labels.csv"
"""How the file of the truth about ``NAME.jsonl`` or ``NAME.jsonl.gz`` ends."""

Row = TypeVar("Row")


def run_evaluate(options: EvaluateOptions) -> None:
    """Run what was asked for and print it."""
    if options.attribution:
        _attribute(options)
    elif options.reasons:
        _explain(options)
    elif options.delay and options.inject:
        _watch_injected(options, _delay_effort(options))
    elif options.delay:
        _watch_sets(options, _delay_effort(options))
    elif options.inject:
        _judge_injected(options, _effort(options))
    else:
        _judge_sets(options, _effort(options))


def _judge_injected(options: EvaluateOptions, effort: Effort) -> None:
    """Put misbehaviour into sessions and look for it."""
    recordings = _recordings(options)
    with progress_bar("planting and judging") as bar:
        blocks = plant_everywhere(recordings, options.split, effort, _rules(), bar)
    write_injected(blocks, recordings.users, options.output_format)
    write_footnote(options.output_format)


def _judge_sets(options: EvaluateOptions, effort: Effort) -> None:
    """Judge labelled sets."""

    def judge(events: tuple[str, ...], labels: Path) -> list[ReportRow]:
        own = _labelled_rows(events, labels, options, effort)
        write_labelled(own, options.output_format)
        return own

    def finish(rows: list[ReportRow]) -> None:
        write_labelled(means_over_sets(rows), options.output_format)
        write_footnote(options.output_format)

    _over_sets(options, judge, finish)


def _over_sets(
    options: EvaluateOptions,
    judge: Callable[[tuple[str, ...], Path], list[Row]],
    finish: Callable[[list[Row]], None],
) -> None:
    """Judge each set by itself; sets that cannot be judged are told at the end and leave the others unharmed."""
    rows: list[Row] = []
    refused: list[EvaluationError] = []
    for events, labels in _sets(options):
        try:
            rows += judge(events, labels)
        except EvaluationError as error:
            refused.append(error)
    finish(rows)
    if refused:
        raise EvaluationError("; ".join(str(error) for error in refused))


def _delay_effort(options: EvaluateOptions) -> Effort:
    if options.cut or options.equal_length or options.past_onset is not None or options.contaminate or options.peers:
        raise click.UsageError(
            "--delay looks at sessions whole: leave out --cut, --equal-length, --past-onset, --contaminate and --peers"
        )
    return _effort(options)


def _watch_injected(options: EvaluateOptions, effort: Effort) -> None:
    """Put misbehaviour into sessions and count the events from there to the alarm."""
    recordings = _recordings(options)
    with progress_bar("planting and watching") as bar:
        blocks = watch_everywhere(recordings, options.split, effort, _rules(), bar)
    for details, own in blocks.items():
        write_injected_delays(details, delay_rows_by_part(details, own), options.output_format)
    write_footnote(options.output_format, DELAY_FOOTNOTE)


def _watch_sets(options: EvaluateOptions, effort: Effort) -> None:
    """Count the events from the onset to the alarm in labelled sets."""

    def judge(events: tuple[str, ...], labels: Path) -> list[DelayRow]:
        own = _delay_rows(events, labels, options, effort)
        write_delays(own, options.output_format)
        return own

    def finish(rows: list[DelayRow]) -> None:
        write_delays(mean_delays(rows), options.output_format)
        write_footnote(options.output_format, DELAY_FOOTNOTE)

    _over_sets(options, judge, finish)


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
    if options.scenarios is not None and not options.inject:
        raise click.UsageError("--scenarios needs --inject")
    peers = pyod_scores if options.peers else None
    deeds = DEEDS if options.scenarios is None else read_scenarios(options.scenarios)
    return Effort(needed_for("risk", load_analyses()), options.seeds, peers, options.jobs, options.together, deeds)


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
    sessions, truth = _read_set(events, labels, options)
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


def _delay_rows(events: tuple[str, ...], labels: Path, options: EvaluateOptions, effort: Effort) -> list[DelayRow]:
    """How soon the bad sessions of one set are alarmed, by what is fitted on."""
    name = labels.name.removesuffix(LABELS)
    sessions, truth = _read_set(events, labels, options)
    growing = growing_set(name, truth, sessions, _rules(), WorkingHours())
    for line in strata_lines(truth, growing.look):
        say(f"{name}: {line}")
    rows: list[DelayRow] = []
    for training in trainings(options.train, ()):
        with progress_bar(f"{name}: {training.name}, {growing.look.name}") as bar:
            rows += watch_set(growing, training, effort, bar)
    return rows


def _read_set(events: tuple[str, ...], labels: Path, options: EvaluateOptions) -> tuple[SessionEvents, Truth]:
    """The sessions of one set, and what is known of those that take part."""
    with progress_bar(f"{labels.name.removesuffix(LABELS)}: reading") as bar:
        sessions = read_events(events, 0, bar)
    return sessions, read_labels(labels, sessions, Choice(options.group_by, options.bad, options.good))
