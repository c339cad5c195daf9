"""The part of the configuration tree that says where telemetry comes from."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from exporter.config_values import (
    Count,
    Duration,
    EmptyIsUnset,
    HttpUrl,
    OptionalText,
    PositiveDuration,
    Secret,
    Selector,
    Text,
)

DEFAULT_LOCAL_PATHS: Final = ("./telemetry",)
"""What is read when the configuration names no source."""

DEFAULT_SELECTOR: Final = (
    '{service_name=~"claude-code|claude-code-desktop|claude-code-hooks|codex.*|gemini-cli|sigyn-events"}'
)

OptionalFile = Annotated[Path | None, EmptyIsUnset]


class Section(BaseModel):
    """A part of the tree: immutable, refuses unknown keys, and never repeats a value in an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class LocalSettings(Section):
    """Event lines in local files."""

    paths: tuple[Text, ...] | None = Field(
        None,
        description="Files, folders or globs of event lines (`*.jsonl`, `*.jsonl.gz`). "
        "When not set: `./telemetry` if `sources.loki.url` is not set either, else none.",
    )
    max_line_bytes: Count = Field(
        1_048_576, ge=1024, le=67_108_864, description="Longer lines are skipped and counted. Bytes."
    )


class TlsSettings(Section):
    """How the connection to Loki is secured when its URL begins with https."""

    ca_file: OptionalFile = Field(None, description="PEM file of the authorities to trust instead of the usual ones.")
    cert_file: OptionalFile = Field(None, description="PEM file of the client certificate; needs `key_file`.")
    key_file: OptionalFile = Field(None, description="PEM file of the client certificate's key.")
    insecure_skip_verify: bool = Field(
        default=False, description="Accept any certificate. Whoever is in between can then read and forge."
    )


class LokiSettings(Section):
    """Telemetry in Grafana Loki."""

    url: HttpUrl = Field(
        None, description="Loki's base URL, such as `http://localhost:3100`. Loki is not read when not set."
    )
    selectors: tuple[Selector, ...] = Field(
        (DEFAULT_SELECTOR,),
        description="Stream selectors to read, without a pipeline; a line matched by several counts once.",
    )
    tenant: OptionalText = Field(None, description="Tenant, sent as `X-Scope-OrgID`.")
    username: OptionalText = Field(None, description="User name of basic authentication.")
    password: Secret = Field(None, description="Password of basic authentication. Secret: `${NAME}` only.")
    password_file: OptionalFile = Field(None, description="File that holds the password.")
    bearer_token: Secret = Field(None, description="Token sent as `Authorization: Bearer`. Secret: `${NAME}` only.")
    bearer_token_file: OptionalFile = Field(None, description="File that holds the token.")
    tls: TlsSettings = TlsSettings()
    timeout: PositiveDuration = Field(timedelta(seconds=30), description="How long to wait for one answer. Duration.")
    page_limit: Count = Field(
        5000,
        ge=1,
        le=1_000_000,
        description="Most lines to ask for at once; keep it within Loki's `max_entries_limit_per_query`.",
    )
    slice: PositiveDuration = Field(
        timedelta(hours=1),
        description="A long time range is read in slices of this length, each with queries of its own. "
        "Duration; keep it within Loki's `max_query_length`.",
    )
    threads: Count = Field(3, ge=1, le=64, description="Slices that are read at the same time.")
    overlap: Duration = Field(
        timedelta(minutes=5),
        description="Each read begins this long before the end of the last one, "
        "for lines that reach Loki late. Duration.",
    )
    late: Duration = Field(
        timedelta(days=1),
        description="Every quarter of an hour Loki is asked how many lines it has of each of the last hours, "
        "so far back; hours with more lines than were read are read again, older ones are looked at once a day and "
        "what they gained is counted as lost. 0 for neither. Duration.",
    )
    lookback: PositiveDuration = Field(timedelta(days=30), description="How far back the first read begins. Duration.")


class SourcesSettings(Section):
    """Where telemetry comes from; both sources may be read at once."""

    local: LocalSettings = LocalSettings()
    loki: LokiSettings = LokiSettings()

    @property
    def local_paths(self) -> tuple[str, ...]:
        """The local paths to read, after the default that depends on ``loki.url``; () reads no local files."""
        if self.local.paths is not None:
            return self.local.paths
        return () if self.loki.url else DEFAULT_LOCAL_PATHS
