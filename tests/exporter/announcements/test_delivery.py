from __future__ import annotations

import pytest

from exporter.announcements import delivery
from exporter.announcements.delivery import Delivery
from exporter.announcements.lines import event_line
from exporter.loki.errors import LokiBadPush, LokiRefused
from exporter.state import State
from tests.exporter.announcements.tellings import AWAY, NOW_NS, Counts, Loki


@pytest.fixture
def state(tmp_path):
    with State.open(tmp_path) as opened:
        yield opened


def queue(state, *details):
    with state.begin() as transaction:
        transaction.queue_announcements([event_line("trained", detail, NOW_NS) for detail in details])


def told(loki):
    return [line["detail"] for line in loki.lines()]


def test_lines_are_written_in_order_and_leave_the_outbox(state, monkeypatch):
    monkeypatch.setattr(delivery, "LINES_A_PUSH", 2)
    queue(state, "a", "b", "c")
    queue(state, "d", "e")
    loki, counts = Loki(), Counts()
    Delivery(state, loki, counts).run()
    assert told(loki) == ["a", "b", "c", "d", "e"]
    assert loki.pushes == [2, 2, 1]
    assert state.count_queued() == 0
    assert counts == {("event", "written"): 5}
    labels, time_ns, _, metadata = loki.entries[0]
    assert (labels, time_ns) == ({"service_name": "sigyn", "kind": "event"}, str(NOW_NS))
    assert metadata == {"event": "trained"}


@pytest.mark.parametrize("error", [AWAY, LokiRefused("loki: 401")])
def test_while_loki_does_not_take_lines_they_wait(state, error):
    queue(state, "a", "b")
    loki, counts = Loki(), Counts()
    loki.fails = [error]
    sender = Delivery(state, loki, counts)
    sender.run()
    assert (loki.entries, state.count_queued()) == ([], 2)
    sender.run()
    assert (told(loki), state.count_queued()) == (["a", "b"], 0)
    assert counts == {("event", "failed"): 2, ("event", "written"): 2}


def test_the_outbox_is_bounded_and_the_oldest_go_first(state, monkeypatch):
    monkeypatch.setattr(delivery, "MOST_QUEUED", 3)
    queue(state, *"abcde")
    loki, counts = Loki(), Counts()
    Delivery(state, loki, counts).run()
    assert told(loki) == ["c", "d", "e"]
    assert counts == {("event", "dropped"): 2, ("event", "written"): 3}


def test_a_full_outbox_loses_nothing(state, monkeypatch):
    monkeypatch.setattr(delivery, "MOST_QUEUED", 3)
    queue(state, *"abc")
    loki = Loki()
    Delivery(state, loki, Counts()).run()
    assert told(loki) == ["a", "b", "c"]


def test_only_the_line_that_loki_minds_is_dropped(state):
    queue(state, *"abcdefg")
    loki, counts = Loki(minds=lambda line: '"c"' in line or '"f"' in line), Counts()
    Delivery(state, loki, counts).run()
    assert sorted(set(told(loki))) == ["a", "b", "d", "e", "g"]
    assert state.count_queued() == 0
    assert counts == {("event", "dropped"): 2, ("event", "written"): 5}


def test_a_malformed_push_is_not_sent_for_ever(state):
    queue(state, "a")
    loki, counts = Loki(), Counts()
    loki.fails = [LokiBadPush("loki: 400")]
    Delivery(state, loki, counts).run()
    assert (state.count_queued(), counts) == (0, {("event", "dropped"): 1})


def test_a_long_queue_is_worked_off_over_several_cycles(state, monkeypatch):
    monkeypatch.setattr(delivery, "LINES_A_PUSH", 1)
    monkeypatch.setattr(delivery, "MOST_PUSHES", 2)
    queue(state, *"abc")
    loki = Loki()
    sender = Delivery(state, loki, Counts())
    sender.run()
    assert told(loki) == ["a", "b"]
    sender.run()
    assert told(loki) == ["a", "b", "c"]


def test_a_line_sent_twice_after_a_crash_is_the_same_to_the_last_byte(state):
    queue(state, "a", "b")

    class Crash(Exception):  # noqa: N818 - no error of the program's
        pass

    class DiesAfterPush(Loki):
        def push(self, streams):
            super().push(streams)
            raise Crash

    loki = DiesAfterPush()
    with pytest.raises(Crash):
        Delivery(state, loki, Counts()).run()
    survivor = Loki()
    Delivery(state, survivor, Counts()).run()
    assert survivor.entries == loki.entries
    assert state.count_queued() == 0
