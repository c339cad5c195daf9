from __future__ import annotations

import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.traces import MOST_STEPS, Trace
from exporter.state import State
from exporter.state.errors import DamagedValue
from exporter.state.trace_bytes import pack_trace, unpack_trace

symbols = st.lists(st.text(max_size=6).map(lambda text: text.encode("utf-8", "replace").decode()), max_size=30)


def made(names) -> Trace:
    sizes = np.arange(len(names) * 4, dtype=np.float32).reshape(-1, 4)
    sizes[::2, 1] = np.nan
    return Trace(tuple(names), sizes, np.arange(len(names), dtype=np.int32), len(names))


@given(symbols)
@settings(deadline=None, max_examples=100)
def test_a_trace_comes_back_as_it_was(names):
    back = unpack_trace(pack_trace(made(names)))
    assert back.symbols == tuple(names)
    assert np.array_equal(back.sizes, made(names).sizes, equal_nan=True)
    assert np.array_equal(back.ranks, made(names).ranks)


def test_the_words_of_its_steps_come_back_too():
    whole = made(["Bash", "Read"])
    said = Trace(whole.symbols, whole.sizes, whole.ranks, whole.length, ("git_push git_push:-f", ""))
    assert unpack_trace(pack_trace(said)).words == said.words
    assert unpack_trace(pack_trace(whole)).words == ()


def test_a_trace_written_before_words_were_kept_has_none():
    head = b'[["a"],[0]]'
    old = zlib.compress(len(head).to_bytes(4, "little") + head + b"\0" * 16 + b"\0" * 4)
    assert (unpack_trace(old).symbols, unpack_trace(old).words) == (("a",), ())


def test_a_long_trace_is_stored_bounded():
    assert len(unpack_trace(pack_trace(made(["a"] * MOST_STEPS * 2))).symbols) == MOST_STEPS


@pytest.mark.parametrize("damage", [b"", b"nonsense", pack_trace(made(["a", "b"]))[:-3]])
def test_a_damaged_trace_says_so(damage):
    with pytest.raises(DamagedValue):
        unpack_trace(damage)


def test_the_state_keeps_traces_until_the_session_is_deleted(tmp_path):
    with State.open(tmp_path) as state:
        with state.begin() as transaction:
            transaction.put_traces({"s1": made(["a"]), "s2": made(["b"])})
        assert {name: one.symbols for name, one in state.traces(["s1", "s2", "s3"]).items()} == {
            "s1": ("a",),
            "s2": ("b",),
        }
        with state.begin() as transaction:
            transaction.delete_sessions(["s1"])
        assert set(state.traces(["s1", "s2"])) == {"s2"}
