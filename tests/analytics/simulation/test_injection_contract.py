"""Whatever is injected into whatever session, the result is a proper session and the rest of it is as it was."""

import copy
import itertools
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.intake import build_event_table
from analytics.lost_values import LOST_VALUES
from analytics.simulation import MISBEHAVIOURS, STRENGTHS, UnknownKindError, UnusableSessionError, inject
from tests.analytics.simulation.sessions_by_hand import BY_HAND, TAKEOVERS

EVERY = [
    pytest.param(kind, strength, name, id=f"{kind}-{strength}-{name}")
    for kind, strength, name in itertools.product(MISBEHAVIOURS, STRENGTHS, BY_HAND)
]


def assert_proper(records, onset):
    table = build_event_table(records, "test")
    assert not table.dropped.keys() - LOST_VALUES  # the sessions may have had implausible numbers before
    assert len(table.table) == len(records)
    times = table.table.values("time_ns")
    assert (np.diff(times) >= 0).all()
    numbers = [record["sequence"] for record in records]
    assert all(later > earlier for earlier, later in itertools.pairwise(numbers))
    assert onset in numbers
    json.dumps(records)


@pytest.mark.parametrize(("kind", "strength", "name"), EVERY)
def test_an_injected_session_is_a_proper_session(kind, strength, name):
    injection = inject(BY_HAND[name], kind, strength, np.random.default_rng(5))
    assert_proper(injection.records, injection.onset_sequence)
    calls = [record for record in injection.records if record["event"] == "tool_call" and "tool_use_id" in record]
    assert len({record["tool_use_id"] for record in calls}) == len(calls)
    assert {record["session_id"] for record in injection.records} == {"by-hand"}


@pytest.mark.parametrize(("kind", "strength", "name"), EVERY)
def test_records_before_the_onset_are_untouched_and_later_ones_only_move(kind, strength, name):
    original = BY_HAND[name]
    kept = copy.deepcopy(original)
    injection = inject(original, kind, strength, np.random.default_rng(6))
    assert original == kept
    before = [record for record in injection.records if record["sequence"] < injection.onset_sequence]
    assert before == original[: len(before)]
    if kind in TAKEOVERS:
        return
    after = injection.records[len(injection.records) - (len(original) - len(before)) :]
    assert [_content(record) for record in after] == [_content(record) for record in original[len(before) :]]
    added = len(injection.records) - len(original)
    assert added > 0
    assert [record["sequence"] for record in after] == [
        record["sequence"] + added for record in original[len(before) :]
    ]


def _content(record):
    return {name: value for name, value in record.items() if name not in ("timestamp", "sequence")}


@pytest.mark.parametrize("kind", MISBEHAVIOURS)
@pytest.mark.parametrize("name", BY_HAND)
def test_the_splice_never_separates_a_call_from_its_result(kind, name):
    for seed in range(5):
        injection = inject(BY_HAND[name], kind, "mild", np.random.default_rng(seed))
        before = [record for record in injection.records if record["sequence"] < injection.onset_sequence]
        calls = sum(record["event"] == "tool_call" for record in before)
        results = sum(record["event"] == "tool_result" for record in before)
        assert calls in (0, results)


def test_the_splice_never_falls_between_parallel_calls():
    names = ("tool_call", "tool_call", "tool_result", "tool_result") * 5
    parallel = [
        {"timestamp": 1_772_000_000 + place, "session_id": "s", "event": event, "sequence": place,
         "tool_name": "Read", "tool_use_id": f"use_{place // 4}{place % 2}"}
        for place, event in enumerate(names)
    ]  # fmt: skip
    onsets = {inject(parallel, "loop", "mild", np.random.default_rng(seed)).onset_sequence for seed in range(40)}
    assert onsets <= {4, 8, 12, 16}
    assert len(onsets) > 1


@pytest.mark.parametrize("strength", STRENGTHS)
@pytest.mark.parametrize("kind", MISBEHAVIOURS)
def test_a_session_without_details_gets_none(kind, strength):
    injection = inject(BY_HAND["claude without details"], kind, strength, np.random.default_rng(7))
    assert not any("tool_input" in record or "prompt" in record for record in injection.records)
    added = [record for record in injection.records if record["sequence"] >= injection.onset_sequence]
    assert all(record["tool_input_chars"] > 0 for record in added if record["event"] == "tool_call")


@pytest.mark.parametrize("kind", MISBEHAVIOURS)
def test_a_session_with_reduced_details_gets_reduced_ones(kind):
    injection = inject(BY_HAND["reduced"], kind, "strong", np.random.default_rng(8))
    inputs = [record["tool_input"] for record in injection.records if record["event"] == "tool_call"]
    allowed = {"command", "file_path", "path", "url", "subagent_type", "args_hash"}
    assert all(given["args_hash"] and set(given) <= allowed for given in inputs)


@pytest.mark.parametrize("kind", [kind for kind in MISBEHAVIOURS if kind not in TAKEOVERS])
def test_an_agent_that_nobody_simulates_keeps_its_own_tools(kind):
    injection = inject(BY_HAND["unknown agent"], kind, "strong", np.random.default_rng(9))
    assert {record["tool_name"] for record in injection.records if "tool_name" in record} == {"find_flight"}


