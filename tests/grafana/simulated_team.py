"""One simulated team whose telemetry went through the whole pipeline: what the real servers are filled with."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from analytics.simulation import SimulationSettings, simulate_team
from analytics.verdicts import SessionVerdict
from exporter.commands.demo_command import demo_config
from exporter.commands.simulate_command import write_sessions
from exporter.config_values import ListenAddress
from exporter.service import Exporter

SESSIONS = 70
DAYS = 1
"""All sessions are recent, whatever the day of the week: people in the simulation rest at weekends."""
SEED = 11


@dataclass
class Team:
    """The exporter that read the telemetry, and each session's records."""

    exporter: Exporter
    records: dict[str, list[dict[str, Any]]]

    @property
    def verdicts(self) -> tuple[SessionVerdict, ...]:
        """Most risky first."""
        snapshot = self.exporter.publisher.snapshot
        assert snapshot is not None
        return snapshot.sessions

    def riskiest_of(self, agent: str) -> SessionVerdict:
        """The riskiest session of an agent that has findings and reasons."""
        return next(one for one in self.verdicts if one.agent == agent and one.findings and one.reasons)


@contextmanager
def simulated_team(folder: Path) -> Iterator[Team]:
    """A team with models fitted and all sessions scored."""
    settings = SimulationSettings(
        end_ns=time.time_ns(), sessions=SESSIONS, days=DAYS, anomalous_ratio=0.15, strength="strong"
    )
    made = list(simulate_team(settings, np.random.default_rng(SEED)))
    write_sessions(made, folder / "team.jsonl")
    exporter = Exporter(demo_config([str(folder / "team.jsonl")], folder, ListenAddress("127.0.0.1", 0)), None)
    try:
        exporter.cycle()
        assert exporter.training()
        exporter.cycle()
        yield Team(exporter, {one.session_id: one.records for one in made})
    finally:
        exporter.stop()
