"""A new configuration put into force while the exporter runs; what cannot change without a restart is named."""

from __future__ import annotations

from datetime import datetime

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


def apply_configuration(
    world: World, old: Config, new: Config, on_request: RequestObserver, now: datetime
) -> list[str]:
    """Change the world to a new configuration; returns the keys that take effect only after a restart.

    Everything that may fail is built before anything changes, so an error leaves the old configuration whole.
    """
    rules = build_rules(new)
    analyses = build_analyses(new)
    settings = build_cycle_settings(new, now)
    is_same = (new.sources, new.shard) == (old.sources, old.shard)
    sources = world.sources if is_same else build_sources(new, on_request)
    if sources is not world.sources:
        close_sources(world.sources)
    world.rules, world.analyses, world.settings, world.sources = rules, analyses, settings, sources
    changed = [section for section in ("state", "privacy", "metrics") if getattr(new, section) != getattr(old, section)]
    addresses = ("listen", "external_url", "grafana_url")  # the rest of the section is followed as it changes
    return changed + [f"web.{key}" for key in addresses if getattr(new.web, key) != getattr(old.web, key)]