def test_codex_tools_are_used_in_a_codex_session():
    injection = inject(BY_HAND["codex"], "secret_access", "strong", np.random.default_rng(10))
    names = {record["tool_name"] for record in injection.records if "tool_name" in record}
    assert names == {"exec_command", "apply_patch"}


def test_a_session_without_model_calls_gets_none():
    injection = inject(BY_HAND["unknown agent"], "token_burn", "strong", np.random.default_rng(11))
    assert not any(record["event"] == "api_request" for record in injection.records)


def test_arguments_ride_on_results_where_the_session_has_no_calls():
    injection = inject(BY_HAND["results only"], "destruction", "strong", np.random.default_rng(12))
    assert not any(record["event"] == "tool_call" for record in injection.records)
    assert all("tool_input" in record for record in injection.records if record["event"] == "tool_result")


def test_the_same_generator_state_gives_the_same_injection():
    first, second = (inject(BY_HAND["claude"], "loop", "mild", np.random.default_rng(13)) for _ in range(2))
    assert first == second
    assert inject(BY_HAND["claude"], "loop", "mild", np.random.default_rng(14)) != first


def test_a_session_without_numbers_in_seconds_is_numbered_and_stays_in_seconds():
    records = [
        {"timestamp": 1_772_000_000 + place, "session_id": "s", "event": event}
        for place, event in enumerate(("user_prompt", "tool_call", "assistant_message"))
    ]
    injection = inject(records, "loop", "mild", np.random.default_rng(15))
    assert [record["sequence"] for record in injection.records] == list(range(len(injection.records)))
    assert all(isinstance(record["timestamp"], int | float) for record in injection.records)


def test_times_finer_than_a_millisecond_stay_in_order():
    records = [
        {"timestamp": 1_772_000_000.0005 + place / 10_000, "session_id": "s", "event": "user_prompt", "sequence": place}
        for place in range(4)
    ]
    injection = inject(records, "loop", "mild", np.random.default_rng(1))
    stamps = [record["timestamp"] for record in injection.records]
    assert stamps == sorted(stamps)
    assert stamps[0] == records[0]["timestamp"]


@pytest.mark.parametrize(
    ("records", "words"),
    [
        ([], "without records"),
        ([{"timestamp": "yesterday", "session_id": "s", "event": "user_prompt"}], "yesterday"),
        ([{"timestamp": True, "session_id": "s", "event": "user_prompt"}], "timestamp True"),
        ([{"session_id": "s", "event": "user_prompt"}], "timestamp None"),
        ([{"timestamp": 1, "session_id": "s"}], "no event"),
    ],
)
def test_unusable_sessions_are_refused_in_words(records, words):
    with pytest.raises(UnusableSessionError, match=words):
        inject(records, "loop", "mild", np.random.default_rng(0))


@pytest.mark.parametrize(("kind", "strength"), [("sabotage", "mild"), ("loop", "mixed")])
def test_unknown_kinds_and_strengths_are_refused_with_a_list(kind, strength):
    with pytest.raises(UnknownKindError, match="choose from"):
        inject(BY_HAND["claude"], kind, strength, np.random.default_rng(0))


EVENTS = ("session_start", "session_end", "user_prompt", "assistant_message", "tool_call", "tool_result",
          "tool_decision", "api_request", "compaction", "something_new")  # fmt: skip
TEXTS = st.sampled_from(("", "a", "Bash", "x/y", "~", "{n}", "\u2028", "'; rm"))
RECORDS = st.lists(
    st.fixed_dictionaries(
        {"timestamp": st.one_of(st.integers(10**9, 2 * 10**9), st.just("2026-03-02T09:00:00Z"),
                                st.floats(1e9, 2e9)),
         "session_id": st.just("s"), "event": st.sampled_from(EVENTS)},
        optional={"sequence": st.one_of(st.none(), st.integers(-3, 50)), "tool_name": TEXTS,
                  "tool_use_id": st.one_of(st.none(), TEXTS), "project": st.one_of(st.none(), TEXTS),
                  "agent": st.sampled_from(("codex", "gemini-cli", "other")),
                  "tool_input": st.one_of(st.none(), TEXTS, st.dictionaries(TEXTS, TEXTS, max_size=2),
                                          st.just({"file_path": "/x"}), st.just({"args_hash": "1"})),
                  "tool_input_chars": st.one_of(st.none(), st.integers(0, 9)), "model": TEXTS,
                  "cache_read_tokens": st.one_of(st.none(), st.integers(-5, 10**12))},
    ),
    min_size=1,
    max_size=12,
)  # fmt: skip


@given(RECORDS, st.sampled_from(sorted(MISBEHAVIOURS)), st.sampled_from(STRENGTHS), st.integers(0, 2**32))
@settings(max_examples=120, deadline=None)
def test_no_small_session_makes_an_injection_break_the_record_contract(records, kind, strength, seed):
    injection = inject(records, kind, strength, np.random.default_rng(seed))
    assert_proper(injection.records, injection.onset_sequence)
