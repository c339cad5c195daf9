"""Parts put together from the configuration: the one place that knows both the tree and the parts' own settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from analytics.activity import WorkingHours
from analytics.analyses.fingerprint import FingerprintSettings
from analytics.analyses.risk import RiskSettings
from analytics.registry import load_analyses
from analytics.rules import RuleSet
from exporter.announcements import Announcements
from exporter.announcements.delivery import Count
from exporter.config import Config
from exporter.decoders import decode_to_table
from exporter.loki.client import LokiClient
from exporter.loki.settings import LokiSettings, LokiTls
from exporter.loki.shard_queries import shard_queries
from exporter.pseudonyms import Pseudonyms
from exporter.rule_file import load_rule_set
from exporter.sources.local import LocalSource
from exporter.sources.loki import LokiSource
from exporter.sources.sharded import ShardDecoding, ShardedSource
from exporter.sources.source import Source
from exporter.sources.tail import ReadLimits
from exporter.state import State
from exporter.training import TrainingSettings
from exporter.world import CycleSettings, EnabledAnalysis, World

RequestObserver = Callable[[str, str], None]
"""Told the operation and the outcome of each request to Loki."""

LATE_GRACE: Final = timedelta(hours=1, minutes=15)
"""What is so late as allowed lies in an hour that began an hour earlier, and waits a quarter of one for a look."""


def nanoseconds(duration: timedelta) -> int:
    """A duration as whole nanoseconds."""
    return duration // timedelta(microseconds=1) * 1000


def _moment_ns(moment: datetime) -> int:
    return nanoseconds(moment - datetime.fromtimestamp(0, UTC))


def build_world(config: Config, state: State, on_request: RequestObserver, now: datetime) -> World:
    """Everything a cycle works with; models and known sessions are not loaded yet."""
    return World(
        sources=build_sources(config, on_request),
        state=state,
        rules=build_rules(config),
        analyses=build_analyses(config),
        settings=build_cycle_settings(config, now),
        pseudonyms=build_pseudonyms(config),
    )


def build_pseudonyms(config: Config) -> Pseudonyms | None:
    """What users are called instead, None where they keep their names."""
    key = config.privacy.key
    return Pseudonyms(key.get_secret_value()) if config.privacy.pseudonymise and key else None


def build_rules(config: Config) -> RuleSet:
    """The bundled rules with the user's own, without those switched off."""
    return load_rule_set([Path(path) for path in config.rules.files], config.rules.disable)


def build_sources(config: Config, on_request: RequestObserver) -> tuple[Source, ...]:
    """Every configured source, with this shard's sessions."""
    sources: list[Source] = []
    if config.sources.local_paths:
        limits = ReadLimits(max_line_bytes=config.sources.local.max_line_bytes)
        sources.append(ShardedSource(LocalSource(config.sources.local_paths, limits=limits), config.shard))
    if config.sources.loki.url:
        settings = build_loki_settings(config, config.sources.loki.url)
        decode = decode_to_table if config.shard.is_whole else ShardDecoding(decode_to_table, config.shard)
        client = LokiClient(settings, on_request=on_request)
        sources.append(LokiSource(client, settings, decode, shard=config.shard))
    return tuple(sources)


def build_announcements(
    config: Config, world: World, on_request: RequestObserver, count: Count
) -> Announcements | None:
    """Where scores and findings are told; None where they are told nowhere."""
    url = config.announcements.loki_url or config.sources.loki.url
    if not config.announcements.enabled or url is None:
        return None
    # One try: the next cycle is the next one, and nothing else waits meanwhile.
    settings = replace(build_loki_settings(config, url), max_attempts=1)
    rules = {rule.id: rule for rule in world.rules.rules}
    client = LokiClient(settings, on_request=on_request)
    return Announcements(world.state, client, count, rules, config.web.external_url)


