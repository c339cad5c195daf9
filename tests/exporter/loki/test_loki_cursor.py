import json

import pytest

from exporter.loki import cursor as cursor_module
from exporter.loki.cursor import Cursor
from tests.loki_pages import entry_at, numbered


def test_json_and_back():
    cursor = Cursor.at(100).advanced(numbered([110, 140, 150]), 160, overlap_ns=20)
    document = json.loads(json.dumps(cursor.to_json()))
    assert document["through_ns"] == 160
    assert [time_ns for time_ns, _ in document["seen"]] == [140, 150]
    assert Cursor.from_json(document) == cursor


@pytest.mark.parametrize("document", [None, [], {}, {"through_ns": 1, "seen_from_ns": 1, "seen": [1]}, "x"])
def test_anything_else_is_refused(document):
    with pytest.raises(ValueError, match="not a cursor"):
        Cursor.from_json(document)


def test_reading_begins_an_overlap_back_but_not_before_what_is_known():
    assert Cursor.at(100).start_ns(overlap_ns=30) == 100
    assert Cursor.at(100).advanced([], 200, overlap_ns=30).start_ns(overlap_ns=30) == 170
    assert Cursor.at(100).advanced([], 200, overlap_ns=30).start_ns(overlap_ns=90) == 170


def test_known_entries_are_told_from_late_ones():
    first = numbered([110, 120])
    late = entry_at(115, "late")
    cursor = Cursor.at(100).advanced(first, 130, overlap_ns=50)
    assert cursor.fresh([first[0], late, first[1]]) == [late]
    assert cursor.advanced([late], 130, overlap_ns=50).fresh([first[0], late, first[1]]) == []


def test_a_clock_set_back_takes_the_cursor_with_it():
    ahead = Cursor.at(0).advanced([], 1000, overlap_ns=10)
    held = ahead.held_back(400)
    assert (held.through_ns, held.start_ns(overlap_ns=10)) == (400, 400)
    assert ahead.held_back(1000) is ahead


def test_a_clock_set_back_a_little_keeps_the_overlap_and_what_was_seen():
    early, late = numbered([920, 980])
    held = Cursor.at(0).advanced([early, late], 1000, overlap_ns=100).held_back(950)
    assert held.start_ns(overlap_ns=100) == 900
    assert held.fresh([early, late]) == []


def test_what_is_remembered_is_bounded_and_never_half_a_nanosecond(monkeypatch):
    monkeypatch.setattr(cursor_module, "MAX_SEEN", 5)
    times = [10, 11, 11, 11, 12, 12, 13]
    cursor = Cursor.at(0).advanced(numbered(times), 14, overlap_ns=100)
    assert sorted(time_ns for time_ns, _ in cursor.seen) == [12, 12, 13]
    assert cursor.start_ns(overlap_ns=100) == 12
