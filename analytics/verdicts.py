"""What the analyses say about one session: the record that pages, API, table and metrics all read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from analytics.findings import Finding

LEVELS: Final = (("critical", 0.9), ("high", 0.7), ("medium", 0.4), ("low", 0.0))
"""Levels of risk with the least risk each begins at, highest first."""

SCORED: Final = "scored"
INITIALIZING: Final = "initializing"
INSUFFICIENT: Final = "insufficient"


MALICIOUS_EXAMPLE: Final = "malicious_example"
"""Name of the part of the risk, and of the reason, that a session is like one which a person called malicious."""


def level_of(risk: float) -> str:
    """The level a risk in 0…1 belongs to."""
    return next(level for level, least in LEVELS if risk >= least)


@dataclass(frozen=True, slots=True)
class Reason:
    """A feature that explains an anomaly: its value, the range it was expected in and its share of the score."""

    feature: str
    value: float
    expected_low: float
    expected_high: float
    contribution: float
    text: str = ""


@dataclass(frozen=True, slots=True)
class FingerprintView:
    """A session's fingerprint: what it resembles, how far it is from its own history, and whose it looks like.

    Attributes:
        id: the session's own short behavioural id.
        cluster: the behavioural cluster it is nearest to.
        distance: robust standard deviations from the history of the same user and agent, None with too little history.
        description: what the cluster's sessions do more and less than the others.
        category: the dense group of alike sessions it is in, None where it is in none.
        category_description: what that category's sessions do more and less than the others.
        likely_user: the known user its habits fit best, None with too little history or where they fit nobody's.
        user_probability: of that user among those known, 0…1.
        wrong_user: 0…1, calibrated: a session of its own user exceeds it with a chance of at most 1 - it; None with too
            little history of that user.
    """

    id: str
    cluster: str
    distance: float | None
    description: str | None = None
    category: str | None = None
    category_description: str | None = None
    likely_user: str | None = None
    user_probability: float | None = None
    wrong_user: float | None = None
    odds_against: float | None = None


@dataclass(frozen=True, slots=True)
class Peak:
    """The highest risk that a session has reached, from ``high`` on, as it was then.

    Attributes:
        risk: 0…1; ``parts`` add up to it.
        at_ns: time of the session's last event when that risk was first reached.
        reasons: of the anomaly at that moment.
        model_version: the fitted model that risk came from.
    """

    risk: float
    at_ns: int
    parts: dict[str, float]
    reasons: tuple[Reason, ...]
    model_version: str | None


@dataclass(frozen=True, slots=True)
class SessionVerdict:
    """Everything said about one session.

    Attributes:
        status: ``scored``, ``initializing`` (too few sessions to judge by, ``needed`` says how many are missing) or
            ``insufficient`` (too short to judge).
        risk: 0…1, None unless scored. ``parts`` says what it is made of; its values add up to ``risk``.
        level: of the risk, None unless scored.
        confidence: 0…1, how much ground the score stands on.
        anomaly: joint calibrated verdict of the detectors, 0…1.
        detectors: each detector's calibrated score, 0…1.
        is_final: the session has ended and this score is frozen.
        model_version: the fitted model the score comes from.
        peak: the highest risk reached, None where that was below ``high``.
        live_risk: the risk of the session as it is now, where ``risk``, ``parts``, ``reasons`` and ``model_version``
            are held at the peak (see ``analytics.latching``); None where they are not.
        notes: what else is to be known of the score, such as that the agent has been re-tooled.
    """

    session_id: str
    started_ns: int
    ended_ns: int
    events: int
    agent: str | None
    user_id: str | None
    project: str | None
    status: str
    team: str | None = None
    model: str | None = None
    parent_session_id: str | None = None
    tool_uses: int = 0
    risk: float | None = None
    level: str | None = None
    confidence: float | None = None
    anomaly: float | None = None
    needed: int | None = None
    parts: dict[str, float] = field(default_factory=dict)
    detectors: dict[str, float] = field(default_factory=dict)
    reasons: tuple[Reason, ...] = ()
    findings: tuple[Finding, ...] = ()
    fingerprint: FingerprintView | None = None
    is_final: bool = False
    model_version: str | None = None
    peak: Peak | None = None
    live_risk: float | None = None
    notes: tuple[str, ...] = ()


def grounds_of(verdict: SessionVerdict, titles: Mapping[str, str] | None = None) -> list[str]:
    """Why a session is where it is, in words, weightiest first: its findings and the reasons of its anomaly.

    ``titles`` are the words for the rules by id; without one a finding is told by its rule's id.
    """
    weights = verdict.parts
    found = [
        (
            weights.get(one.rule, 0.0),
            (titles or {}).get(one.rule, one.rule) + (f" x{one.count}" if one.count > 1 else ""),
        )
        for one in verdict.findings
    ]
    of_anomaly = [reason for reason in verdict.reasons if reason.feature != MALICIOUS_EXAMPLE]
    total = sum(reason.contribution for reason in of_anomaly) or 1.0
    told = [(weights.get("anomaly", 0.0) * one.contribution / total, one.text) for one in of_anomaly]
    told += [(one.contribution, one.text) for one in verdict.reasons if one.feature == MALICIOUS_EXAMPLE]
    return [text for _, text in sorted(found + told, key=lambda pair: -pair[0])]
