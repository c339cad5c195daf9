"""``python -m tests.faults.soak --minutes 30``: traffic with faults switched on at random, while the exporter is measured.

``sigyn serve`` runs as a process of its own against a stand-in for Loki, with ages so short that it reaches its steady
state within a minute: sessions end, are scored, announced, and forgotten; models are trained. Afterwards the growth of
its memory, file handles and series over the time after the warm-up is told (least squares), and whether every event
was counted once.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import requests

from tests.builders import ordinary_session
from tests.exporter.running import write_config
from tests.faults.processes import Serving, serving
from tests.loki_standin import Fault, Standin, running_standin

WARM_UP_SHARE = 0.4
LEAST_SAMPLES = 5
TICK_SECONDS = 0.5
SESSIONS_A_SECOND = 2.0
DELAY_SECONDS = 4.0
"""Longest time by which a line reaches Loki late."""

SETTLE_SECONDS = 120
"""How long the last lines may take to be read once all is well."""

MOST_MEGABYTES_AN_HOUR = 20.0
"""Growth of resident memory: well above what a run of half an hour shows (docs/reliability.md, 2 and 9), well below a
leak of half a megabyte a minute."""

LEAST_RATED_SECONDS = 600.0
"""Of a shorter stretch after the warm-up no rate is judged: a few MB that come and go would be hundreds an hour."""

KEPT_SECONDS = 240
"""How long the stand-in keeps lines; more than the exporter's lookback."""

FAULTS = (
    Fault("status", 429, {"Retry-After": "1"}),
    Fault("status", 429),
    Fault("status", 500),
    Fault("close"),
    Fault("cut"),
    Fault("truncated"),
    Fault("html"),
    Fault("plain"),
    Fault("oversize"),
    Fault("shuffled"),
    Fault("hang"),
    Fault("trickle"),
)
SETTINGS = {
    "cycle": {"interval": "1s", "staleness": "10s"},
    "sessions": {"idle_timeout": "10s"},
    "training": {"every": "30s", "window": "60s"},
    "analyses": {"risk": {"trees": 20}},
}


@dataclass(frozen=True)
class Sample:
    """What the process uses: seconds since the start, resident bytes, open file handles, series on ``/metrics``.

    ``is_scored`` says whether there are scores yet: the first training brings many series and libraries at once.
    """

    at: float
    resident: int
    handles: int
    series: int
    is_scored: bool = True


@dataclass
class Soak:
    """What a soak measured."""

    samples: list[Sample] = field(default_factory=list)
    pushed: int = 0
    counted: int = 0
    faults: int = 0
    cycles: int = 0

    def growth(self, name: str) -> tuple[float, float]:
        """By how much a measure grew over the time after the warm-up, least squares, and its mean then."""
        kept = self._warm()
        times, values = np.array([one.at for one in kept]), np.array([float(getattr(one, name)) for one in kept])
        slope = np.polyfit(times - times[0], values, 1)[0]
        return float(slope * (times[-1] - times[0])), float(values.mean())

    def megabytes_an_hour(self) -> float | None:
        """How fast resident memory grew after the warm-up, least squares; None of too short a stretch."""
        warm = self._warm()
        seconds = warm[-1].at - warm[0].at
        return self.growth("resident")[0] / 2**20 / seconds * 3600 if seconds >= LEAST_RATED_SECONDS else None

    def bounds(self, name: str) -> tuple[int, int]:
        """The least and the most of a measure after the warm-up."""
        values = [getattr(one, name) for one in self._warm()]
        return min(values), max(values)

    def _warm(self) -> list[Sample]:
        """The samples after the warm-up: its share of the time, or longer where the first scores came later."""
        last = self.samples[-1].at
        scored = next((one.at for one in self.samples if one.is_scored), last)
        return [one for one in self.samples if one.at >= max(last * WARM_UP_SHARE, scored)]

    def complaints(self) -> list[str]:
        """What is not as it must be; a twentieth and a few pieces are the noise of the allocator and of the traffic."""
        if len(self._warm()) < LEAST_SAMPLES:
            return [f"scores came so late that fewer than {LEAST_SAMPLES} samples are left: run it for longer"]
        found = []
        for name, slack in (("resident", 8 << 20), ("handles", 3), ("series", 40)):
            growth, mean = self.growth(name)
            if growth > slack + mean / 20:
                found.append(f"{name} grew by {growth:.0f} from about {mean:.0f}")
        rate = self.megabytes_an_hour()
        if rate is not None and rate > MOST_MEGABYTES_AN_HOUR:
            found.append(f"resident grew by {rate:.0f} MB an hour, {MOST_MEGABYTES_AN_HOUR:.0f} are allowed")
        if self.counted != self.pushed:
            found.append(f"{self.counted} events counted of {self.pushed}")
        return found


