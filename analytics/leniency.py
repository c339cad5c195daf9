"""Leniency: what a person has called benign weighs less when the same user's agent does it again.

Two things are quieted, for the same agent and user only. A finding of a rule that was found in a benign session keeps
``QUIETED`` of its weight, unless it is critical. An anomaly that deviates in the same direction as a benign session
did, and not much further, keeps ``QUIETED`` of its part of the risk, or more where benign sessions do not explain it
(see ``analytics.quieting``). The anomaly score itself stays as it is: it is a promise about false alarms. Everything
else that a session does counts in full.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Self

import numpy as np

from analytics.baseline import Baseline, Who
from analytics.findings import Finding
from analytics.marked_session import MarkedSession, alignment, deviations_of
from analytics.vocabulary_model import words_used

QUIETED: Final = 0.2
"""Share of its weight that a quieted finding or anomaly keeps: enough to be seen, too little to alert."""
ALIKE: Final = 0.8
"""Cosine of the angle between two sessions' deviations from which their patterns count as the same."""
AS_STRONG: Final = 1.5
"""How many times as far as the benign session another one may deviate and still be its like."""
MOST_EXAMPLES: Final = 50
"""Benign sessions compared with for each agent and user, the last ones given; bounds the work."""
NEVER_QUIETED: Final = "critical"
"""Severity that no verdict quiets: one wrong click must not hide the next theft of keys."""


@dataclass(frozen=True)
class Leniency:
    """What is quieted for whom; without benign sessions nothing is.

    Attributes:
        rules: quieted rules by agent and user.
        examples: benign sessions with features, by agent and user.
        words: what the arguments of benign sessions said, by agent and user.
    """

    rules: Mapping[Who, frozenset[str]] = field(default_factory=dict)
    examples: Mapping[Who, Sequence[MarkedSession]] = field(default_factory=dict)
    words: Mapping[Who, frozenset[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, benign: Iterable[MarkedSession]) -> Self:
        """The leniency that follows from benign sessions, given oldest verdict first.

        A session of an unknown user quiets nothing: it would stand for everybody who is unknown.
        """
        rules: dict[Who, frozenset[str]] = defaultdict(frozenset)
        examples: dict[Who, list[MarkedSession]] = defaultdict(list)
        for session in benign:
            if session.who[1] is None:
                continue
            rules[session.who] |= session.rules
            if session.values is not None:
                examples[session.who].append(session)
        last = {who: found[-MOST_EXAMPLES:] for who, found in examples.items()}
        words = {who: frozenset(word for one in found for word in words_used(one.trace)) for who, found in last.items()}
        return cls(dict(rules), last, words)

    def finding_factor(self, finding: Finding, who: Who) -> float:
        """The share of its weight that a finding keeps."""
        is_quieted = finding.severity != NEVER_QUIETED and finding.rule in self.rules.get(who, ())
        return QUIETED if is_quieted else 1.0

    def explain(self, deviations: np.ndarray, who: Sequence[Who], baseline: Baseline) -> Explained:
        """Which sessions deviate like benign ones of the same agent and user, and what those do not explain.

        Args:
            deviations: the sessions' directed deviations from the baseline, shape (n_rows, n_features).
            who: agent and user of each.
            baseline: what the benign sessions are measured by as well, so that they follow every new model.
        """
        is_alike, rest = np.zeros(len(deviations), dtype=bool), deviations.copy()
        for one in set(who) & self.examples.keys():
            rows = np.array([row for row, other in enumerate(who) if other == one])
            benign = deviations_of(self.examples[one], baseline)
            alike = _alike(deviations[rows], benign)
            is_alike[rows] = alike.any(axis=1)
            for row, like in zip(rows, alike, strict=True):
                if like.any():
                    rest[row] -= np.clip(rest[row], *_span(benign[like]))
        return Explained(is_alike, rest, self.words)


@dataclass(frozen=True)
class Explained:
    """What benign sessions explain of others.

    Attributes:
        is_alike: which sessions deviate like a benign one, shape (n_rows,), bool.
        rest: deviations beyond the range that a session's benign likes span, shape (n_rows, n_features); those of a
            session without any as they are.
        words: what the arguments of benign sessions said, by agent and user.
    """

    is_alike: np.ndarray
    rest: np.ndarray
    words: Mapping[Who, frozenset[str]]


def _alike(rows: np.ndarray, benign: np.ndarray) -> np.ndarray:
    """Which rows deviate like which benign sessions and not much further, shape (n_rows, n_examples), bool."""
    cosines, lengths, known = alignment(rows, benign)
    return np.asarray((cosines >= ALIKE) & (lengths <= AS_STRONG * known))


def _span(benign: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The least and greatest deviation of some benign sessions, what is typical included; shape (n_features,) each."""
    return np.minimum(benign.min(axis=0), 0.0), np.maximum(benign.max(axis=0), 0.0)
