"""One session in full: what its page and its API entry show beyond the verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from analytics.verdicts import SessionVerdict

HumanJudgement = Literal["benign", "malicious", "broken"]
HUMAN_JUDGEMENTS: Final[tuple[HumanJudgement, ...]] = ("benign", "malicious", "broken")
"""What a person can say of a session: the work was fine, it was an attack or misuse, the agent went astray."""

MAX_NOTE: Final = 2000
MAX_NAME: Final = 100
"""Characters of a verdict's note and of the name of whoever gives it."""


@dataclass(frozen=True, slots=True)
class HumanVerdictInput:
    """A person's verdict as it was sent in; ``by`` is the name they gave, which nobody has checked."""

    verdict: HumanJudgement
    note: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True)
class HumanVerdict:
    """A person's verdict as it is kept; ``at`` in Unix seconds."""

    verdict: str
    note: str
    at: float
    by: str | None = None


@dataclass(frozen=True, slots=True)
class FeatureRow:
    """One feature of a session against the range it was expected in.

    Attributes:
        value: None where the telemetry does not tell.
        expected_low: lowest value expected, None where there is no ground for an expectation.
        expected_high: highest value expected, likewise.
        group: heading under which it is shown.
        is_unusual: whether the value deserves attention.
    """

    name: str
    help: str
    unit: str
    value: float | None
    expected_low: float | None
    expected_high: float | None
    group: str
    is_unusual: bool = False


@dataclass(frozen=True, slots=True)
class TimelineEvent:
    """One event of a session.

    Attributes:
        success: None where the event has no outcome.
        failure_kind: see ``analytics.failures.FAILURE_KINDS``.
        duration_ms: milliseconds.
        tokens: input and output tokens together.
        rules: ids of the rules that matched here.
    """

    time_ns: int
    event: str
    tool_name: str | None = None
    success: bool | None = None
    failure_kind: str | None = None
    duration_ms: float | None = None
    tokens: int | None = None
    rules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SessionDetail:
    """Everything shown about one session.

    Attributes:
        features: in the order of the feature table.
        timeline: in order of time; () once the events are no longer kept.
        timeline_left_out: events that are not in ``timeline`` because there are too many.
        human_verdict: the newest one, None where nobody has judged the session.
        siblings: ids of the sub-agents and forks of this session, or, where it is one itself, of its parent's others.
        parent: id of the session that started this one.
    """

    verdict: SessionVerdict
    features: tuple[FeatureRow, ...] = ()
    timeline: tuple[TimelineEvent, ...] = ()
    timeline_left_out: int = 0
    human_verdict: HumanVerdict | None = None
    siblings: tuple[str, ...] = ()
    parent: str | None = None
