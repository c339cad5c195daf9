"""``sigyn evaluate``: how good the scores are on labelled sessions, or on recorded ones with planted misbehaviour."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from analytics.evaluation.report import ReportRow
    from exporter.evaluation.labelled_run import Effort

_LABELS: Final = ".labels.csv"


def _shares(_: click.Context, __: click.Parameter, value: str | None) -> tuple[float, ...]:
    """A list of percentages as shares."""
    try:
        shares = tuple(float(part) / 100.0 for part in (value or "").split(",") if part.strip())
    except ValueError as error:
        raise click.BadParameter("give percentages such as 0,5,10,20") from error
    if any(not 0 <= share < 1 for share in shares):
        raise click.BadParameter("percentages lie from 0 up to but not including 100")
    return shares


def _columns(_: click.Context, __: click.Parameter, value: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in value.split(",") if part.strip())


@dataclass(frozen=True)
class EvaluateOptions:
    """What was asked for on the command line; the fields are the options."""

    events: tuple[str, ...]
    labels: Path | None
    folder: Path | None
    train: tuple[str, ...]
    seeds: int
    group_by: tuple[str, ...]
    bad: tuple[str, ...]
    good: tuple[str, ...]
    contaminate: tuple[float, ...]
    cut: int | None
    equal_length: bool
    past_onset: int | None
    peers: bool
    inject: bool
    split: str
    jobs: int
    output_format: str


@click.command()
@click.option("--events", multiple=True, metavar="PATH", help="Event lines of the sessions; can be given several times.")
@click.option("--labels", type=click.Path(path_type=Path), help="CSV file with their truth.")
@click.option("--folder", type=click.Path(path_type=Path), help="Instead of both: every NAME.jsonl.gz with NAME.labels.csv.")
@click.option("--train", type=click.Choice(["good", "all"]), multiple=True, default=("good",), show_default=True,
              help="Fit on good sessions only, or on all without looking at labels; can be given twice.")  # fmt: skip
@click.option("--seeds", type=click.IntRange(min=1), default=5, show_default=True, help="Splits and fits anew.")
@click.option("--group-by", default="model,agent", show_default=True, callback=_columns, metavar="COLUMNS",
              help="Columns of the labels that sessions must share to be compared; '' compares all.")  # fmt: skip
@click.option("--bad", multiple=True, metavar="NAME", help="Label names that count as bad; others are left out.")
@click.option("--good", multiple=True, metavar="NAME", help="Label names that count as good; others are left out.")
@click.option("--contaminate", callback=_shares, metavar="PERCENTAGES", help="Also with so much bad in training: 0,5,10,20.")
@click.option("--cut", type=click.IntRange(min=1), metavar="N", help="Also with every session cut to N events.")
@click.option("--equal-length", is_flag=True, help="Also cut to the length that nine sessions in ten reach.")
@click.option("--past-onset", type=click.IntRange(min=0), metavar="N", help="Also cut N events after the first bad one.")
@click.option("--peers", is_flag=True, help="Beside eight detectors of PyOD (pip install pyod).")
@click.option("--inject", is_flag=True, help="No labels: put misbehaviour into the sessions of --events.")
@click.option("--split", type=click.Choice(["random", "time"]), default="random", show_default=True,
              help="With --inject: how each user's sessions are parted.")  # fmt: skip
@click.option("--jobs", type=click.IntRange(min=1), default=lambda: os.cpu_count() or 1, help="Processes; default: all cores.")
@click.option("--format", "output_format", type=click.Choice(["table", "markdown", "jsonl"]), default="table",
              show_default=True, help="How to print the figures.")  # fmt: skip
def evaluate(**options: Any) -> None:
    """Measure how well risky sessions are found: on labelled ones, or on real ones with planted misbehaviour.

    Fits without labels, sets thresholds on unseen good sessions, judges sessions of other tasks, and prints AUROC,
    average precision and the share found at 5 % and 1 % false alarms beside what counting alone achieves.
    """
    run_evaluate(EvaluateOptions(**options))


def run_evaluate(options: EvaluateOptions) -> None:
    """Run what was asked for and print it."""
    if options.inject:
        from exporter.evaluation.injected_run import run_injected

        run_injected(options)
        return
    for events, labels in _sets(options):
        _print_rows(_labelled_rows(events, labels, options), options.output_format)


def _sets(options: EvaluateOptions) -> list[tuple[tuple[str, ...], Path]]:
    """Events and labels of each set."""
    if options.folder is None:
        if not options.events or options.labels is None:
            raise click.UsageError("give --events and --labels, or --folder, or --events and --inject")
        return [(options.events, options.labels)]
    found = sorted(options.folder.glob(f"*{_LABELS}"))
    if not found:
        raise click.UsageError(f"{options.folder}: holds no *{_LABELS}; give the folder of the labelled sets")
    return [((_events_of(labels),), labels) for labels in found]


def _events_of(labels: Path) -> str:
    stem = labels.name.removesuffix(_LABELS)
    plain = labels.with_name(f"{stem}.jsonl")
    return str(plain if plain.exists() else labels.with_name(f"{stem}.jsonl.gz"))


def _effort(options: EvaluateOptions) -> Effort:
    from analytics.evaluation.trial import needed_for
    from analytics.registry import load_analyses
    from exporter.evaluation.labelled_run import Effort

    peers = None
    if options.peers:
        from exporter.evaluation.pyod_peers import pyod_scores, require_pyod

        require_pyod()
        peers = pyod_scores
    return Effort(needed_for("risk", load_analyses()), options.seeds, peers, options.jobs)


def _labelled_rows(events: tuple[str, ...], labels: Path, options: EvaluateOptions) -> list[ReportRow]:
    """The rows of one set under every condition asked for."""
    from analytics.activity import WorkingHours
    from exporter.assembly import build_rules
    from exporter.commands.terminal import progress_bar, say
    from exporter.config import load_config
    from exporter.evaluation.conditions import Looks, look_at, trainings
    from exporter.evaluation.corpus import read_events
    from exporter.evaluation.labelled_run import evaluate_set, strata_lines
    from exporter.evaluation.labels_file import Choice, read_labels

    name, effort = labels.name.removesuffix(_LABELS), _effort(options)
    with progress_bar(f"{name}: reading") as bar:
        table = read_events(events, 0, bar)
    truth = read_labels(labels, set(table.categories("session_id")), Choice(options.group_by, options.bad, options.good))
    looks = look_at(
        table, truth, Looks(options.cut, options.equal_length, options.past_onset), build_rules(load_config(None, {})), WorkingHours()
    )
    for line in strata_lines(truth, looks[0]):
        say(f"{name}: compared within {line}")
    rows: list[ReportRow] = []
    for look in looks:
        for training in trainings(options.train, options.contaminate if look is looks[0] else ()):
            with progress_bar(f"{name}: {training.name}, {look.name}") as bar:
                rows += evaluate_set(name, truth, (look, training), effort, bar)
    return rows


def _print_rows(rows: list[ReportRow], output_format: str) -> None:
    from exporter.commands.terminal import output_console
    from exporter.evaluation.report_text import HEADINGS, as_json_line, as_markdown, as_table, cells

    if output_format == "jsonl":
        for row in rows:
            sys.stdout.write(as_json_line(row) + "\n")
    elif output_format == "markdown":
        sys.stdout.write(as_markdown(HEADINGS, [cells(row) for row in rows]) + "\n\n")
    else:
        output_console().print(as_table(HEADINGS, [cells(row) for row in rows]))
    sys.stdout.flush()
