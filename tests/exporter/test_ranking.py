from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.verdicts import SessionVerdict, level_of
from exporter import ranking
from exporter.ranking import Ranking, by_risk


def verdict(number, risk, ended_ns=0):
    level = None if risk is None else level_of(risk)
    status = "insufficient" if risk is None else "scored"
    return SessionVerdict(f"s{number}", 0, ended_ns, 9, None, None, None, status, risk=risk, level=level)


RISKS = st.one_of(st.none(), st.integers(0, 4).map(lambda quarters: quarters / 4))
CHANGES = st.lists(st.tuples(st.integers(0, 12), RISKS, st.integers(0, 9)), max_size=9)
STEPS = st.lists(st.tuples(CHANGES, st.sets(st.integers(0, 12), max_size=3), st.integers(0, 9)), max_size=6)


@given(STEPS, st.sampled_from([0, 2, 1_000]))
@settings(deadline=None, max_examples=100)
def test_whatever_changes_the_order_is_that_of_sorting_all_anew(steps, few):
    verdicts, kept = {}, Ranking()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranking, "_FEW", few)
        for changes, forgotten, since_ns in steps:
            verdicts.update((f"s{number}", verdict(number, risk, ended_ns)) for number, risk, ended_ns in changes)
            for number in forgotten:
                verdicts.pop(f"s{number}", None)
            shown = kept.of(verdicts, since_ns)
            assert list(shown) == sorted((one for one in verdicts.values() if one.ended_ns >= since_ns), key=by_risk)


def test_while_nothing_changes_it_is_the_very_same_tuple():
    verdicts = {one.session_id: one for one in (verdict(1, 0.2, 5), verdict(2, 0.9, 7))}
    kept = Ranking()
    first = kept.of(verdicts, 0)
    assert kept.of(verdicts, 4) is first
    assert kept.of(verdicts, 6) == first[:1]
    verdicts["s3"] = verdict(3, 1.0, 9)
    assert [one.session_id for one in kept.of(verdicts, 6)] == ["s3", "s2"]


def test_a_session_that_is_judged_again_alike_is_another_verdict():
    verdicts = {"s1": verdict(1, 0.2)}
    kept = Ranking()
    first = kept.of(verdicts, 0)
    verdicts["s1"] = verdict(1, 0.2)
    second = kept.of(verdicts, 0)
    assert second == first
    assert second[0] is verdicts["s1"]
