"""Risk: anomaly joined with rule findings, in parts that add up.

The parts are joined as independent chances of harm, ``1 - product(1 - part)``. An anomaly's part follows its surprise
(orders of magnitude of the false-alarm chance): one look in ten reaches ``medium`` by anomaly alone, one in a
hundred ``high``, one in a thousand ``critical``; fewer where that would be more than the alert budget allows
(``analytics.alert_budget``). A finding's part is its severity's weight, reduced where the same finding is everyday
business for this user: ordinary work contains ``rm -rf`` too.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from analytics.baseline import SHRINKAGE, Scope, Who, scopes_of
from analytics.calibration import surprise
from analytics.findings import Finding

HIGH_AT: Final = 2.0
"""Surprise from which an anomaly alone amounts to ``high`` where the alert budget does not ask for more."""
_RISK: Final = (0.0, 0.4, 0.7, 0.9, 1.0)
SEVERITY_WEIGHTS: Final = {"info": 0.02, "low": 0.08, "medium": 0.42, "high": 0.72, "critical": 0.92}
"""From medium on, a finding that is rare amounts to the level of its severity's name."""
RARE_SHARE: Final = 0.02
"""Share of the baseline's sessions up to which a finding counts in full."""
COMMON_SHARE: Final = 0.25
"""Share from which it is everyday business and keeps only COMMON_WEIGHT of its weight."""
COMMON_WEIGHT: Final = {"info": 0.2, "low": 0.2, "medium": 0.2, "high": 0.4, "critical": 0.75}


def anomaly_part(anomaly: np.ndarray, high_at: float = HIGH_AT) -> np.ndarray:
    """The risk an anomaly score alone amounts to; ``high_at`` is the surprise from which that is ``high``."""
    return np.interp(surprise(anomaly), (0.0, 1.0, high_at, high_at + 1.0, high_at + 3.0), _RISK)


@dataclass(frozen=True)
class FindingRates:
    """How usual each rule's finding is, by scope, shrunk to the wider one.

    Attributes:
        overall: training sessions with the finding, by rule.
        sessions: training sessions.
        counts: training sessions with the finding, by scope and rule.
        sizes: training sessions of each scope.
    """

    overall: Mapping[str, int]
    sessions: int
    counts: Mapping[Scope, Mapping[str, int]]
    sizes: Mapping[Scope, int]

    def rate(self, rule: str, who: Who) -> float:
        """Share of the sessions of this user and agent in which the rule is found."""
        rate = _others(self.overall.get(rule, 0)) / max(self.sessions, 1)
        for scope in scopes_of(who):
            others = _others(self.counts.get(scope, {}).get(rule, 0))
            rate = (others + SHRINKAGE * rate) / (self.sizes.get(scope, 0) + SHRINKAGE)
        return rate

    def weight(self, finding: Finding, who: Who) -> float:
        """The finding's part of the risk, 0…1."""
        full = SEVERITY_WEIGHTS[finding.severity]
        share = max(self.rate(finding.rule, who), 1e-9)
        span = np.log(COMMON_SHARE / RARE_SHARE)
        usual = min(max(float(np.log(share / RARE_SHARE) / span), 0.0), 1.0)
        return full * (1.0 - usual * (1.0 - COMMON_WEIGHT[finding.severity]))


def _others(count: int) -> int:
    """Sessions with a finding beside the one that is judged, which may itself be in the history."""
    return max(count - 1, 0)


def fit_finding_rates(findings: Sequence[Sequence[Finding]], who: Sequence[Who]) -> FindingRates:
    """Count in how many sessions of each scope each rule was found."""
    overall: Counter[str] = Counter()
    counts: dict[Scope, Counter[str]] = defaultdict(Counter)
    sizes: Counter[Scope] = Counter()
    for found, one in zip(findings, who, strict=True):
        rules = {finding.rule for finding in found}
        overall.update(rules)
        for scope in scopes_of(one):
            sizes[scope] += 1
            counts[scope].update(rules)
    return FindingRates(overall, len(findings), counts, sizes)


def join_parts(parts: Mapping[str, float]) -> tuple[float, dict[str, float]]:
    """The joint risk of some parts, and each part's share of it; the shares add up to the risk."""
    bounded = {name: min(part, 1.0 - 1e-9) for name, part in parts.items() if part > 0}
    if not bounded:
        return 0.0, {}
    logs = {name: -np.log1p(-part) for name, part in bounded.items()}
    total = sum(logs.values())
    risk = float(-np.expm1(-total))
    return risk, {name: risk * float(log / total) for name, log in logs.items()}
