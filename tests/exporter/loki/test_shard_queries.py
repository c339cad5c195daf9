"""What Loki sends to a shard: everything that is its own, and of what agents send nothing of the others'."""

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from exporter.loki.shard_queries import id_pattern, shard_queries
from exporter.shards import MOST_SHARDS, WHOLE, Shard
from tests.loki_store import Store, parse_query

CODE = '{service_name="claude-code"}'
COUNTS = (2, 3, 5, MOST_SHARDS)
PLAIN = st.text(st.characters(max_codepoint=127), min_size=1, max_size=20)


def shards(count):
    return [Shard(number, count) for number in range(1, count + 1)]


def matching(session_id, count):
    return [shard for shard in shards(count) if re.fullmatch(id_pattern(shard), session_id)]


@settings(max_examples=300, deadline=None)
@given(PLAIN, st.sampled_from(COUNTS))
@example("/", 3)
@example("\n", 2)
@example("a\nb/c", 2)
@example("1234567/", 5)
@example("12345678/", 5)
@example("1234567\n", 5)
def test_the_pattern_matches_a_plain_id_for_its_own_shard_alone(session_id, count):
    assert matching(session_id, count) == [shard for shard in shards(count) if shard.has(session_id)]


@settings(max_examples=200, deadline=None)
@given(st.text(min_size=1, max_size=20), st.sampled_from(COUNTS))
@example("\u212a", 5)
@example("é2345678", 3)
def test_no_id_is_kept_from_its_own_shard(session_id, count):
    assert any(shard.has(session_id) for shard in matching(session_id, count))


@pytest.mark.parametrize("shard", shards(3), ids=str)
def test_the_empty_id_matches_no_pattern_so_that_a_field_that_is_not_there_chooses_nothing(shard):
    assert re.fullmatch(id_pattern(shard), "") is None


def test_who_shares_with_nobody_asks_as_ever():
    assert shard_queries(CODE, WHOLE) == (CODE,)


def test_the_queries_of_a_shard_are_logql_over_structured_metadata_and_lines():
    attributes, lines = shard_queries(CODE, Shard(2, 3))
    deciding = "[147adgjmpsvyADGJMPSVY]"
    assert attributes.startswith(f'{CODE} !~ "^[{{]" | session_id=~"(?s)([^/]{{7}}{deciding}.*|')
    assert " or conversation_id=~" in attributes
    assert lines == f'{CODE} |~ "^[{{]"'


def found(entries, shard):
    """The lines of a stand-in's entries that each query of a shard finds."""
    store = Store()
    for at, (line, metadata) in enumerate(entries):
        store.add(at, line, {"service_name": "claude-code"}, metadata)
    queries = [parse_query(query) for query in shard_queries(CODE, shard)]
    return [[one.line for one in store.find(query, (0, 10**6), 10**6, is_forward=True)] for query in queries]


def test_attributes_go_to_one_shard_and_json_lines_to_all():
    entries = [
        ("claude", {"session_id": "s1"}),
        ("codex", {"conversation_id": "s4"}),
        ("nobody's", {"event_name": "x"}),
        ("", {"session_id": "s2"}),
        ('{"session_id": "s1"}', {"session_id": "s2"}),
        ("{cut", {"session_id": "s0"}),
    ]
    lines = ['{"session_id": "s1"}', "{cut"]
    # By the digit: 0 and 3 are the first shard's, 1 and 4 the second's, 2 and 5 the third's.
    assert [found(entries, shard) for shard in shards(3)] == [
        [["nobody's"], lines],
        [["claude", "codex"], lines],
        [[""], lines],
    ]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(PLAIN | st.just(""), PLAIN | st.just("")), max_size=12), st.sampled_from(COUNTS))
def test_every_record_reaches_the_shard_of_each_id_it_carries(ids, count):
    entries = [(f"n{at}", {"session_id": one, "conversation_id": other}) for at, (one, other) in enumerate(ids)]
    for shard in shards(count):
        own = [
            f"n{at}"
            for at, given_ids in enumerate(ids)
            if any(one and shard.has(one) for one in given_ids) or (shard.is_first and not any(given_ids))
        ]
        assert found(entries, shard)[0] == own
