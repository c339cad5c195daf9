from __future__ import annotations

import numpy as np
import pytest

from analytics.traces import EMPTY_TRACE, Trace
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
    alone, padded = model.measure([said(*bad), said(*bad, *["git_push pytest"] * 500)], [MARA, MARA])
    assert padded == pytest.approx(alone)


def test_a_session_of_one_new_word_is_less_strange_than_one_of_five():
    model = team()
    one, five = model.measure([said("shred"), said("shred", "dd", "crontab", "nc", "scp")], [MARA, MARA])
    assert one == pytest.approx(five / NEWEST)


def test_a_session_without_known_arguments_is_not_measured():
    assert np.isnan(team().measure([EMPTY_TRACE], [MARA])[0])


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
