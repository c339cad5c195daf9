from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.verdicts import SessionVerdict, level_of
from exporter.session_tally import SessionTally

LINE = 0.95


def verdict(number, risk, scores):
    level, status = (None, "initializing") if risk is None else (level_of(risk), "scored")
    return SessionVerdict(
        f"s{number}", 0, 1, 9, None, None, None, status, risk=risk, level=level, anomaly=risk, detectors=scores
    )


SCORES = st.dictionaries(st.sampled_from(["lof", "dbscan"]), st.sampled_from([0.1, 0.95, 1.0]))
POOL = st.lists(st.tuples(st.one_of(st.none(), st.sampled_from([0.1, 0.5, 0.95])), SCORES), min_size=1, max_size=8)


@given(POOL, st.lists(st.sets(st.integers(0, 7)), max_size=5))
@settings(deadline=None, max_examples=100)
def test_whatever_comes_and_goes_the_counts_are_those_of_the_last_sessions(pool, rounds):
    known = [verdict(number, risk, scores) for number, (risk, scores) in enumerate(pool)]
    tally = SessionTally(LINE)
    for chosen in rounds:
        sessions = tuple(known[number] for number in chosen if number < len(known))
        tally.take(sessions)
        states = Counter(one.level or one.status for one in sessions)
        assert +Counter(tally.states()) == states
        scored = [{**one.detectors, "joint": one.anomaly} for one in sessions if one.risk is not None]
        judged = Counter(name for scores in scored for name in scores)
        above = Counter(name for scores in scored for name, score in scores.items() if score >= LINE)
        assert tally.anomalous_ratios() == pytest.approx({name: above[name] / judged[name] for name in judged})


def test_a_session_that_is_judged_anew_is_counted_once():
    tally = SessionTally(LINE)
    tally.take((verdict(1, 0.1, {}),))
    tally.take((verdict(1, 0.95, {}),))
    assert +Counter(tally.states()) == {"critical": 1}
    assert tally.anomalous_ratios() == {"joint": 1.0}