class Traffic:
    """Sessions of a team as they happen, some of their lines late; puts them straight into the stand-in."""

    def __init__(self, loki: Standin, rng: random.Random) -> None:
        self._loki, self._rng = loki, rng
        self._pending: list[tuple[float, int, str]] = []
        self._sessions = 0
        self._owed = 0.0
        self.pushed = 0

    def tick(self, now: float, *, begins: bool = True) -> None:
        """Begin sessions that are due and deliver the lines that have arrived by now."""
        self._owed += SESSIONS_A_SECOND * TICK_SECONDS if begins else 0.0
        while self._owed >= 1:
            self._owed -= 1
            self._begin(now)
        arrived = [one for one in self._pending if one[0] <= now]
        self._pending = [one for one in self._pending if one[0] > now]
        for _, time_ns, line in arrived:
            self._loki.store().add(time_ns, line, {"service_name": "sigyn-events"}, {})
        self.pushed += len(arrived)
        oldest = int((now - KEPT_SECONDS) * 1e9)
        for store in self._loki.stores.values():
            store.entries = [entry for entry in store.entries if entry.time_ns >= oldest]
        del self._loki.requests[:-10]

    @property
    def is_delivered(self) -> bool:
        return not self._pending

    def _begin(self, now: float) -> None:
        self._sessions += 1
        rng = np.random.default_rng(self._sessions)
        records = ordinary_session(self._sessions, rng, user=f"user-{self._sessions % 20}", uses=8)
        for number, record in enumerate(records):
            at = now + number * 0.4
            stamped = {**record, "timestamp": at, "session_id": f"soak-{self._sessions}", "sequence": number}
            late = self._rng.uniform(0, DELAY_SECONDS) if self._rng.random() < 0.1 else 0.0
            self._pending.append((at + late, int(at * 1e9), json.dumps(stamped)))


class Mischief:
    """Switches faults on and off at random."""

    def __init__(self, loki: Standin, process: Serving, rng: random.Random) -> None:
        self._loki, self._process, self._rng = loki, process, rng
        self._ends = 0.0
        self.count = 0

    def tick(self, now: float) -> None:
        """Perhaps begin something bad; end it when its time is over."""
        if now < self._ends:
            return
        self._loki.outage = None
        os.kill(self._process.pid, signal.SIGCONT)
        if self._rng.random() > 0.15:
            return
        self.count += 1
        self._ends = now + self._rng.uniform(0.5, 6)
        what = self._rng.choice(("fault", "fault", "fault", "pause", "reload"))
        if what == "fault":
            self._loki.outage = self._rng.choice(FAULTS)
        elif what == "pause":
            os.kill(self._process.pid, signal.SIGSTOP)
        else:
            os.kill(self._process.pid, signal.SIGHUP)

    def end(self) -> None:
        """Everything is well again."""
        self._loki.outage = None
        self._loki.released.set()
        os.kill(self._process.pid, signal.SIGCONT)


