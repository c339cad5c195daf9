"""The configuration tree: every key, its type, bounds, default and meaning.

The example file and the reference page are rendered from this tree, so a description here is what users read.
A key that holds a length of time is a ``timedelta`` in Python.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from exporter.config_privacy import PrivacySettings
from exporter.config_sources import OptionalFile, Section, SourcesSettings
from exporter.config_spans import ExcludedSpan
from exporter.config_values import (
    Count,
    DailyHours,
    Duration,
    Hours,
    HttpUrl,
    Lowercase,
    OneShard,
    PositiveDuration,
    Ratio,
    StateUrl,
    Text,
    TimeZone,
)
from exporter.config_web import WebSettings
from exporter.shards import WHOLE

WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
"""Names of the days in the order of ``datetime.weekday``: Monday is 0."""

Weekday = Annotated[Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"], Lowercase]


class StateSettings(Section):
    """What is kept between runs: read positions, open sessions, scores, verdicts, models."""

    directory: Path = Field(
        Path("./sigyn-state"), description="Folder of the models and, unless `url` is set, of the SQLite file."
    )
    url: StateUrl = Field(
        None,
        description="SQLAlchemy URL of the database, such as `postgresql+psycopg://user:password@host/database`. "
        "SQLite in `directory` when not set. Secret: `${NAME}` only.",
    )
    url_file: OptionalFile = Field(None, description="File that holds the database URL.")
    keep_events: Duration = Field(
        timedelta(days=7),
        description="How long the events of an ended session are kept, without commands, paths and prompts. "
        "Afterwards its page has scores and reasons but no timeline. Duration.",
    )
    retention: PositiveDuration = Field(
        timedelta(days=90),
        description="How long ended sessions, their scores and their findings are kept. Duration.",
    )


class CycleSettings(Section):
    """When telemetry is read and scored."""

    interval: PositiveDuration = Field(
        timedelta(minutes=1), description="From the start of one cycle to the start of the next. Duration."
    )
    staleness: PositiveDuration = Field(
        timedelta(minutes=15),
        description="While cycles fail, the last good scores are still published until they are this old. "
        "Duration, not shorter than `interval`.",
    )


class SessionsSettings(Section):
    """What a session is, and which sessions can be judged."""

    idle_timeout: PositiveDuration = Field(
        timedelta(hours=1), description="A session without events for this long has ended. Duration."
    )
    minimum_events: Count = Field(
        3, ge=1, le=1_000_000, description="Sessions with fewer events are too short to judge."
    )
    minimum_tool_uses: Count = Field(
        1, ge=0, le=1_000_000, description="Sessions with fewer tool uses are too short to judge."
    )
    working_hours: Hours = Field(
        DailyHours(8, 19),
        description="Usual hours of work in `time_zone`, within one day, `HH:MM-HH:MM`.",
    )
    time_zone: TimeZone = Field("UTC", description="IANA name of the time zone that working hours and days are in.")
    weekend: tuple[Weekday, ...] = Field(
        ("saturday", "sunday"), description="Days that are not working days; `[]` for none."
    )

    @property
    def working_days(self) -> tuple[int, ...]:
        """The days that are not weekend, in order, Monday is 0."""
        return tuple(day for day, name in enumerate(WEEKDAYS) if name not in self.weekend)


class RulesSettings(Section):
    """The rules that produce findings."""

    files: tuple[Path, ...] = Field((), description="Files of further rules.")
    disable: tuple[Text, ...] = Field((), description="Names of rules to leave out.")


class TrainingSettings(Section):
    """When the models learn, and from which sessions."""

    every: PositiveDuration = Field(timedelta(days=7), description="Train when the models are this old. Duration.")
    growth: Ratio = Field(
        0.5,
        gt=0,
        le=1000,
        description="Train earlier once there are this many more sessions than at the last training, "
        "as a share of those: 0.5 is half as many again.",
    )
    window: PositiveDuration = Field(
        timedelta(days=30), description="Learn from the sessions that ended this recently. Duration."
    )
    minimum_sessions: Count = Field(
        30, ge=2, le=1_000_000, description="Nothing is scored before this many sessions can be learnt from."
    )
    maximum_sessions: Count = Field(
        20_000, ge=2, le=10_000_000, description="Learn from a random sample when there are more sessions."
    )
    seed: Count = Field(
        0, ge=0, le=4_294_967_295, description="Seed of everything random: same sessions, same seed, same models."
    )
    settle: Duration = Field(
        timedelta(days=3),
        description="When most sessions of an agent begin to use a new tool, the agent is settling for this long after "
        "the tool's first use: that is said, the tool is judged in the role of a known one, and then models are "
        "trained. 0 for never. Duration.",
    )
    exclude: tuple[ExcludedSpan, ...] = Field(
        (),
        description="Spans of time that teach nothing, such as an incident: sessions that touch one are left out. "
        "Each is `{from: TIME, to: TIME, reason: TEXT}`; TIME is RFC 3339 or a date, `reason` is for people.",
    )


class RiskSettings(Section):
    """Risk: how anomalous a session is, joined with its findings."""

    enabled: bool = Field(default=True, description="Whether sessions are scored for risk.")
    contamination: Ratio = Field(
        0.1,
        gt=0,
        le=0.5,
        description="Share of past sessions assumed to be anomalous, 0 to 0.5; where detectors draw the line.",
    )
    trees: Count = Field(200, ge=1, le=10_000, description="Trees of the Isolation Forest.")
    neighbours: Count = Field(
        20, ge=1, le=1000, description="Neighbours that Local Outlier Factor compares a session with."
    )
    false_alarms_per_week: Ratio | None = Field(
        20.0,
        gt=0,
        le=1_000_000,
        description="Healthy sessions a week that may reach the level `high` by their anomaly alone: where more are to "
        "be expected, a session must be stranger for it. `null` for any number. "
        "Each of several exporters has its own budget.",
    )


class FingerprintSettings(Section):
    """Fingerprint: the behaviour a session resembles."""

    enabled: bool = Field(default=True, description="Whether sessions get a fingerprint.")


class AnalysesSettings(Section):
    """What is worked out about sessions."""

    risk: RiskSettings = RiskSettings()
    fingerprint: FingerprintSettings = FingerprintSettings()


class MetricsSettings(Section):
    """Bounds on the number of series in the exposition."""

    tracked_sessions: Count = Field(
        50, ge=0, le=10_000, description="Sessions with series of their own, the riskiest first."
    )
    max_tool_names: Count = Field(
        200, ge=1, le=10_000, description="Different tool names; uses of further tools are counted together."
    )


class LogSettings(Section):
    """The exporter's own log, on standard error."""

    level: Annotated[Literal["debug", "info", "warning", "error"], Lowercase] = Field(
        "info", description="Least severe level to log: `debug`, `info`, `warning` or `error`."
    )
    format: Annotated[Literal["text", "json"], Lowercase] = Field(
        "text", description="One line a record: `text` is logfmt, `json` one object."
    )


