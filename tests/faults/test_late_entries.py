"""Entries reach Loki late, twice, with wrong clocks, or are gone again."""

from __future__ import annotations

import json
import logging

import pytest

from tests.builders import use
from tests.exporter.running import HOUR, exporter_of, sample
from tests.faults.deployment import AFTERWARDS, BEGIN, ENDED, STREAM, deployment, reading, telemetry
from tests.loki_standin import Fault

DAY = 24 * HOUR
LATE = {
    "a minute": 60.0,
    "an hour": HOUR,
    "a day": DAY,
    "behind, the clock of the agent a day ahead": -24 * HOUR,
}
"""How much later than its own time everything reaches Loki; the same numbers are agents' clocks that are wrong."""

PAIRS = "sigyn_tool_transitions_total"
"""A late event between two neighbours parts them; what was counted is not taken back."""


def without_pairs(outcome):
    return {**outcome, "counters": {name: one for name, one in outcome["counters"].items() if name != PAIRS}}


@pytest.mark.parametrize("late", LATE)
def test_what_reaches_loki_late_is_read_once(tmp_path, undisturbed, late):
    with deployment(tmp_path, late=max(0.0, LATE[late])) as running:
        if LATE[late] < 0:
            running.arrivals = [(at + LATE[late], record) for at, record in running.arrivals]
            running.deliver()
        running.run(AFTERWARDS + max(0.0, LATE[late]))
        assert running.outcome() == undisturbed
        assert running.metric("sigyn_cycles_total", outcome="failed") == 0


def test_of_two_agents_one_a_day_slow_and_one_a_day_fast_everything_is_read_once(tmp_path, undisturbed):
    skew = {"s0000": DAY, "s0001": -DAY, "thief": 0.0, "s0002": 60.0}
    with deployment(tmp_path) as running:
        running.arrivals = [(at + skew[record["session_id"]], record) for at, record in running.arrivals]
        running.run(AFTERWARDS + DAY)
        assert without_pairs(running.outcome()) == without_pairs(undisturbed)


def test_single_events_of_a_session_that_come_an_hour_late_find_their_session(tmp_path, undisturbed):
    with deployment(tmp_path) as running:
        running.arrivals = [
            (at + (HOUR if number % 5 == 0 else 0.0), record) for number, (at, record) in enumerate(running.arrivals)
        ]
        running.run(AFTERWARDS)
        assert without_pairs(running.outcome()) == without_pairs(undisturbed)


def test_batches_that_arrive_twice_count_once(tmp_path, undisturbed):
    with deployment(tmp_path) as running:
        at_once = len(running.arrivals)
        again = [(at + 2 * HOUR, record) for at, record in running.arrivals]
        running.arrivals += running.arrivals + again
        running.run(AFTERWARDS)
        outcome = running.outcome()
        # The third copies are found by reading an hour again, where most of what is met is known and is no news.
        assert outcome["counters"].pop("sigyn_events_dropped_total") == {("duplicate",): at_once}
        assert outcome == undisturbed


def test_what_comes_later_than_the_configured_day_is_lost_and_counted_once(tmp_path, undisturbed, caplog):
    with deployment(tmp_path) as running:
        running.arrivals = [
            (at + (40 * HOUR if number % 3 == 0 else 0.0), one) for number, (at, one) in enumerate(running.arrivals)
        ]
        lost = sum(number % 3 == 0 for number in range(len(running.arrivals)))
        running.run(AFTERWARDS)
        for _ in range(16):
            running.clock.now += 6 * HOUR
            running.deliver()
            running.exporter.cycle()
        assert running.outcome()["events"] == undisturbed["events"] - lost
        assert running.metric("sigyn_events_dropped_total", reason="too_late") == lost
        running.exporter.stop()
        with exporter_of(tmp_path, running.clock, **reading(running.loki)) as again:
            for _ in range(2):
                running.clock.now += DAY
                again.cycle()
            assert sample(again, "sigyn_events_dropped_total", reason="too_late") == lost
    told = warnings(caplog, "too late to be read; raise sources.loki.late")
    assert sum(int(one.getMessage().split()[1]) for one in told) == lost
    assert len(told) <= 2


