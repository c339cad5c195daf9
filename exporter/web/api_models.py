"""The shapes of the API, version 1. A session has the shape that ``sigyn score --format jsonl`` prints."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from exporter.web.session_detail import MAX_NAME, MAX_NOTE, HumanJudgement


class ReasonModel(BaseModel):
    """A feature that explains an anomaly; ``contribution`` is its share of the score."""

    feature: str
    value: float | None
    expected_low: float | None
    expected_high: float | None
    contribution: float | None
    text: str | None


class FindingModel(BaseModel):
    """A rule that matched, how often, and when first and last."""

    rule: str
    severity: str
    count: int
    first_at: str
    last_at: str


class FingerprintModel(BaseModel):
    """A session's behavioural fingerprint; ``distance`` is from its own history, in robust standard deviations."""

    id: str
    cluster: str
    distance: float | None
    description: str | None = Field(None, description="What the cluster's sessions do more and less than the others.")
    category: str | None = Field(None, description="The dense group of alike sessions it is in; null in none.")
    category_description: str | None = None
    likely_user: str | None = Field(None, description="The known user whose habits fit best; null where none fit.")
    user_probability: float | None = Field(None, description="Of the likely user among those known, 0…1.")
    wrong_user: float | None = Field(
        None, description="0…1, calibrated: a session of its own user exceeds it with a chance of at most 1 - it."
    )


class SessionModel(BaseModel):
    """One session. Scores lie in 0…1, higher is riskier; they are null unless ``status`` is ``scored``."""

    # A field called model_version is no clash with pydantic's own methods.
    model_config = ConfigDict(protected_namespaces=())

    session_id: str
    started_at: str = Field(description="RFC 3339, UTC.")
    ended_at: str = Field(description="Time of the last event so far, RFC 3339, UTC.")
    events: int
    agent: str | None
    user_id: str | None
    project: str | None
    status: str = Field(description="`scored`, `initializing` or `insufficient`.")
    risk: float | None
    level: str | None = Field(description="`low`, `medium`, `high` or `critical`.")
    confidence: float | None
    anomaly: float | None
    detectors: dict[str, float | None]
    reasons: list[ReasonModel]
    findings: list[FindingModel]
    fingerprint: FingerprintModel | None
    needed: int | None = Field(description="While `initializing`: how many more sessions are needed.")
    parts: dict[str, float | None] = Field(description="What the risk is made of; the values add up to it.")
    tool_uses: int
    team: str | None
    model: str | None
    parent_session_id: str | None
    is_final: bool
    model_version: str | None
    live_risk: float | None = Field(description="The risk as it is now; `risk` of a running session may be its peak's.")
    latched_level: str | None = Field(description="The level `risk` is held at; null while it is not held.")
    peak_risk: float | None = Field(description="The highest risk reached; null where that was below `high`.")
    peak_at: str | None = Field(description="Time of the session's last event then, RFC 3339, UTC.")
    notes: list[str] = Field(description="What else is to be known of the score, such as that the agent is settling.")


class SessionPage(BaseModel):
    """Some of the sessions that match, most risky first."""

    sessions: list[SessionModel]
    total: int = Field(description="Sessions that match.")
    limit: int
    offset: int
    as_of: str | None = Field(description="End of the cycle that found this, RFC 3339; null before the first.")
    withdrawn: str | None = Field(description="Why no scores are published now; null while they are.")


class FeatureModel(BaseModel):
    """One feature of a session against the range it was expected in; null where unknown."""

    name: str
    help: str
    unit: str
    group: str
    value: float | None
    expected_low: float | None
    expected_high: float | None
    is_unusual: bool


class EventModel(BaseModel):
    """One event of a session's timeline."""

    time: str
    event: str
    tool_name: str | None
    success: bool | None
    failure_kind: str | None
    duration_ms: float | None
    tokens: int | None
    rules: list[str]


class HumanVerdictModel(BaseModel):
    """What a person said of a session, when, and the name they gave."""

    verdict: str
    note: str
    at: str
    by: str | None


class SessionDetailModel(SessionModel):
    """One session in full."""

    features: list[FeatureModel]
    timeline: list[EventModel]
    timeline_left_out: int
    human_verdict: HumanVerdictModel | None
    siblings: list[str]


class VerdictBody(BaseModel):
    """A person's verdict on a session."""

    model_config = ConfigDict(extra="forbid")

    verdict: HumanJudgement
    note: str = Field("", max_length=MAX_NOTE)
    by: str = Field("", max_length=MAX_NAME, description="Who says so; kept as given, not checked.")


class VerdictKept(BaseModel):
    """The answer to a verdict that was kept."""

    session_id: str
    verdict: str


class ErrorModel(BaseModel):
    """What was wrong."""

    detail: Any
