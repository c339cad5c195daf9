"""Events packed into chunks come back as they were, and nothing else comes back."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.events import COLUMNS, DETAILS, EventTable, categorical, objects
from exporter.state.chunks import CHUNK_FORMAT, pack_events, unpack_events
from exporter.state.errors import DamagedValue
from tests.builders import record, table_of, use
from tests.exporter.state.stored import assert_same_events

TEXTS = st.one_of(st.none(), st.sampled_from(["", "\x00", "a\x00b", "é☃𝄞", '"\\', "Bash"]), st.text())
VALUES = {
    "text": TEXTS,
    "object": TEXTS,
    "number": st.floats(),
    "flag": st.integers(-1, 1),
    "key": st.integers(0, 2**64 - 1),
    "order": st.integers(-1, 2**63 - 1),
    "time": st.integers(-(2**63), 2**63 - 1),
}
TYPES = {"number": np.float64, "flag": np.int8, "key": np.uint64, "order": np.int64, "time": np.int64}


def column_of(kind: str, values: list):
    if kind == "text":
        return categorical(values)
    return objects(values) if kind == "object" else np.array(values, dtype=TYPES[kind])


@st.composite
def tables(draw) -> EventTable:
    length = draw(st.integers(0, 8))
    names = [column.name for column in COLUMNS if column.name not in ("time_ns", "session_id")]
    chosen = {"time_ns", *draw(st.sets(st.sampled_from(names), max_size=8))}
    columns = {
        column.name: column_of(column.kind, draw(st.lists(VALUES[column.kind], min_size=length, max_size=length)))
        for column in COLUMNS
        if column.name in chosen
    }
    sessions = st.lists(st.sampled_from(["s1", "s2", "s\x003"]), min_size=length, max_size=length)
    return EventTable.from_columns({**columns, "session_id": categorical(draw(sessions))})


def packed(table: EventTable) -> list[tuple[str, bytes]]:
    return [(chunk.session_id, chunk.payload) for chunk in pack_events(table)]


def rows_of(table: EventTable, session_id: str) -> EventTable:
    return table.take(table.is_one_of("session_id", [session_id]))


@settings(max_examples=60, deadline=None)
@given(tables())
def test_any_table_comes_back_session_by_session_without_its_details(table):
    chunks = packed(table)
    assert sorted(session for session, _ in chunks) == sorted(set(table.frame["session_id"]))
    found = unpack_events(chunks)
    for session_id, _ in chunks:
        assert_same_events(rows_of(found, session_id), rows_of(table.without_details(), session_id))
    assert len(found) == len(table)


@settings(max_examples=20, deadline=None)
@given(st.lists(tables(), max_size=3))
def test_chunks_of_several_batches_are_joined_in_order(batches):
    found = unpack_events(chunk for batch in batches for chunk in packed(batch))
    whole = EventTable.concat(batches).without_details()
    for session_id in set(whole.frame["session_id"]):
        assert_same_events(rows_of(found, session_id), rows_of(whole, session_id))


def test_a_session_with_more_than_128_different_texts_keeps_them_apart():
    table = table_of(*(use(second, f"tool-{second % 200}") for second in range(400)))
    found = unpack_events(packed(table))
    assert list(found.frame["tool_name"]) == [f"tool-{second % 200}" for second in range(400)]


def test_text_that_is_no_unicode_comes_back():
    table = EventTable.from_columns(
        {"time_ns": np.array([1]), "session_id": categorical(["s1"]), "team": categorical(["\ud800"])}
    )
    assert list(unpack_events(packed(table)).frame["team"]) == ["\ud800"]


def test_details_are_nowhere_in_a_chunk():
    table = table_of(use(0, "Bash", tool_input={"command": "cat /planted/secret"}, planted_field="planted"))
    assert table.frame["command"][0] == "cat /planted/secret"
    [(_, payload)] = packed(table)
    assert b"planted" not in zlib.decompress(payload[1:])
    assert all(value is None for name in DETAILS for value in unpack_events(packed(table)).values(name))


def test_an_event_without_a_session_is_refused():
    table = EventTable.from_columns({"time_ns": np.array([1], dtype=np.int64)})
    with pytest.raises(ValueError, match="without a session id"):
        packed(table)


@pytest.mark.parametrize(
    "harm",
    [
        lambda payload: payload[:0],
        lambda payload: payload[:1],
        lambda payload: payload[:-1],
        lambda payload: bytes([CHUNK_FORMAT + 1]) + payload[1:],
        lambda payload: payload[:40] + bytes([payload[40] ^ 1]) + payload[41:],
        lambda payload: payload[:1] + zlib.compress(b"\xff\xff\xff\xff{}"),
        lambda payload: payload[:1] + zlib.compress(b"\x02\x00\x00\x00{}"),
        lambda payload: payload[:1] + zlib.compress(b"\x02\x00\x00\x00[]"),
        lambda payload: payload[:1] + zlib.compress(zlib.decompress(payload[1:])[:-1]),
        lambda payload: payload[:1] + zlib.compress(zlib.decompress(payload[1:]).replace(b'"<i8"', b'"|O8"')),
        lambda payload: payload[:1] + zlib.compress(zlib.decompress(payload[1:]).replace(b"time_ns", b"time_xx")),
    ],
)
def test_a_damaged_chunk_is_recognised(harm):
    [(session_id, payload)] = packed(table_of(record("user_prompt", 1.0), use(2.0, "Bash", tool_use_id="t1")))
    with pytest.raises(DamagedValue, match="session 's1'"):
        unpack_events([(session_id, harm(payload))])