def measured(process: Serving, at: float) -> Sample:
    """One look at the process; Linux only."""
    status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
    resident = next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmRSS:"))
    handles = sum(1 for _ in Path(f"/proc/{process.pid}/fd").iterdir())
    series = [line for line in process.get("/metrics").text.splitlines() if not line.startswith("#")]
    is_scored = any(line.startswith("sigyn_session_risk_score{") for line in series)
    return Sample(at, resident, handles, len(series), is_scored)


def total_of(process: Serving, name: str) -> int:
    """Sum of a counter over its labels."""
    lines = process.get("/metrics").text.splitlines()
    return int(sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name + "{")))


def soak(folder: Path, seconds: float, seed: int = 1, say: Callable[[str], object] = print) -> Soak:
    """Run traffic and faults for some seconds; returns what was measured."""
    rng, result = random.Random(seed), Soak()
    with _exporter(folder) as (loki, process):
        traffic, mischief = Traffic(loki, rng), Mischief(loki, process, rng)
        begun, never = time.monotonic(), threading.Event()
        while (at := time.monotonic() - begun) < seconds:
            traffic.tick(time.time())
            mischief.tick(at)
            if loki.outage is None and at - (result.samples[-1].at if result.samples else -9) >= min(5, seconds / 20):
                _sample(result, process, at, say)
            never.wait(TICK_SECONDS)
        mischief.end()
        _settle(traffic, process, result)
        result.faults = mischief.count
    return result


def _sample(result: Soak, process: Serving, at: float, say: Callable[[str], object]) -> None:
    try:
        one = measured(process, at)
    except requests.RequestException:  # suspended just now
        return
    result.samples.append(one)
    say(f"{at:7.0f} s  {one.resident / 2**20:7.1f} MB  {one.handles:4d} handles  {one.series:5d} series")


def _settle(traffic: Traffic, process: Serving, result: Soak) -> None:
    """Wait until what was sent has been read."""
    never, deadline = threading.Event(), time.monotonic() + SETTLE_SECONDS
    while time.monotonic() < deadline:
        traffic.tick(time.time(), begins=False)
        result.pushed = traffic.pushed
        with suppress(requests.RequestException):  # a busy machine: it is asked again
            result.counted = total_of(process, "sigyn_events_read_total")
            result.cycles = total_of(process, "sigyn_cycles_total")
        if traffic.is_delivered and result.counted >= result.pushed:
            return
        never.wait(TICK_SECONDS)


@contextmanager
def _exporter(folder: Path) -> Iterator[tuple[Standin, Serving]]:
    with running_standin(int(time.time() * 1e9)) as loki:
        reading = {"loki": {"url": loki.url, "lookback": "2m", "overlap": "30s", "timeout": "1s"}}
        kept = {"directory": str(folder / "state"), "retention": "60s", "keep_events": "30s"}
        config = write_config(folder, sources=reading, state=kept, **SETTINGS)
        with serving(config) as process:
            process.until(lambda: process.get("/-/ready").ok)
            yield loki, process


def main() -> int:
    """Run a soak and print its figures; 1 when something grew or was lost."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = soak(Path(folder), given.minutes * 60, given.seed, lambda line: print(line, flush=True))  # noqa: T201 - a command
    for name in ("resident", "handles", "series"):
        growth, mean = result.growth(name)
        least, most = result.bounds(name)
        print(f"{name}: {least} to {most}, mean {mean:.0f}, growth after the warm-up {growth:+.0f}")  # noqa: T201 - a command
    rate = result.megabytes_an_hour()
    print("resident: " + (f"{rate:+.1f} MB an hour" if rate is not None else "too short a run for a rate"))  # noqa: T201 - a command
    told = f"{result.counted} events counted of {result.pushed}; {result.faults} faults, {result.cycles} cycles"
    print(told)  # noqa: T201 - a command
    for complaint in result.complaints():
        print(f"not as it must be: {complaint}", file=sys.stderr)  # noqa: T201 - a command
    return 1 if result.complaints() else 0


if __name__ == "__main__":
    sys.exit(main())
