from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.order_model import fit_order_model
from analytics.size_model import MOST_SEEN, KnownSizes, fit_size_model
from analytics.step_evidence import fit_step_evidence, trace_scopes
from analytics.step_measures import DISORDER, LASTING, MEASURES, SIZE_MEASURES, STRETCH, StepEvents
from analytics.step_sequences import StepSequences
from analytics.step_stories import order_story, worst_step
from analytics.traces import EMPTY_TRACE, MESSAGE, MOST_STEPS, PROMPT, Trace, trace_sessions
from tests.builders import record, sessions_of, use

SCOPES = trace_scopes("claude-code", "m")


def trace(symbols, outputs=None) -> Trace:
    sizes = np.full((len(symbols), 4), np.nan, dtype=np.float32)
    if outputs is not None:
        sizes[:, 1] = np.log1p(outputs)
    return Trace(tuple(symbols), sizes, np.arange(len(symbols), dtype=np.int32), len(symbols))


def worst_steps(evidence, traces, scopes):
    """The most novel size of each session; None where no size is novel."""
    seen = evidence.look(traces, scopes)
    return [worst_step(seen, row, int(channel)) for row, channel in enumerate(seen.measures.novelty.argmax(axis=1))]


def measure(evidence, traces, scopes):
    return evidence.look(traces, scopes).measures.values


def test_a_trace_tells_tools_messages_and_prompts_in_order():
    (one,) = trace_sessions(
        sessions_of(
            record("user_prompt", 0, prompt_length=10),
            record("tool_call", 1, tool_name="Bash", tool_use_id="a", tool_input={"command": "git push -f"}),
            record("tool_result", 2, tool_name="Bash", tool_use_id="a", tool_output_chars=99, duration_ms=9),
            record("assistant_message", 3, message_chars=7),
        )
    )
    assert one.symbols == (PROMPT, "Bash:git push", MESSAGE)
    assert list(one.ranks) == [0, 1, 3]
    assert np.expm1(one.sizes[:, :3]) == pytest.approx(
        np.array([[10, np.nan, np.nan], [np.nan, 99, 9], [np.nan, 7, np.nan]]), nan_ok=True, rel=1e-5
    )


def test_a_trace_at_an_age_ends_with_the_steps_begun_by_then():
    (whole,) = trace_sessions(sessions_of(*(use(k) for k in range(10))))
    assert whole.until(4).length == 4
    assert whole.until(99).length == 10
    assert whole.until(4).sizes is whole.sizes


def test_padding_hides_neither_end_of_a_long_session():
    names = [f"t{k}" for k in range(MOST_STEPS * 3)]
    kept = trace(names).bounded()
    assert len(kept.symbols) == kept.length == MOST_STEPS
    assert kept.symbols[0] == names[0]
    assert kept.symbols[-1] == names[-1]


def test_a_usual_order_surprises_less_than_an_unusual_one():
    model = fit_order_model([("read", "edit", "test") * 5] * 20)
    usual, odd = model.surprise(("read", "edit", "test", "read")), model.surprise(("test", "test", "edit", "read"))
    assert usual.mean() < 1 < odd.mean()
    assert model.surprise(("never-seen",))[0] > 4


@given(
    st.lists(st.lists(st.sampled_from("abcd"), max_size=12), min_size=1, max_size=8),
    st.lists(st.sampled_from("abcde"), max_size=10),
)
@settings(deadline=None, max_examples=100)
def test_chances_of_all_known_next_steps_and_an_unknown_one_add_up_to_one(sequences, context):
    model = fit_order_model(sequences)
    known = {symbol for sequence in sequences for symbol in sequence}
    chances = [2.0 ** -model.surprise((*context, symbol))[-1] for symbol in (*known, "unknown")]
    assert sum(chances) == pytest.approx(1)
    assert all(chance > 0 for chance in chances)


def test_sizes_between_two_usual_ones_are_novel():
    known = KnownSizes.of(np.concatenate([np.linspace(0.2, 0.4, 50), np.linspace(7.9, 8.1, 50)]))
    low, middle, high, far = known.novelty(np.array([0.3, 4.0, 8.0, 20.0]))
    assert max(low, high) < 0.7
    assert 2 < middle < far


def test_a_size_is_compared_with_those_of_its_own_symbol():
    rng = np.random.default_rng(1)
    traces = [trace(["small", "large"] * 4, rng.normal([10, 5000] * 4, [1, 500] * 4)) for _ in range(20)]
    model = fit_size_model(traces)
    odd = model.novelty(trace(["small", "large"], np.array([5000.0, 10.0])))
    usual = model.novelty(trace(["small", "large"], np.array([10.0, 5000.0])))
    assert usual.max() < 1 < odd[:, 1].min()


