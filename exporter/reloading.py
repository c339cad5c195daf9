"""A new configuration put into force while the exporter runs; what cannot change without a restart is named."""

from __future__ import annotations

from datetime import datetime
from functools import reduce
from typing import Final

from exporter.assembly import (
    RequestObserver,
    build_analyses,
    build_cycle_settings,
    build_rules,
    build_sources,
    close_sources,
)
from exporter.config import Config
from exporter.world import World

AFTER_RESTART: Final = (
    "state.directory",
    "state.url",
    "analyses.risk.enabled",
    "analyses.fingerprint.enabled",
    "metrics.tracked_sessions",
    "metrics.max_tool_names",
    "privacy.pseudonymise",
    "privacy.key",
    "web.listen",
    "web.external_url",
    "web.grafana_url",
)
"""Keys that are looked at when the process starts and not again; all others are followed."""


def apply_configuration(world: World, old: Config, new: Config, on_request: RequestObserver, now: datetime) -> None:
    """Change the world to a new configuration.

    Everything that may fail is built before anything changes, so an error leaves the old configuration whole.
    """
    rules = build_rules(new)
    analyses = build_analyses(new)
    settings = build_cycle_settings(new, now)
    sources = world.sources if _read_alike(old, new) else build_sources(new, on_request)
    if sources is not world.sources:
        close_sources(world.sources)
    world.rules, world.analyses, world.settings, world.sources = rules, analyses, settings, sources


def keys_after_restart(started: Config, new: Config) -> tuple[str, ...]:
    """Keys whose values in a new configuration are not those that the process started with and goes on with."""
    return tuple([key for key in AFTER_RESTART if _value(started, key) != _value(new, key)])


def _read_alike(one: Config, other: Config) -> bool:
    """Whether sources of both read the same; late lines are read as far back as events are kept."""
    return (one.sources, one.shard, one.state.keep_events) == (other.sources, other.shard, other.state.keep_events)


def _value(config: Config, key: str) -> object:
    return reduce(getattr, key.split("."), config)
