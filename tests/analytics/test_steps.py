from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.order_model import ORDER, fit_order_model
from analytics.size_model import MOST_SEEN, KnownSizes, fit_size_model
from analytics.step_evidence import DISORDER, LASTING, MEASURES, fit_step_evidence, trace_scopes
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
    return [None if story is None else story.worst for story in evidence.size_stories(traces, scopes)]


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
    model = fit_size_model(traces, 0)
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
    rows = evidence.measure([healthy(), foreign, one_size, all_sizes], [SCOPES] * 4)
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
    return evidence.measure([trace(one) for one in symbols], [SCOPES] * len(symbols))[:, MEASURES.index(DISORDER)]


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
    story = known_work().order_story(trace(foreign), SCOPES)
    assert story.steps == LASTING
    assert story.rank >= len(WORK) - 1
    known = set(pairwise(WORK))
    assert story.pairs
    assert not known & set(story.pairs)
    assert fit_step_evidence([], [], 0).order_story(EMPTY_TRACE, SCOPES) is None


def test_a_cut_trace_is_measured_as_if_it_had_ended_there():
    evidence = fit_step_evidence([trace("abcabc")] * 5, [SCOPES] * 5, 0)
    whole, young = trace("abcxyz"), trace("abc")
    cut, ended = evidence.measure([whole.until(3)], [SCOPES]), evidence.measure([young], [SCOPES])
    assert np.array_equal(cut, ended, equal_nan=True)


def test_sessions_measured_together_are_measured_as_if_each_were_alone():
    rng = np.random.default_rng(3)

    def some(count):
        steps = rng.integers(3, 30, count)
        return [trace([f"t{k}" for k in rng.integers(0, 7, n)], rng.lognormal(4, 2, n)) for n in steps]

    fitted = fit_step_evidence(some(80), [SCOPES] * 80, 0)
    whole = some(150)  # more than are looked up at once
    traces = [*whole, *(one.until(5) for one in whole), EMPTY_TRACE]
    scopes = [SCOPES if number % 3 else trace_scopes("another", None) for number in range(len(traces))]
    together = fitted.measure(traces, scopes)
    alone = [fitted.measure([one], [known])[0] for one, known in zip(traces, scopes, strict=True)]
    assert np.array_equal(together, np.stack(alone), equal_nan=True)
    assert worst_steps(fitted, traces, scopes) == [
        worst_steps(fitted, [one], [known])[0] for one, known in zip(traces, scopes, strict=True)
    ]


def test_the_surprise_of_a_sequence_does_not_depend_on_its_neighbours():
    model = fit_order_model(["abcabcabd", "aab", "c"])
    sequences = ["abc", "", "xab", "dcba"]
    for sequence, surprise in zip(sequences, model.surprises(sequences), strict=True):
        assert np.array_equal(surprise, model.surprise(sequence))


def test_a_step_alone_surprises_by_how_rare_it_is():
    (bits,) = fit_order_model([("often",) * 9 + ("rare",)]).bits([("rare", "often")])
    assert bits.shape == (2, ORDER + 1)
    assert bits[0, 0] > 2.5
    assert bits[1, 0] < 0.5


def test_a_model_of_nothing_finds_nothing_surprising_and_nothing_novel():
    assert list(fit_order_model([]).surprise("ab")) == [0.0, 0.0]
    assert not fit_size_model([EMPTY_TRACE], 0).novelty(trace("ab", [1, 2])).any()


def test_no_steps_give_no_evidence():
    evidence = fit_step_evidence([EMPTY_TRACE], [SCOPES], 0)
    assert np.array_equal(evidence.measure([EMPTY_TRACE], [SCOPES]), np.zeros((1, len(MEASURES))))
    assert worst_steps(evidence, [EMPTY_TRACE], [SCOPES]) == [None]


def test_known_sizes_do_not_depend_on_the_order_of_the_sessions():
    rng = np.random.default_rng(0)
    traces = [trace("a" * 50, rng.lognormal(size=50)) for _ in range(MOST_SEEN // 25)]
    stray = trace("a", [1e6])
    assert fit_size_model(traces, 0).novelty(stray) == pytest.approx(fit_size_model(traces[::-1], 0).novelty(stray))
