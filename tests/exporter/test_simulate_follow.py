"""A simulated team that works in real time; the clock is the test's."""

from __future__ import annotations

from collections import Counter

import pytest

from analytics.simulation.stamps import milliseconds_of
from exporter.commands.simulate_follow import FollowSettings, follow, has_lines, planned_hour
from exporter.loki.client import LokiClient
from exporter.loki.errors import LokiUnavailable
from exporter.loki.settings import LokiSettings
from tests.loki_standin import running_standin

BEGIN = 1_790_000_000.0
HOUR_MS = 3_600_000


class Clockwork:
    """A clock that moves only while somebody waits, and ends the waiting after a while."""

    def __init__(self, seconds: float) -> None:
        self.now = BEGIN
        self.end = BEGIN + seconds

    def wait(self, seconds: float) -> bool:
        self.now += seconds
        return self.now > self.end


class Sink:
    """Takes records, or refuses them while it is away."""

    def __init__(self, clockwork: Clockwork, away: tuple[float, float] = (0, 0)) -> None:
        self.clockwork, self.away = clockwork, away
        self.records: list[dict] = []
        self.arrived: list[float] = []

    def push(self, records) -> None:
        if self.away[0] <= self.clockwork.now < self.away[1]:
            raise LokiUnavailable("nobody there")
        self.records += records
        self.arrived += [self.clockwork.now] * len(records)


def followed(seconds: float, away: tuple[float, float] = (0, 0)) -> Sink:
    clockwork = Clockwork(seconds)
    sink = Sink(clockwork, away)
    follow(sink.push, FollowSettings(seed=3), lambda: clockwork.now, clockwork.wait)
    return sink


def deeds(records: list[dict], session_id: str) -> list[tuple]:
    """What a session does, whenever it does it."""
    return [(r["event"], r.get("tool_input")) for r in records if r["session_id"] == session_id]


def order(records: list[dict]) -> list[str]:
    """Sessions without parents by their begin."""
    return list(dict.fromkeys(r["session_id"] for r in records if "parent_session_id" not in r))


def times(sink: Sink) -> list[int]:
    return [milliseconds_of(record["timestamp"]) for record in sink.records]


def test_records_are_sent_when_they_happen_and_never_before():
    sink = followed(1800)
    late = [arrived * 1000 - time for arrived, time in zip(sink.arrived, times(sink), strict=True)]
    assert sink.records
    assert min(late) >= 0
    assert max(late) <= 2000


def test_records_come_in_order_of_time_over_the_hours():
    sink = followed(3 * 3600)
    assert times(sink) == sorted(times(sink))


def test_each_hour_brings_other_sessions():
    sink = followed(2.5 * 3600)
    begun = {}
    for record, time in zip(sink.records, times(sink), strict=True):
        begun.setdefault(record["session_id"], time)
    hours = Counter(int(time - BEGIN * 1000) // HOUR_MS for time in begun.values())
    assert set(hours) == {0, 1, 2}
    assert hours[0] >= 8
    assert hours[1] >= 8


def test_what_happens_while_loki_is_away_arrives_later_complete_and_in_order():
    whole = followed(1800)
    broken = followed(1800, away=(BEGIN + 300, BEGIN + 900))
    assert broken.records == whole.records
    assert not [arrived for arrived in broken.arrived if BEGIN + 300 <= arrived < BEGIN + 900]


def test_nothing_more_is_planned_while_loki_is_away():
    sink = followed(6 * 3600, away=(BEGIN, BEGIN + 5 * 3600))
    begun = {record["session_id"]: record for record in reversed(sink.records)}.values()
    first = [milliseconds_of(record["timestamp"]) - int(BEGIN * 1000) for record in begun]
    assert not [offset for offset in first if HOUR_MS + 60_000 < offset < 5 * HOUR_MS - 60_000]


def test_a_planned_hour_has_misbehaviour_at_its_beginning():
    planned, calm = (
        list(planned_hour(FollowSettings(sessions=20, anomalous_ratio=ratio), int(BEGIN * 1000)))
        for ratio in (0.1, 0.0)
    )
    first = planned[0]["session_id"]
    assert milliseconds_of(planned[0]["timestamp"]) == int(BEGIN * 1000)
    assert deeds(planned, first) != deeds(calm, first)
    assert all(deeds(planned, session) == deeds(calm, session) for session in list(order(planned))[2:])


@pytest.mark.parametrize("label", ["sigyn-events", "other"])
def test_history_is_found_only_where_there_is_some(label):
    with running_standin(int(BEGIN) * 10**9) as loki:
        client = LokiClient(LokiSettings(url=loki.url))
        client.push([{"stream": {"service_name": "sigyn-events"}, "values": [[str(int(BEGIN) * 10**9), "{}"]]}])
        span = (int(BEGIN - 60) * 10**9, int(BEGIN + 60) * 10**9)
        assert has_lines(client, {"service_name": label}, *span) is (label == "sigyn-events")
