"""How soon the bad sessions of a labelled set are alarmed: all fits, and the rows of its table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from analytics.activity import WorkingHours
from analytics.evaluation.alarm_delay import AlarmBlock, DelayRow, delay_rows, without_onset
from analytics.evaluation.blocks import Block, Judged
from analytics.evaluation.prefix_grid import drawn_onsets
from analytics.evaluation.prefixes import event_counts, onset_ranks
from analytics.evaluation.trial import Trial, run_trial
from analytics.evaluation.truth import Truth
from analytics.rules import RuleSet
from analytics.sessions import SessionEvents
from exporter.evaluation.conditions import Look, Training
from exporter.evaluation.corpus import measure_corpus
from exporter.evaluation.labelled_run import Effort, Fit, blocks_within, named, plan, with_both
from exporter.evaluation.watched import Prefixes, alarms, measure_prefixes
from exporter.processes import in_processes


@dataclass(frozen=True)
class GrowingSet:
    """A labelled set, its sessions whole and as they were on the way.

    Attributes:
        look: the whole sessions; its name says what delays are counted from.
        prefixes: of every session of the truth, in its order.
        has_onset: whether the first bad event is known.
    """

    dataset: str
    truth: Truth
    look: Look
    prefixes: Prefixes
    has_onset: bool


def growing_set(dataset: str, truth: Truth, sessions: SessionEvents, rules: RuleSet, hours: WorkingHours) -> GrowingSet:
    """Measure a set whole and at every look.

    Where the first bad event is known of any bad session, those of which it is not take no part, and good sessions
    are looked at as if theirs lay where it does in a bad one drawn at random. Where it is known of none, delays are
    counted from the first event.
    """
    counts, onsets = event_counts(truth, sessions), onset_ranks(truth, sessions)
    known = truth.is_bad & ~np.isnan(onsets)
    chosen = ~truth.is_bad | known if known.any() else np.ones(len(truth), dtype=bool)
    starts = np.zeros(len(truth), dtype=np.int64)
    if known.any():
        starts = drawn_onsets(counts, onsets[known] / counts[known], np.random.default_rng(0))
        starts[known] = onsets[known]
    corpus = measure_corpus(sessions.table, rules, hours)
    name = "from the onset" if known.any() else "from the first event"
    look = Look(name, corpus, corpus, chosen, int(counts.max()))
    onset_of = dict(zip(truth.session_ids, starts.tolist(), strict=True))
    prefixes = measure_prefixes(sessions, onset_of, rules, hours).only(truth.session_ids)
    return GrowingSet(dataset, truth, look, prefixes, bool(known.any()))


def watch_set(
    growing: GrowingSet, training: Training, effort: Effort, progress: Callable[[float], None]
) -> list[DelayRow]:
    """The rows of one set.

    Raises:
        EvaluationError: too few sessions to fit on, or nothing to compare.
    """
    truth, look = growing.truth, growing.look
    fits = plan(truth, look, effort)
    trials = (_trial(fit, growing, training) for fit in fits)
    answers = named(growing.dataset, in_processes(partial(run_trial, analyses=effort.analyses), trials, effort.jobs))
    judged: dict[tuple[int, str], list[Judged]] = {}
    for number, (fit, scores) in enumerate(zip(fits, answers, strict=True)):
        latched = _held(fit, growing).latched(scores)
        judged.setdefault((fit.seed, fit.stratum.name), []).append(Judged(fit.split, latched))
        progress((number + 1) / len(fits))
    blocks = [block for (seed, _), own in judged.items() for block in blocks_within(seed, own, truth, look)]
    past = growing.prefixes.grid.past
    watched = [
        _alarmed(block, past[block.numbers])
        for block in with_both(growing.dataset, blocks)
        if all(len(values) for values in block.threshold_scores.values())
    ]
    rows = delay_rows(growing.dataset, f"{training.name}, {look.name}", watched)
    return rows if growing.has_onset else [without_onset(row) for row in rows]


def _held(fit: Fit, growing: GrowingSet) -> Prefixes:
    return growing.prefixes.only([growing.truth.session_ids[number] for number in np.concatenate(fit.split.held)])


def _trial(fit: Fit, growing: GrowingSet, training: Training) -> Trial:
    chosen = training.choose(fit.split.fit, growing.truth.is_bad, fit.seed)
    history = growing.look.fitted.history([growing.truth.session_ids[number] for number in chosen])
    return Trial(history, _held(fit, growing).rows(), fit.seed)


def _alarmed(block: Block, past: np.ndarray) -> AlarmBlock:
    delays = alarms(dict(block.scores), past, dict(block.threshold_scores))
    return AlarmBlock(block.numbers, block.is_bad, block.groups, delays)
