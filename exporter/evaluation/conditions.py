"""The conditions a labelled set is judged under: what is fitted on, and how far into the sessions one looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analytics.activity import WorkingHours
from analytics.evaluation.prefixes import Cut, cut_events, equal_cut, event_counts, onset_cut, onset_ranks
from analytics.evaluation.splits import contaminated
from analytics.evaluation.truth import Truth
from analytics.rules import RuleSet
from analytics.sessions import SessionEvents
from exporter.evaluation.corpus import Corpus, measure_corpus


@dataclass(frozen=True, slots=True)
class Training:
    """Which sessions of the fit part are fitted on: all, only good ones, or good ones with a share of bad ones."""

    name: str
    bad_share: float | None = None

    def choose(self, fit: np.ndarray, is_bad: np.ndarray, seed: int) -> np.ndarray:
        """Sessions to fit on."""
        if self.name == "all":
            return fit
        if not self.bad_share:
            return np.asarray(fit[~is_bad[fit]])
        return contaminated(fit, is_bad, self.bad_share, np.random.default_rng((seed, 2)))


def trainings(names: Sequence[str], shares: Sequence[float]) -> list[Training]:
    """``good`` and ``all`` as asked for, and one training for each contamination; 0 is the same as ``good``."""
    result = [Training(name) for name in names]
    for share in shares:
        if share > 0:
            result.append(Training(f"{share:.0%} bad", share))
        elif not any(training.name == "good" for training in result):
            result.append(Training("good"))
    return result


@dataclass(frozen=True, slots=True)
class Looks:
    """How far into the sessions one looks, besides to their end.

    Attributes:
        length: cut every session to that many events.
        equal: cut every session to a length that nine in ten reach.
        past_onset: cut bad sessions that many events after the first bad one.
    """

    length: int | None = None
    equal: bool = False
    past_onset: int | None = None


@dataclass(frozen=True)
class Look:
    """Sessions as they are fitted on and as they are judged.

    Attributes:
        name: for the report.
        fitted, judged: the sessions measured.
        chosen: mask of those that take part.
        longest: most events of a session that are looked at.
    """

    name: str
    fitted: Corpus
    judged: Corpus
    chosen: np.ndarray
    longest: int


def look_at(sessions: SessionEvents, truth: Truth, looks: Looks, rules: RuleSet, hours: WorkingHours) -> list[Look]:
    """Measure the sessions whole and cut.

    Sessions cut to one length are fitted on at that length too. Sessions cut after the onset stand for running ones:
    they are judged by what was learned from finished ones.
    """
    counts, onsets = event_counts(truth, sessions), onset_ranks(truth, sessions)
    whole = measure_corpus(sessions.table, rules, hours)
    result = [Look("whole", whole, whole, np.ones(len(truth), dtype=bool), int(counts.max()))]
    lengths = ([looks.length] if looks.length else []) + ([None] if looks.equal else [])
    cuts = [equal_cut(truth, counts, onsets, length) for length in lengths]
    for cut in cuts:
        corpus = _measured(sessions, truth, cut, rules, hours)
        result.append(Look(cut.name, corpus, corpus, cut.chosen, int(cut.lengths.max())))
    if looks.past_onset is not None and (truth.is_bad & ~np.isnan(onsets)).any():
        cut = onset_cut(truth, counts, onsets, looks.past_onset, np.random.default_rng(0))
        judged = _measured(sessions, truth, cut, rules, hours)
        result.append(Look(cut.name, whole, judged, cut.chosen, int(cut.lengths[cut.chosen].max())))
    return result


def _measured(sessions: SessionEvents, truth: Truth, cut: Cut, rules: RuleSet, hours: WorkingHours) -> Corpus:
    return measure_corpus(cut_events(sessions, truth, cut), rules, hours)
