"""Wariness: a session that is like one a person called malicious is riskier for it, whoever runs it.

The counterpart of ``analytics.leniency``, and wider: an attack that worked once is tried on others. A session is like a
malicious one in either of two ways. It *deviates alike*: in the same direction from what is usual, at least
``AS_STRONG`` times as far, and is strange in itself (``LEAST_ANOMALY``: by calibration at most one healthy session in
ten), so that likeness alone cannot alarm. Or it *bears the same marks*: most of the words and findings that were rare
for the malicious session's user, and are rare for its own user too. The likeness is a part of the risk of its own; the
anomaly score stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from analytics.baseline import Baseline, Who
from analytics.marked_session import MarkedSession, alignment, deviations_of
from analytics.reason_words import number
from analytics.risk_score import RARE_SHARE, SEVERITY_WEIGHTS, FindingRates
from analytics.traces import Trace
from analytics.verdicts import MALICIOUS_EXAMPLE, Reason
from analytics.vocabulary_model import VocabularyModel, words_used

ALIKE: Final = 0.8
"""Cosine of the angle between two sessions' deviations, or share of marks in common, from which they count as alike."""
AS_STRONG: Final = 0.7
"""How many times as far as the malicious session another one must deviate at least to be its like."""
LEAST_ANOMALY: Final = 0.9
"""Joint score below which deviations are ordinary, whatever they resemble."""
LEAST_MARKS: Final = 3
"""Rare words and findings that a malicious session must have to be known by them: fewer are a coincidence."""
RARE_SURPRISE: Final = 1.0
"""Orders of magnitude from which a word is rare for a user: one session in ten has it."""
WEIGHT: Final = SEVERITY_WEIGHTS["high"]
"""Part of the risk that a likeness amounts to."""
MOST_EXAMPLES: Final = 200
"""Malicious sessions compared with, the last ones given; bounds the work."""
_MOST_TOLD: Final = 60
"""Characters of a session's id that a reason tells."""


@dataclass(frozen=True)
class Usual:
    """What is usual, as a fitted model knows it: what sessions and examples alike are measured by."""

    baseline: Baseline
    words: VocabularyModel
    rates: FindingRates

    def rare(self, words: Sequence[str], rules: Iterable[str], who: Who) -> frozenset[str]:
        """Those of the words and rules that are rare for this agent and user."""
        surprise = self.words.surprise(words, who)
        rare_words = {word for word, one in zip(words, surprise, strict=True) if one >= RARE_SURPRISE}
        return frozenset(rare_words | {rule for rule in rules if self.rates.rate(rule, who) <= RARE_SHARE})


@dataclass(frozen=True)
class Suspects:
    """The sessions that are compared, one row each.

    Attributes:
        session_ids: so that no session is its own like.
        deviations: directed deviations from the baseline, shape (n_rows, n_features).
        is_strange: whose deviations may count, shape (n_rows,), bool.
        traces, rules, who: of each; rules are those found in it.
    """

    session_ids: Sequence[str]
    deviations: np.ndarray
    is_strange: np.ndarray
    traces: Sequence[Trace]
    rules: Sequence[frozenset[str]]
    who: Sequence[Who]


@dataclass(frozen=True, slots=True)
class Likeness:
    """The malicious session that another one is most like: how close they are, 0…1, and in what, in words."""

    session_id: str
    closeness: float
    told: str

    def reason(self, share: float) -> Reason:
        """The likeness as a reason; unlike other reasons' its contribution is a share of the risk."""
        text = f"Like session {self.session_id[:_MOST_TOLD]}, which was called malicious: {self.told}"
        return Reason(MALICIOUS_EXAMPLE, self.closeness, 0.0, ALIKE, share, text)


