"""All fits of one labelled set, spread over processes, and the rows of its table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from analytics.analysis import Analysis
from analytics.evaluation.blocks import Block, Judged, blocks_of
from analytics.evaluation.errors import EvaluationError
from analytics.evaluation.injection import DEEDS, Deed
from analytics.evaluation.report import ReportRow, report_rows
from analytics.evaluation.splits import Split, deal, splits_of
from analytics.evaluation.trial import Peers, Scores, Trial, run_trial
from analytics.evaluation.truth import Stratum, Truth, strata_of
from exporter.evaluation.conditions import Look, Training
from exporter.processes import in_processes


@dataclass(frozen=True)
class Effort:
    """How much is run.

    Attributes:
        analyses: ``risk`` and what it needs.
        seeds: how often everything is split and fitted anew.
        peers: other detectors to compare with.
        jobs: processes.
        together: whether all strata are fitted on together; they are compared within themselves all the same.
        deeds: what is done in recorded sessions.
    """

    analyses: tuple[Analysis, ...]
    seeds: int = 5
    peers: Peers | None = None
    jobs: int = 1
    together: bool = False
    deeds: tuple[Deed, ...] = DEEDS


@dataclass(frozen=True)
class Fit:
    """One fit of one seed, stratum and split."""

    seed: int
    stratum: Stratum
    split: Split


def plan(truth: Truth, look: Look, effort: Effort) -> list[Fit]:
    """Every fit of one condition; folds are dealt over the whole set, so a group has one fold in all strata."""
    strata = strata_of(truth, look.chosen)
    if effort.together and strata:
        strata = [Stratum("together", np.sort(np.concatenate([stratum.numbers for stratum in strata])))]
    fits = []
    for seed in range(effort.seeds):
        fold = deal(truth.groups, ~truth.is_bad, np.random.default_rng((seed, 1)))
        for stratum in strata:
            fits += [Fit(seed, stratum, split) for split in splits_of(stratum.numbers, fold, ~truth.is_bad)]
    return fits


def evaluate_set(
    dataset: str, truth: Truth, condition: tuple[Look, Training], effort: Effort, progress: Callable[[float], None]
) -> list[ReportRow]:
    """The rows of one set under one condition."""
    look, training = condition
    fits = plan(truth, look, effort)
    trials = (_trial(fit, truth, look, training) for fit in fits)
    work = partial(run_trial, analyses=effort.analyses, peers=effort.peers)
    judged: dict[tuple[int, str], list[Judged]] = {}
    answers = named(dataset, in_processes(work, trials, effort.jobs))
    for number, (fit, scores) in enumerate(zip(fits, answers, strict=True)):
        judged.setdefault((fit.seed, fit.stratum.name), []).append(
            Judged(fit.split, {**scores, **_counts(fit.split, truth, look)})
        )
        progress((number + 1) / len(fits))
    blocks = [block for (seed, _), each in judged.items() for block in blocks_within(seed, each, truth, look)]
    return report_rows(dataset, f"{training.name}, {look.name}", with_both(dataset, blocks))


def blocks_within(seed: int, judged: list[Judged], truth: Truth, look: Look) -> Iterator[Block]:
    """The blocks of one seed's fits, sessions parted by what they may be compared with."""
    held = np.concatenate([part for one in judged for part in one.split.held])
    for stratum in strata_of(truth, look.chosen):
        chosen = np.zeros(len(truth), dtype=bool)
        chosen[stratum.numbers] = True
        if chosen[held].any():
            own = [one.only(chosen) for one in judged]
            yield from blocks_of(own, truth.is_bad, truth.groups, f"{seed} {stratum.name}")


def named(dataset: str, answers: Iterator[Scores]) -> Iterator[Scores]:
    """The answers; one that cannot be had says of which set."""
    try:
        yield from answers
    except EvaluationError as error:
        raise EvaluationError(f"{dataset}: {error}") from error


def _trial(fit: Fit, truth: Truth, look: Look, training: Training) -> Trial:
    chosen = training.choose(fit.split.fit, truth.is_bad, fit.seed)
    return Trial(look.fitted.history(_ids(chosen, truth)), look.judged.rows(_ids(_held(fit.split), truth)), fit.seed)


def _held(split: Split) -> np.ndarray:
    return np.concatenate(split.held)


def _ids(numbers: np.ndarray, truth: Truth) -> list[str]:
    return [truth.session_ids[number] for number in numbers]


def _counts(split: Split, truth: Truth, look: Look) -> Scores:
    return look.judged.counts(_ids(_held(split), truth))


def with_both(dataset: str, blocks: list[Block]) -> list[Block]:
    """The blocks, if there are pairs in any of them."""
    if not any(block.is_bad.any() and not block.is_bad.all() for block in blocks):
        raise EvaluationError(
            f"{dataset}: no bad and good sessions can be compared; give more sessions or fewer columns"
        )
    return blocks


def strata_lines(truth: Truth, look: Look) -> Iterator[str]:
    """What is compared within what, one line a stratum, and what takes no part."""
    strata = strata_of(truth, look.chosen)
    thin = int(look.chosen.sum()) - sum(len(stratum.numbers) for stratum in strata)
    cut = int((~look.chosen).sum())
    yield (
        f"{look.name}: up to {look.longest:,} events a session; left out: {cut:,} sessions that ended too early or "
        f"show nothing bad by then, {thin:,} with too little history to compare with"
    )
    for stratum in strata:
        bad = int(truth.is_bad[stratum.numbers].sum())
        yield f"{look.name}: compared within {stratum.name}: {bad:,} bad, {len(stratum.numbers) - bad:,} good"
