"""Loki answers wrongly, slowly or not at all: nothing is lost, nothing counted twice, and everybody is told."""

from __future__ import annotations

import logging
import re

import pytest

from tests.exporter.running import HOUR
from tests.faults.deployment import AFTERWARDS, BEGIN, ENDED, deployment
from tests.loki_standin import Fault

BROKEN = {
    "down": (Fault("close"), "closed"),
    "429 with Retry-After": (Fault("status", 429, {"Retry-After": "7"}), "429"),
    "429 without Retry-After": (Fault("status", 429), "429"),
    "500": (Fault("status", 500), "500"),
    "cut in mid-body": (Fault("cut"), "cut"),
    "truncated JSON": (Fault("truncated"), "no whole JSON"),
    "another content type": (Fault("plain"), "text/plain"),
    "a login page": (Fault("html"), "text/html"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_fault_that_lasts_is_told_and_loses_and_doubles_nothing(tmp_path, undisturbed, caplog, fault):
    outage, said = BROKEN[fault]

    def disturb(running):
        is_on = BEGIN + HOUR < running.clock.now <= BEGIN + 3 * HOUR
        if running.loki.outage is not None:
            seen.append((running.ready(), running.metric("sigyn_source_up", source="loki")))
        running.loki.outage = outage if is_on else None

    seen = []
    with deployment(tmp_path) as running:
        running.run(AFTERWARDS, disturb)
        assert running.outcome() == undisturbed
        assert running.ready()[0] == 200
        assert running.metric("sigyn_source_up", source="loki") == 1
        assert running.metric("sigyn_cycles_total", outcome="failed") == 8
        assert running.metric("sigyn_loki_requests_total", operation="query_range", outcome="failed") >= 8
    assert len(seen) == 8
    assert seen[0] == ((200, "Sigyn is ready.\n"), 0)
    assert {up for _, up in seen} == {0}
    for (status, text), _ in seen[1:]:
        assert status == 503
        assert "no successful cycle for 900 s" in text
        assert said in text
    warnings = [one.getMessage() for one in caplog.records if one.levelno == logging.WARNING]
    assert sum("cannot read loki" in one and said in one for one in warnings) == 8
    assert any("scores withdrawn" in one.getMessage() for one in caplog.records if one.levelno == logging.ERROR)


def test_single_faults_are_outlasted_within_their_cycle(tmp_path, undisturbed):
    passing = [outage for outage, _ in BROKEN.values() if outage.kind not in ("html", "plain")]

    def disturb(running):
        running.loki.faults.append(passing[running.number % len(passing)])

    with deployment(tmp_path) as running:
        running.run(AFTERWARDS, disturb)
        assert running.outcome() == undisturbed
        assert running.metric("sigyn_cycles_total", outcome="failed") == 0
        assert running.metric("sigyn_loki_requests_total", operation="query_range", outcome="retried") >= running.number


def test_a_reply_that_never_comes_ends_with_the_time_out(tmp_path, undisturbed):
    def disturb(running):
        if running.number in (9, 20):
            running.loki.faults.append(Fault("hang"))

    with deployment(tmp_path, timeout="100ms") as running:
        running.run(AFTERWARDS, disturb)
        assert running.outcome() == undisturbed
        assert running.metric("sigyn_loki_requests_total", operation="query_range", outcome="retried") >= 2


def test_a_reply_that_trickles_ends_with_the_time_out_and_loses_and_doubles_nothing(tmp_path, undisturbed):
    def disturb(running):
        if running.number in (9, 20):
            running.loki.faults.append(Fault(("trickle", "trickling body")[running.number % 2]))

    with deployment(tmp_path, timeout="200ms") as running:
        running.run(AFTERWARDS, disturb)
        assert running.outcome() == undisturbed
        assert running.metric("sigyn_cycles_total", outcome="failed") == 0
        assert running.metric("sigyn_loki_requests_total", operation="query_range", outcome="retried") >= 2


def test_entries_out_of_order_within_a_reply_are_brought_into_order(tmp_path, undisturbed):
    def disturb(running):
        running.loki.outage = Fault("shuffled")

    with deployment(tmp_path) as running:
        running.run(AFTERWARDS, disturb)
        assert running.outcome() == undisturbed
        assert running.metric("sigyn_cycles_total", outcome="failed") == 0


def test_a_page_larger_than_asked_for_is_refused_by_name_and_read_again(tmp_path, undisturbed):
    def disturb(running):
        running.loki.outage = Fault("oversize") if running.clock.now < BEGIN + HOUR else None

    with deployment(tmp_path, page_limit=7) as running:
        running.run(AFTERWARDS, disturb)
        assert running.metric("sigyn_cycles_total", outcome="failed") >= 1
        assert re.search(r"\d+ entries came, not the 7 asked for", running.exporter.last_problem)
        assert running.outcome() == undisturbed


def test_an_unreachable_loki_at_the_start_is_read_from_its_beginning_once_it_is_there(tmp_path, undisturbed):
    def disturb(running):
        running.loki.outage = Fault("close") if running.clock.now < ENDED else None
        not_ready.append(running.ready()[0])

    not_ready = []
    with deployment(tmp_path) as running:
        running.run(AFTERWARDS, disturb)
        assert running.outcome() == undisturbed
    assert set(not_ready[: int((ENDED - BEGIN) // 900)]) == {503}