@dataclass(frozen=True)
class Wariness:
    """The malicious sessions that others are compared with; without any nothing is suspected."""

    examples: Sequence[MarkedSession] = ()

    @classmethod
    def of(cls, malicious: Iterable[MarkedSession]) -> Self:
        """The wariness that follows from malicious sessions, given oldest verdict first."""
        return cls(tuple(malicious)[-MOST_EXAMPLES:])

    def likenesses(self, suspects: Suspects, usual: Usual) -> list[Likeness | None]:
        """The nearest malicious session of each row, None where it is like none."""
        if not self.examples:
            return [None] * len(suspects.session_ids)
        nearest = self._by_deviations(suspects, usual.baseline)
        for row, found in self._by_marks(suspects, usual).items():
            known = nearest.get(row)
            if known is None or found.closeness > known.closeness:
                nearest[row] = found
        return [nearest.get(row) for row in range(len(suspects.session_ids))]

    def _by_deviations(self, suspects: Suspects, baseline: Baseline) -> dict[int, Likeness]:
        """By row, the example that a strange session deviates most alike."""
        examples = [one for one in self.examples if one.values is not None]
        if not examples or not suspects.is_strange.any():
            return {}
        known = deviations_of(examples, baseline)
        rows = np.flatnonzero(suspects.is_strange).tolist()
        cosines = _cosines(suspects.deviations[rows], known)
        own = np.array([[suspects.session_ids[row] == one.session_id for one in examples] for row in rows])
        cosines[own] = -1.0
        best = cosines.argmax(axis=1)
        return {
            row: Likeness(examples[one].session_id, float(cosine), f"deviates alike (cosine {number(cosine)})")
            for row, one, cosine in zip(rows, best, cosines[np.arange(len(rows)), best], strict=True)
            if cosine >= ALIKE
        }

    def _by_marks(self, suspects: Suspects, usual: Usual) -> dict[int, Likeness]:
        """By row, the example whose rare words and findings it shares."""
        marked = {one.session_id: _marks(one, usual) for one in self.examples}
        marked = {session_id: marks for session_id, marks in marked.items() if len(marks) >= LEAST_MARKS}
        all_marks = frozenset().union(*marked.values())
        found: dict[int, Likeness] = {}
        for row, session_id in enumerate(suspects.session_ids if all_marks else ()):
            rules = suspects.rules[row] & all_marks
            words = [word for word in words_used(suspects.traces[row]) if word in all_marks]
            if len(rules) + len(words) < LEAST_MARKS:
                continue
            borne = usual.rare(words, rules, suspects.who[row])
            likeness = _most_in_common(borne, {one: marks for one, marks in marked.items() if one != session_id})
            if likeness is not None:
                found[row] = likeness
        return found


def parts_of(likeness: Likeness | None) -> dict[str, float]:
    """The part of the risk that a likeness amounts to, to be joined with the others."""
    return {} if likeness is None else {MALICIOUS_EXAMPLE: WEIGHT}


def _marks(example: MarkedSession, usual: Usual) -> frozenset[str]:
    """The example's rare findings and its least expected words."""
    newest = usual.words.newest(example.trace, example.who)
    return usual.rare(newest, example.rules, example.who)


def _most_in_common(borne: frozenset[str], marked: Mapping[str, frozenset[str]]) -> Likeness | None:
    """The example most of whose marks are borne, None where that is less than ``ALIKE`` of them."""
    shares = {session_id: len(borne & marks) / len(marks) for session_id, marks in marked.items()}
    nearest = max(shares, key=shares.__getitem__, default=None)
    if nearest is None or shares[nearest] < ALIKE or len(borne & marked[nearest]) < LEAST_MARKS:
        return None
    marks = marked[nearest]
    told = f"shares {len(borne & marks)} of its {len(marks)} words and findings that are rare here"
    return Likeness(nearest, shares[nearest], told)


def _cosines(rows: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Cosine of each row with each example, shape (n_rows, n_examples).

    -1 where the row deviates much less, or the example no more than ordinary sessions do: there is nothing to be like.
    """
    cosines, lengths, of_known = alignment(rows, known)
    is_comparable = (lengths >= AS_STRONG * of_known) & (of_known >= np.sqrt(rows.shape[1]))
    return np.where(is_comparable, cosines, -1.0)