def test_each_measure_shows_its_own_trouble():
    rng = np.random.default_rng(2)

    def healthy():
        return trace(["read", "edit", "test"] * 4, rng.normal(100, 5, 12))

    evidence = fit_step_evidence([healthy() for _ in range(60)], [SCOPES] * 60, 0)
    foreign = trace(["read", "edit", "test", "upload", "delete", "upload"] * 2, rng.normal(100, 5, 12))
    one_size = trace(["read", "edit", "test"] * 4, np.where(np.arange(12) == 5, 90_000, 100))
    all_sizes = trace(["read", "edit", "test"] * 4, rng.normal(160, 5, 12))
    rows = measure(evidence, [healthy(), foreign, one_size, all_sizes], [SCOPES] * 4)
    by_name = {name: rows[:, column] for column, name in enumerate(MEASURES)}
    assert np.argmax(by_name["sequence"]) == 1
    assert np.argmax(by_name["step"]) == 2
    assert np.argmax(by_name["channel"]) == 3
    worst = worst_steps(evidence, [one_size], [SCOPES])[0]
    assert (worst.rank, worst.channel, round(worst.size)) == (5, "output size", 90_000)
    assert worst.low < 100 < worst.high


WORK = ("read", "edit", "test", "<message>") * 8


def known_work():
    return fit_step_evidence([trace(WORK) for _ in range(60)], [SCOPES] * 60, 0)


def disorder_of(evidence, *symbols):
    return measure(evidence, [trace(one) for one in symbols], [SCOPES] * len(symbols))[:, MEASURES.index(DISORDER)]


def test_known_steps_in_a_foreign_order_are_more_disorder_than_rare_ones_in_their_place():
    foreign = (*WORK[:8], *("test", "read", "<message>", "edit") * 4, *WORK[:8])
    rare = (*WORK[:8], *("read", "never-seen", "test", "<message>") * 4, *WORK[:8])
    usual, disordered, unknown = disorder_of(known_work(), WORK, foreign, rare)
    assert usual < 0.01
    assert disordered > 1.25 * unknown > 0


def test_disorder_that_lasts_outweighs_a_single_step_out_of_order():
    once = (*WORK[:8], "test", *WORK[8:])
    lasting = (*WORK[:8], *("test", "read", "<message>", "edit") * 4)
    single, long = disorder_of(known_work(), once, lasting)
    assert long > 3 * single


def test_a_session_shorter_than_lasting_disorder_has_none_to_look_at():
    short, enough = disorder_of(known_work(), WORK[: LASTING - 1], WORK[:LASTING])
    assert np.isnan(short)
    assert enough < 0.01


def test_the_order_is_told_by_its_worst_pairs_and_where_they_begin():
    foreign = (*WORK, *("test", "read", "<message>", "edit") * 4)
    story = order_story(known_work().look([trace(foreign)], [SCOPES]), 0)
    assert story.steps == LASTING
    assert story.rank >= len(WORK) - 1
    known = set(pairwise(WORK))
    assert story.pairs
    assert not known & set(story.pairs)
    assert order_story(fit_step_evidence([], [], 0).look([EMPTY_TRACE], [SCOPES]), 0) is None


def test_a_cut_trace_is_measured_as_if_it_had_ended_there():
    evidence = fit_step_evidence([trace("abcabc")] * 5, [SCOPES] * 5, 0)
    whole, young = trace("abcxyz"), trace("abc")
    cut, ended = measure(evidence, [whole.until(3)], [SCOPES]), measure(evidence, [young], [SCOPES])
    assert np.array_equal(cut, ended, equal_nan=True)


def test_sessions_measured_together_are_measured_as_if_each_were_alone():
    rng = np.random.default_rng(3)

    def some(count):
        steps = rng.integers(3, 30, count)
        return [trace([f"t{k}" for k in rng.integers(0, 7, n)], rng.lognormal(4, 2, n)) for n in steps]

    fitted = fit_step_evidence(some(80), [SCOPES] * 80, 0)
    whole = some(700)  # more steps than are looked up at once
    traces = [*whole, *(one.until(5) for one in whole), EMPTY_TRACE]
    scopes = [SCOPES if number % 3 else trace_scopes("another", None) for number in range(len(traces))]
    together = fitted.look(traces, scopes)
    alone = [fitted.look([one], [known]) for one, known in zip(traces, scopes, strict=True)]
    assert np.array_equal(together.measures.values, [one.measures.values[0] for one in alone], equal_nan=True)
    for measured in SIZE_MEASURES:
        shares = [one.measures.shares(measured)[0] for one in alone]
        assert np.array_equal(together.measures.shares(measured), shares)
    assert [order_story(together, row) for row in range(len(traces))] == [order_story(one, 0) for one in alone]
    assert worst_steps(fitted, traces, scopes) == [
        worst_steps(fitted, [one], [known])[0] for one, known in zip(traces, scopes, strict=True)
    ]