def build_loki_settings(config: Config, url: str) -> LokiSettings:
    """Loki's part of the tree as the settings of a client of the Loki at ``url``."""
    loki = config.sources.loki
    return LokiSettings(
        url=url,
        selectors=tuple(query for selector in loki.selectors for query in shard_queries(selector, config.shard)),
        tenant=loki.tenant,
        basic=(loki.username, loki.password.get_secret_value()) if loki.username and loki.password else None,
        bearer_token=loki.bearer_token.get_secret_value() if loki.bearer_token else None,
        tls=LokiTls(
            ca_file=_text(loki.tls.ca_file),
            cert_file=_text(loki.tls.cert_file),
            key_file=_text(loki.tls.key_file),
            insecure_skip_verify=loki.tls.insecure_skip_verify,
        ),
        timeout_seconds=(min(5.0, loki.timeout.total_seconds()), loki.timeout.total_seconds()),
        page_limit=loki.page_limit,
        slice_seconds=loki.slice.total_seconds(),
        threads=loki.threads,
        overlap_seconds=loki.overlap.total_seconds(),
        # A late event must find the events of its session: without them, reading twice would count twice.
        late_seconds=min(loki.late + LATE_GRACE, config.state.keep_events).total_seconds() if loki.late else 0.0,
        lookback_seconds=loki.lookback.total_seconds(),
    )


def close_sources(sources: Sequence[Source]) -> None:
    """Let go of the sources' connections."""
    for source in sources:
        source.close()


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def build_analyses(config: Config) -> tuple[EnabledAnalysis, ...]:
    """The enabled analyses with their settings."""
    risk, training = config.analyses.risk, config.training
    minimums = {"minimum_sessions": training.minimum_sessions, "minimum_events": config.sessions.minimum_events}
    settings: Mapping[str, Any] = {
        "risk": RiskSettings(
            trees=risk.trees,
            contamination=risk.contamination,
            neighbours=risk.neighbours,
            minimum_tool_uses=config.sessions.minimum_tool_uses,
            false_alarms_per_week=risk.false_alarms_per_week,
            seed=training.seed,
            **minimums,
        ),
        "fingerprint": FingerprintSettings(seed=training.seed, **minimums),
    }
    names = [name for name in settings if getattr(config.analyses, name).enabled]
    return tuple(EnabledAnalysis(analysis, settings[analysis.name]) for analysis in load_analyses(names))


def build_cycle_settings(config: Config, now: datetime) -> CycleSettings:
    """How sessions are kept; the time zone's offset is the one in force at ``now``."""
    sessions = config.sessions
    offset = now.astimezone(ZoneInfo(sessions.time_zone)).utcoffset() or timedelta()
    return replace(
        CycleSettings(),
        idle_timeout_ns=nanoseconds(sessions.idle_timeout),
        lookback_ns=nanoseconds(config.sources.loki.lookback),
        keep_events_ns=nanoseconds(config.state.keep_events),
        retention_ns=nanoseconds(config.state.retention),
        settle_ns=nanoseconds(config.training.settle),
        working_hours=WorkingHours(
            begin=sessions.working_hours.begin,
            end=sessions.working_hours.end,
            days=sessions.working_days,
            offset_minutes=int(offset.total_seconds() // 60),
        ),
    )


def build_training_settings(config: Config) -> TrainingSettings:
    """When to train and on what."""
    training = config.training
    return TrainingSettings(
        every_ns=nanoseconds(training.every),
        growth=training.growth,
        window_ns=nanoseconds(training.window),
        maximum_sessions=training.maximum_sessions,
        excluded_ns=tuple((_moment_ns(span.begin), _moment_ns(span.end)) for span in training.exclude),
    )


def open_state(config: Config) -> State:
    """The state folder or database of the configuration, locked for this process."""
    url = config.state.url.get_secret_value() if config.state.url else None
    return State.open(config.state.directory, url)


def local_source(paths: Sequence[str]) -> LocalSource:
    """Files named on the command line; each must exist."""
    return LocalSource(paths, must_exist=True, is_final=True)
