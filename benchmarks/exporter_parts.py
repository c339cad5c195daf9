"""The exporter's working parts without schedule and web server: what one cycle and one scrape go through."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from prometheus_client import CollectorRegistry, disable_created_metrics

from analytics.registry import load_analyses
from benchmarks.grown_sessions import enabled_analyses
from exporter.collector import SnapshotCollector
from exporter.instrumentation import Instrumentation
from exporter.model_store import ModelStore
from exporter.pipeline import restore, run_cycle
from exporter.publisher import Publisher
from exporter.recent_sessions import gauge_specs
from exporter.rule_file import load_rule_set
from exporter.sources.local import LocalSource
from exporter.state import State
from exporter.training import Shelf, load_models
from exporter.world import World


@dataclass(frozen=True)
class Exporter:
    """World, publication and registry over one state folder."""

    world: World
    publisher: Publisher
    registry: CollectorRegistry

    @classmethod
    def open(cls, folder: Path, lines: Path) -> Exporter:
        """Open the state and its models, follow a file of lines, register everything that is exposed."""
        disable_created_metrics()  # type: ignore[no-untyped-call]  # prometheus-client does not annotate it
        state = State.open(folder)
        models = load_models(Shelf(ModelStore(folder), state), enabled_analyses())
        world = World((LocalSource([lines]),), state, load_rule_set(), enabled_analyses(), models=models)
        publisher, registry = Publisher(), CollectorRegistry()
        Instrumentation(registry, "benchmark")
        specs = gauge_specs(load_analyses())
        registry.register(SnapshotCollector(publisher, {spec.name: (spec.help, spec.labels) for spec in specs}))
        return cls(world, publisher, registry)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.world.state.close()

    def cycle(self, now_ns: int) -> None:
        """One cycle, published; the first one restores what is known."""
        if not self.world.verdicts:
            restore(self.world, now_ns)
        self.publisher.publish(run_cycle(self.world, now_ns).snapshot)
