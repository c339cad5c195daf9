"""An exporter over a stand-in for Loki on a clock of the test's own: hours pass cycle by cycle, faults come and go."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from exporter.service import Exporter
from tests.builders import START
from tests.exporter.running import HOUR, Clock, exporter_of, sample, team, thief
from tests.exporter.test_service import client_of
from tests.exporter.web.deployment import TestClient
from tests.exporter.worlds import contents
from tests.loki_standin import Standin, running_standin

STEP = 900.0
"""Seconds from one cycle to the next: as long as the wait between two counts of late entries."""

BEGIN = START.timestamp()
SESSIONS = 3
ENDED = BEGIN + SESSIONS * 2 * HOUR
AFTERWARDS = ENDED + 3 * HOUR
"""When all sessions have ended and are known to have."""

STREAM = {"service_name": "sigyn-events"}

Record = dict[str, Any]
Disturb = Callable[["Deployment"], None]


def telemetry() -> list[Record]:
    """Sessions of some hours; one of them steals. Every second event has neither an id nor a sequence of its own."""
    records = [*team(SESSIONS, ENDED), *thief(ENDED - 3 * HOUR)]
    # Of events of one moment without a sequence, nobody can tell which came first.
    records[-1] = {**records[-1], "timestamp": datetime.fromtimestamp(stamp_of(records[-1]) + 2, UTC).isoformat()}
    return [{**one, "sequence": number} if number % 2 else one for number, one in enumerate(records)]


def stamp_of(record: Record) -> float:
    """When a record happened, Unix seconds."""
    return datetime.fromisoformat(record["timestamp"]).timestamp()


@dataclass
class Deployment:
    """A running exporter and the Loki it reads.

    Attributes:
        arrivals: records by the time at which they reach Loki, Unix seconds.
        number: cycles run so far.
    """

    loki: Standin
    clock: Clock
    exporter: Exporter
    client: TestClient
    arrivals: list[tuple[float, Record]]
    number: int = 0

    def run(self, until: float, disturb: Disturb = lambda _: None) -> None:
        """Let time pass until then, by the hour where nothing happens; ``disturb`` is called before each cycle."""
        while self.clock.now < until:
            is_quiet = self.clock.now >= AFTERWARDS and all(at > self.clock.now + HOUR for at, _ in self.arrivals)
            self.clock.now += HOUR if is_quiet else STEP
            self.deliver()
            disturb(self)
            self.exporter.cycle()
            self.number += 1

    def deliver(self, times: int = 1) -> None:
        """Hand over to Loki what has reached it by now, perhaps more than once."""
        store = self.loki.store("team-a" if self.loki.is_multi_tenant else "fake")
        for at, record in self.arrivals:
            if at <= self.clock.now:
                for _ in range(times):
                    store.add(round(stamp_of(record) * 1e9), json.dumps(record), STREAM, {})
        self.arrivals = [one for one in self.arrivals if one[0] > self.clock.now]
        self.loki.now_ns = round(self.clock.now * 1e9)

    def metric(self, name: str, **labels: str) -> float | None:
        """One sample of the exposition."""
        return sample(self.exporter, name, **labels)

    def ready(self) -> tuple[int, str]:
        """What ``/-/ready`` answers."""
        answer = self.client.get("/-/ready")
        return answer.status_code, answer.text

    def outcome(self) -> dict[str, Any]:
        """Everything known: sessions, their findings and features, counters, number of events."""
        return contents(self.exporter.world)


def reading(loki: Standin, **settings: Any) -> dict[str, Any]:
    """The configuration's sections for this Loki."""
    return {"sources": {"loki": {"url": loki.url, "lookback": "7d", "timeout": "1s", **settings}}}


@contextmanager
def deployment(
    folder: Path, records: list[Record] | None = None, late: float = 0.0, **settings: Any
) -> Iterator[Deployment]:
    """An exporter that has just started, an hour before the first record; each reaches Loki ``late`` seconds late."""
    clock = Clock(BEGIN - HOUR)
    with ExitStack() as stack:
        is_multi_tenant = "tenant" in settings
        loki = stack.enter_context(running_standin(round(clock.now * 1e9), is_multi_tenant=is_multi_tenant))
        exporter = stack.enter_context(exporter_of(folder, clock, **reading(loki, **settings)))
        arrivals = [(stamp_of(one) + late, one) for one in (telemetry() if records is None else records)]
        client = stack.enter_context(client_of(exporter))
        yield Deployment(loki, clock, exporter, client, arrivals)