def test_events_dated_more_than_a_day_ahead_are_counted_and_do_not_keep_their_session_alive(tmp_path):
    records = [use(number, sequence=number) for number in range(4)]
    ahead = [use(number + 40 * DAY, sequence=number, session="ahead") for number in range(3)]
    with deployment(tmp_path, records) as running:
        running.run(BEGIN + HOUR)
        # Pushed by a shipper that stamps lines itself: Loki's time is now, the agent's is not.
        for record in ahead:
            running.loki.store().add(round(running.clock.now * 1e9), json.dumps(record), STREAM, {})
        running.run(BEGIN + 3 * HOUR)
        counters = running.outcome()["counters"]
        assert counters["sigyn_events_dropped_total"] == {("future_timestamp",): 3}
        assert set(running.exporter.world.verdicts) == {"s1"}
        assert running.metric("sigyn_events_dropped_total", reason="future_timestamp") == 3


def warnings(caplog, said):
    return [one for one in caplog.records if one.levelno == logging.WARNING and said in one.getMessage()]


def test_a_tenant_that_vanishes_is_told_and_goes_on_when_it_is_back(tmp_path, undisturbed, caplog):
    gone, told = {}, []

    def disturb(running):
        is_away = BEGIN + 3 * HOUR < running.clock.now < BEGIN + 5 * HOUR
        if is_away and not gone:
            gone.update(running.loki.stores)
            running.loki.stores.clear()
        elif gone and not is_away:
            for tenant, store in gone.items():
                running.loki.store(tenant).entries[:0] = store.entries
            gone.clear()
        if gone:
            told.append(running.metric("sigyn_source_problems", source="loki"))

    with deployment(tmp_path, tenant="team-a") as running:
        running.run(AFTERWARDS, disturb)
        assert running.outcome() == undisturbed
        assert told[1:]
        assert set(told[1:]) == {1.0}
        assert running.metric("sigyn_source_problems", source="loki") == 0
    assert warnings(caplog, "entries of")
    assert "look at Loki's retention and deletions, and at tenant" in warnings(caplog, "entries of")[0].getMessage()


def test_a_tenant_that_is_refused_is_told(tmp_path, undisturbed, caplog):
    def disturb(running):
        is_refused = BEGIN + HOUR < running.clock.now < BEGIN + 3 * HOUR
        running.loki.outage = Fault("status", 401, text="no org id\n") if is_refused else None

    with deployment(tmp_path, tenant="team-a") as running:
        running.run(AFTERWARDS, disturb)
        assert running.outcome() == undisturbed
    assert warnings(caplog, "401: no org id; set tenant")


def test_a_retention_that_swallowed_the_watermark_is_told_and_the_rest_is_read_once(tmp_path, undisturbed, caplog):
    with deployment(tmp_path) as running:
        early = [one for one in running.arrivals if one[0] < BEGIN + HOUR]
        rest = [one for one in running.arrivals if one[0] >= BEGIN + HOUR]
        running.arrivals = early
        running.run(BEGIN + HOUR)
        running.exporter.stop()
        running.loki.stores.clear()
        running.arrivals = rest
        running.clock.now = AFTERWARDS
        running.deliver()
        with exporter_of(tmp_path, running.clock, **reading(running.loki)) as again:
            again.cycle()
            assert sample(again, "sigyn_source_problems", source="loki") == 1
            assert any("there no longer" in line for line in again.publisher.snapshot.problems)
            running.exporter = again
            outcome = running.outcome()
        assert outcome["events"] == undisturbed["events"]
        assert outcome["counters"] == undisturbed["counters"]
    assert warnings(caplog, "there no longer")


def test_a_watermark_older_than_the_lookback_names_the_stretch_that_is_not_read(tmp_path, caplog):
    with deployment(tmp_path, lookback="12h") as running:
        running.run(BEGIN + HOUR)
        read = running.outcome()["events"]
        running.clock.now = ENDED + DAY
        running.deliver()
        running.exporter.cycle()
        assert running.outcome()["events"] == read
        (told,) = warnings(caplog, "is not read; raise sources.loki.lookback")
        assert "between 2026-03-02T09:" in told.getMessage()
        assert running.metric("sigyn_source_problems", source="loki") >= 1


def test_the_telemetry_of_these_tests_has_events_with_and_without_an_order_of_their_own():
    assert {"sequence" in one for one in telemetry()} == {True, False}
