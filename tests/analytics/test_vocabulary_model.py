from __future__ import annotations

from itertools import chain

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.first_uses import BURST_USES, BURST_WORDS, FirstUses
from analytics.traces import EMPTY_TRACE, MESSAGE, PROMPT, Trace
from analytics.vocabulary_model import MOST_KNOWN, NEWEST, fit_vocabulary, words_used

MARA, OMAR = ("claude-code", "mara"), ("claude-code", "omar")


def said(*steps: str) -> Trace:
    count = len(steps)
    nothing = np.full((count, 4), np.nan, dtype=np.float32)
    return Trace(("Bash",) * count, nothing, np.arange(count, dtype=np.int32), count, tuple(steps))


def team(sessions: int = 60):
    """Mara runs git and pytest, Omar kubectl and nmap, so many sessions each."""
    traces = [said("git_push git_push:-f", "pytest")] * sessions + [said("kubectl", "nmap")] * sessions
    return fit_vocabulary(traces, [MARA] * sessions + [OMAR] * sessions)


def test_a_word_is_news_for_one_user_and_none_for_another():
    model = team()
    assert model.surprise(["nmap"], MARA)[0] > 1.0
    assert model.surprise(["nmap"], OMAR)[0] < 0.1


def test_a_word_nobody_used_is_the_greatest_news():
    known, new = team().surprise(["nmap", "shred"], MARA)
    assert new > known


def test_a_new_user_is_measured_by_the_others_of_the_agent():
    model = team()
    assert model.surprise(["pytest"], ("claude-code", "newcomer"))[0] < 0.5
    assert model.surprise(["shred"], ("claude-code", "newcomer"))[0] > 1.0


def test_more_of_the_usual_around_them_does_not_dilute_new_words():
    model = team()
    bad = ("shred", "dd", "crontab", "nc", "scp")
    alone, padded = model.measure([said(*bad), said(*bad, *["git_push pytest"] * 500)], [MARA, MARA]).words
    assert padded == pytest.approx(alone)


def test_a_session_of_one_new_word_is_less_strange_than_one_of_five():
    model = team()
    one, five = model.measure([said("shred"), said("shred", "dd", "crontab", "nc", "scp")], [MARA, MARA]).words
    assert one == pytest.approx(five / NEWEST)


def test_a_session_without_known_arguments_is_not_measured():
    assert all(np.isnan(measure[0]) for measure in team().measure([EMPTY_TRACE], [MARA]))


def test_new_words_are_louder_close_together_than_far_apart():
    model = team()
    usual = ["git_push pytest"] * 6
    together, apart = model.measure([said("shred", "dd", *usual), said("shred", *usual, "dd")], [MARA, MARA]).burst
    assert together == pytest.approx(2 * apart, rel=1e-3)


def test_one_word_nobody_used_is_louder_in_a_burst_than_several_that_others_use():
    others = ("kubectl", "nmap", "helm", "dig")
    model = fit_vocabulary([said("pytest")] * 60 + [said(*others)] * 60, [MARA] * 60 + [OMAR] * 60)
    unheard, foreign = model.measure([said("shred"), said(*others)], [MARA, MARA]).burst
    assert model.surprise(["shred"], MARA)[0] < model.surprise(others, MARA).sum()
    assert unheard > foreign


def test_messages_between_tool_uses_do_not_break_a_burst():
    plain = said("shred", "dd", "nc", "scp")
    symbols = ("Bash", MESSAGE, PROMPT, "Bash", MESSAGE, "Bash", MESSAGE, "Bash")
    broken = Trace(symbols, np.full((8, 4), np.nan), np.arange(8), 8, ("shred", "", "", "dd", "", "nc", "", "scp"))
    calm, talking = team().measure([plain, broken], [MARA, MARA]).burst
    assert talking == pytest.approx(calm)


def test_words_a_person_called_usual_are_no_news():
    model = team()
    novelty = model.measure([said("shred", "dd")], [MARA], {MARA: frozenset(("shred", "dd"))})
    assert novelty.words[0] == novelty.burst[0] == 0.0


@given(st.lists(st.sampled_from(["git_push", "pytest", "shred dd", "nc", "scp x", ""]), min_size=1, max_size=30))
def test_a_session_is_measured_at_each_age_as_if_it_had_ended_there(steps):
    model, whole = team(), said(*steps)
    if not any(steps):
        return
    cuts = [whole.until(age) for age in range(1, len(steps) + 1)]
    alone = [said(*steps[:age]) for age in range(1, len(steps) + 1)]
    together = model.measure(cuts, [MARA] * len(cuts))
    for row, trace in enumerate(alone):
        if any(trace.words):
            one = model.measure([trace], [MARA])
            assert together.words[row] == pytest.approx(one.words[0])
            assert together.burst[row] == pytest.approx(one.burst[0])


@given(st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=5), min_size=1, max_size=20), st.data())
def test_the_loudest_burst_is_the_loudest_of_all_stretches(steps, data):
    trace = said(*[" ".join(words) for words in steps])
    used = FirstUses.of(trace)
    news = {word: data.draw(st.floats(0, 3)) for word in used.words}
    seen, fresh = set(), []
    for words in steps:
        fresh.append([news[word] ** 2 for word in dict.fromkeys(words) if word not in seen])
        seen.update(words)
    stretches = [list(chain(*fresh[begin : begin + BURST_USES])) for begin in range(len(fresh))]
    expected = max(sum(sorted(stretch)[-BURST_WORDS:]) / BURST_WORDS for stretch in stretches)
    found = used.bursts(np.array([news[word] for word in used.words]))
    assert (found[-1] if len(found) else 0.0) == pytest.approx(expected)


def test_the_words_of_the_loudest_burst_are_told():
    model = team()
    trace = said("nmap", *["pytest"] * 6, "shred", "dd", "git_push")
    assert set(model.newest_in_burst(trace, MARA)) == {"shred", "dd"}
    assert model.newest_in_burst(trace.until(3), MARA) == ["nmap"]


def test_words_after_the_age_do_not_count():
    assert words_used(said("git_push", "shred").until(1)) == ["git_push"]


def test_the_newest_words_are_told_least_expected_first():
    model = team()
    assert model.newest(said("pytest", "nmap", "shred"), MARA) == ["shred", "nmap"]


def test_a_flood_of_words_does_not_grow_the_model():
    flood = [said(*(" ".join(f"w{k}-{n}" for n in range(20)) for k in range(600))) for _ in range(4)]
    model = fit_vocabulary([*flood, *[said("git_push")] * 9], [MARA] * 13)
    assert all(len(words) <= MOST_KNOWN for words in model.counts.values())
    assert "git_push" in model.counts[MARA]