class AnnouncementsSettings(Section):
    """Lines about scored sessions and findings that `sigyn serve` writes into Loki, for dashboards and Loki's rules."""

    enabled: bool = Field(
        default=True, description="Whether they are written, where there is a Loki to write to: see `loki_url`."
    )
    loki_url: HttpUrl = Field(
        None,
        description="Base URL of the Loki to write to, with the tenant and credentials of `sources.loki`. "
        "When not set: `sources.loki.url`; nothing is written when that is not set either.",
    )


class Config(Section):
    """The whole configuration of one exporter."""

    shard: OneShard = Field(
        WHOLE,
        description="Which part of all sessions this exporter judges, as `I/N`: the I-th of N exporters, counted from "
        "1, N at most 16. Each of them needs a `state` of its own. docs/scaling.md says which sessions are whose.",
    )
    sources: SourcesSettings = SourcesSettings()
    state: StateSettings = StateSettings()
    cycle: CycleSettings = CycleSettings()
    sessions: SessionsSettings = SessionsSettings()
    rules: RulesSettings = RulesSettings()
    training: TrainingSettings = TrainingSettings()
    analyses: AnalysesSettings = AnalysesSettings()
    metrics: MetricsSettings = MetricsSettings()
    announcements: AnnouncementsSettings = AnnouncementsSettings()
    privacy: PrivacySettings = PrivacySettings()
    web: WebSettings = WebSettings()
    log: LogSettings = LogSettings()

    def redacted(self) -> dict[str, Any]:
        """The tree as plain JSON values, written as in the file; secrets that are set show as asterisks."""
        return self.model_dump(mode="json")
