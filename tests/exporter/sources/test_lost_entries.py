"""Entries that come too late to be read are counted once, whatever else happens."""

import logging

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.loki.errors import LokiUnavailable
from exporter.loki.ledger import HOUR_NS, Ledger, hour_of
from exporter.loki.settings import DAY_SECONDS, MOST_COUNTED_SECONDS, LokiSettings
from exporter.sources.lost_entries import LostEntries
from tests.exporter.sources.test_loki_source import Reading
from tests.loki_pages import MemoryPages, entry_at, numbered

NOW = 497_222 * HOUR_NS
DAY = 24 * HOUR_NS
LATE_HOURS = 24
SELECTOR = "{}"


def look_at(entries, ledger, now_ns=NOW, **given_settings):
    looking = LostEntries(MemoryPages(entries), LokiSettings("http://loki", **given_settings))
    return told(looking.look(SELECTOR, ledger, NOW, now_ns))


def told(answer):
    """The ledger and the number of lost entries; None where there was no look."""
    return answer and (answer[0], answer[1]["too_late"])


def ledger_of(entries, days=10):
    return Ledger(NOW - days * DAY).with_read(entries)


def hours_ago(*hours):
    """Entries of the middle of hours that ended so long ago."""
    return numbered([NOW - hour * HOUR_NS - HOUR_NS // 2 for hour in hours])


def test_what_hours_beyond_late_have_gained_is_counted_once_and_the_log_names_the_key(caplog):
    read, lost = hours_ago(30, 30, 50), hours_ago(30, 80, 80)
    ledger, count = look_at(read + lost, ledger_of(read))
    assert count == 3
    assert look_at(read + lost, ledger, NOW + DAY)[1] == 0
    assert look_at(read + lost + hours_ago(80), ledger, NOW + DAY)[1] == 1
    first, second = [one.getMessage() for one in caplog.records if one.levelno == logging.WARNING]
    assert "3 entries of {}" in first
    assert "1 entries of {}" in second
    assert "raise sources.loki.late" in first


def test_hours_that_are_still_read_again_are_not_counted():
    assert look_at(hours_ago(*range(LATE_HOURS)), ledger_of([]))[1] == 0
    assert look_at(hours_ago(LATE_HOURS), ledger_of([]))[1] == 1


def test_what_lies_before_the_ledger_is_not_counted():
    assert look_at(hours_ago(23 * 24), ledger_of([], days=10))[1] == 0


def test_old_entries_that_are_deleted_are_no_news_and_hide_no_later_loss_of_another_hour(caplog):
    read = hours_ago(*[60] * 5, 70)
    ledger, count = look_at(read[4:], ledger_of(read))
    assert (count, caplog.records) == (0, [])
    assert look_at(read[4:] + hours_ago(70), ledger, NOW + DAY)[1] == 1


def test_a_look_is_taken_once_a_day_and_at_once_after_the_clock_was_set_back():
    ledger, _ = look_at([], ledger_of([]))
    assert look_at([], ledger, NOW + DAY - 1) is None
    assert look_at([], ledger, NOW + DAY) is not None
    assert look_at([], ledger, NOW - 1) is not None


def test_the_time_of_the_last_look_outlasts_a_restart():
    ledger, _ = look_at([], ledger_of(hours_ago(30)))
    assert Ledger.from_json(ledger.to_json()) == ledger
    assert look_at([], Ledger.from_json(ledger.to_json()), NOW + DAY - 1) is None


def test_a_ledger_written_before_there_were_looks_is_looked_at():
    document = {key: value for key, value in ledger_of([]).to_json().items() if key != "looked_ns"}
    assert look_at(hours_ago(40), Ledger.from_json(document))[1] == 1


class Refusing(MemoryPages):
    """Does not count hours that ended before a time."""

    def __init__(self, entries, refuses_before):
        super().__init__(entries)
        self.refuses_before = refuses_before

    def count_by_hour(self, query, hours):
        assert len(hours) <= 24
        if hours[0] < self.refuses_before:
            raise LokiUnavailable("http://loki: no reply in time; wait")
        return super().count_by_hour(query, hours)


def test_a_loki_that_does_not_count_is_named_stops_nothing_and_is_asked_again_a_day_later(caplog):
    lost = hours_ago(40, 200)
    client = Refusing(lost, refuses_before=hour_of(NOW))
    looking = LostEntries(client, LokiSettings("http://loki"))
    ledger, count = told(looking.look(SELECTOR, ledger_of([]), NOW, NOW))
    assert count == 0
    assert "cannot be counted today: http://loki: no reply in time" in caplog.text
    assert looking.look(SELECTOR, ledger, NOW, NOW + HOUR_NS) is None
    client.refuses_before = 0
    assert told(looking.look(SELECTOR, ledger, NOW, NOW + DAY))[1] == 2


@settings(max_examples=25, deadline=None)
@given(
    arrivals=st.lists(st.tuples(st.integers(1, 80), st.integers(1, 120)), max_size=20),
    late=st.integers(1, 60),
)
def test_every_entry_is_delivered_or_counted_as_lost_and_never_both(arrivals, late):
    """Hours after the start: an entry's own, and by how many it is late."""
    client = MemoryPages()
    reading = Reading(
        client,
        lookback_seconds=30 * DAY_SECONDS,
        slice_seconds=30 * DAY_SECONDS,
        late_seconds=3600.0 * late,
    )
    reading.read(NOW)
    delivered, lost = [], 0
    entries = [entry_at(NOW + hour * HOUR_NS, f"n{at}") for at, (hour, _) in enumerate(arrivals)]
    for now in range(1, 232, 9):
        client.entries = [one for one, (hour, after) in zip(entries, arrivals, strict=True) if hour + after < now]
        reading.batches = []
        delivered += reading.read(NOW + now * HOUR_NS)
        lost += sum(batch.dropped["too_late"] for batch in reading.batches)
    # The reader of these tests knows no ids: what an hour holds that is read again comes again.
    assert len(set(delivered)) + lost == len(entries)


@pytest.mark.parametrize(("late_days", "most_hours"), [(1.0, 31 * 24), (60.0, 60 * 24), (0.0, 0)])
def test_a_ledger_knows_a_month_of_hours_at_most_unless_late_is_longer(late_days, most_hours):
    client = MemoryPages()
    reading = Reading(
        client, lookback_seconds=400 * DAY_SECONDS, slice_seconds=10 * DAY_SECONDS, late_seconds=late_days * DAY_SECONDS
    )
    client.entries = numbered([NOW - hour * HOUR_NS for hour in range(1, 100 * 24)])
    reading.read(NOW)
    hours = reading.position["ledgers"][SELECTOR]["hours"]
    assert most_hours - 1 <= len(hours) <= most_hours + 1
    assert MOST_COUNTED_SECONDS == 31 * DAY_SECONDS