@given(st.lists(st.lists(st.floats(0, 9), min_size=1, max_size=24), min_size=1, max_size=6))
@settings(deadline=None, max_examples=60)
def test_every_measure_is_what_it_is_of_the_session_step_by_step(novelties):
    """Novelty of outputs and surprise are the same numbers here, so that one reckoning by hand does for both."""
    length = np.array([len(one) for one in novelties])
    joined = np.concatenate(novelties)
    sizes = np.zeros((len(joined), 4))
    sizes[:, 1] = joined
    events = StepEvents(np.zeros(len(joined)), joined, sizes, np.ones(len(joined), dtype=bool))
    found = events.measured(np.cumsum(length) - length, length)
    for row, own in enumerate(novelties):
        worst = max(np.mean(own[k : k + STRETCH]) for k in range(max(1, len(own) - STRETCH + 1)))
        lasting = max(np.mean(own[k : k + LASTING]) for k in range(max(1, len(own) - LASTING + 1)))
        by_hand = {
            "sequence": worst,
            "disorder": lasting if len(own) >= LASTING else np.nan,
            "step": max(own),
            "channel": np.mean(own),
            "stretch": worst,
            "intake": sum(sorted(own)[-STRETCH:]),
        }
        assert found.values[row] == pytest.approx([by_hand[name] for name in MEASURES], nan_ok=True)
        begin = int(found.oddest[row])
        assert np.mean(own[begin : begin + STRETCH]) == pytest.approx(worst)


def test_waiting_is_novel_only_throughout():
    sizes = np.zeros((4, 4))
    sizes[:, 2] = [0.0, 8.0, 0.0, 0.0]
    found = StepEvents(np.zeros(4), np.zeros(4), sizes, np.ones(4, dtype=bool)).measured(np.array([0]), np.array([4]))
    by_name = dict(zip(MEASURES, found.values[0], strict=True))
    assert (by_name["step"], by_name["stretch"], by_name["channel"]) == (0.0, 0.0, 2.0)
    assert found.shares("channel")[0].tolist() == [0.0, 0.0, 1.0, 0.0]


def test_the_surprise_of_a_sequence_does_not_depend_on_its_neighbours():
    model = fit_order_model(["abcabcabd", "aab", "c"])
    sequences = ["abc", "", "xab", "dcba"]
    for sequence, surprise in zip(sequences, model.surprises(sequences), strict=True):
        assert np.array_equal(surprise, model.surprise(sequence))


def test_a_step_alone_surprises_by_how_rare_it_is():
    alone, _ = fit_order_model([("often",) * 9 + ("rare",)]).bits(StepSequences.of([("rare", "often")]))
    assert alone[0] > 2.5
    assert alone[1] < 0.5


def test_a_model_of_nothing_finds_nothing_surprising_and_nothing_novel():
    assert list(fit_order_model([]).surprise("ab")) == [0.0, 0.0]
    assert not fit_size_model([EMPTY_TRACE]).novelty(trace("ab", [1, 2])).any()


def test_no_steps_give_no_evidence():
    evidence = fit_step_evidence([EMPTY_TRACE], [SCOPES], 0)
    assert np.array_equal(measure(evidence, [EMPTY_TRACE], [SCOPES]), np.zeros((1, len(MEASURES))))
    assert worst_steps(evidence, [EMPTY_TRACE], [SCOPES]) == [None]


def test_known_sizes_do_not_depend_on_the_order_of_the_sessions():
    rng = np.random.default_rng(0)
    traces = [trace("a" * 50, rng.lognormal(size=50)) for _ in range(MOST_SEEN // 25)]
    stray = trace("a", [1e6])
    assert fit_size_model(traces).novelty(stray) == pytest.approx(fit_size_model(traces[::-1]).novelty(stray))


@given(st.lists(st.lists(st.sampled_from("abcd"), max_size=4), max_size=6))
@settings(deadline=None, max_examples=60)
def test_sequences_laid_end_to_end_can_be_told_apart_again(sequences):
    together = StepSequences.of(sequences)
    assert sorted(set().union(*sequences)) == sorted(together.names)
    codes = together.coded({"a": 7, "b": 8}, -1)
    assert [part.tolist() for part in together.split(codes)] == [
        [{"a": 7, "b": 8}.get(symbol, -1) for symbol in own] for own in sequences
    ]
    assert together.sequence.tolist() == [k for k, own in enumerate(sequences) for _ in own]


def test_a_symbol_beyond_what_is_looked_up_directly_is_found_all_the_same():
    """So many symbols that contexts of two are searched, those of none and one looked up directly."""
    names = [f"t{k}" for k in range(700)]
    model = fit_order_model([names, names])
    assert model.surprise(names)[-1] < 2 < model.surprise(names[::-1])[-1]
    assert model.surprise(["never-seen", *names[-3:]])[-1] == pytest.approx(model.surprise(["other", *names[-3:]])[-1])
