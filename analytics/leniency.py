"""Leniency: what a person has called benign weighs less when the same user's agent does it again.

Two things are quieted, for the same agent and user only. A finding of a rule that was found in a benign session keeps
``QUIETED`` of its weight, unless it is critical. An anomaly that deviates in the same direction as a benign session
did, and not much further, keeps ``QUIETED`` of its part of the risk. The anomaly score itself stays as it is: it is a
promise about false alarms. Everything else that a session does counts in full.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Self

import numpy as np

from analytics.baseline import Baseline, Who
from analytics.findings import Finding
from analytics.reasons import direct

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


@dataclass(frozen=True, slots=True, eq=False)
class BenignSession:
    """A session that a person called benign.

    Attributes:
        who: its agent and user.
        rules: the rules found in it.
        values: its features, shape (n_features,); None where they are of another feature schema.
        age: its events.
    """

    who: Who
    rules: frozenset[str]
    values: np.ndarray | None
    age: int


@dataclass(frozen=True)
class Leniency:
    """What is quieted for whom; without benign sessions nothing is.

    Attributes:
        rules: quieted rules by agent and user.
        examples: benign sessions with features, by agent and user.
    """

    rules: Mapping[Who, frozenset[str]] = field(default_factory=dict)
    examples: Mapping[Who, Sequence[BenignSession]] = field(default_factory=dict)

    @classmethod
    def of(cls, benign: Iterable[BenignSession]) -> Self:
        """The leniency that follows from benign sessions, given oldest verdict first.

        A session of an unknown user quiets nothing: it would stand for everybody who is unknown.
        """
        rules: dict[Who, frozenset[str]] = defaultdict(frozenset)
        examples: dict[Who, list[BenignSession]] = defaultdict(list)
        for session in benign:
            if session.who[1] is None:
                continue
            rules[session.who] |= session.rules
            if session.values is not None:
                examples[session.who].append(session)
        return cls(dict(rules), {who: found[-MOST_EXAMPLES:] for who, found in examples.items()})

    def finding_factor(self, finding: Finding, who: Who) -> float:
        """The share of its weight that a finding keeps."""
        is_quieted = finding.severity != NEVER_QUIETED and finding.rule in self.rules.get(who, ())
        return QUIETED if is_quieted else 1.0

    def anomaly_factors(self, deviations: np.ndarray, who: Sequence[Who], baseline: Baseline) -> np.ndarray:
        """The share of its part of the risk that each session's anomaly keeps, shape (n_rows,).

        Args:
            deviations: the sessions' directed deviations from the baseline, shape (n_rows, n_features).
            who: agent and user of each.
            baseline: what the benign sessions are measured by as well, so that they follow every new model.
        """
        factors = np.ones(len(deviations))
        for one in set(who) & self.examples.keys():
            rows = np.array([row for row, other in enumerate(who) if other == one])
            benign = _deviations(self.examples[one], baseline)
            factors[rows[_is_alike(deviations[rows], benign)]] = QUIETED
        return factors


def _deviations(examples: Sequence[BenignSession], baseline: Baseline) -> np.ndarray:
    """Directed deviations of benign sessions, shape (n_examples, n_features)."""
    values = np.stack([example.values for example in examples if example.values is not None])
    ages = np.array([example.age for example in examples], dtype=np.int64)
    return direct(baseline.standardise(values, ages, [example.who for example in examples]))


def _is_alike(rows: np.ndarray, benign: np.ndarray) -> np.ndarray:
    """Mask of the rows, shape (n_rows,), that deviate like any of the benign ones and not much further."""
    lengths, known = np.linalg.norm(rows, axis=1)[:, None], np.linalg.norm(benign, axis=1)[None, :]
    cosines = rows @ benign.T / np.maximum(lengths * known, 1e-12)
    return np.asarray(((cosines >= ALIKE) & (lengths <= AS_STRONG * known)).any(axis=1))
