import numpy as np

from analytics.evaluation.prefixes import cut_events, equal_cut, event_counts, onset_cut, onset_ranks, ranks_of
from analytics.sessions import SessionEvents
from tests.analytics.evaluation.truths import truth_of
from tests.builders import sessions_of, use


def numbered(session, count, first=0):
    return [use(k, session=session, sequence=first + k) for k in range(count)]


SESSIONS = sessions_of(*numbered("a", 4), *numbered("b", 9, first=100), *numbered("c", 12), *numbered("d", 6))
TRUTH = truth_of(("c", True, 0, 2), ("a", False, 1, None), ("b", True, 2, 106), ("d", False, 3, None))


def lengths_of(table):
    sessions = SessionEvents.from_table(table)
    return dict(zip(sessions.session_ids, sessions.lengths.tolist(), strict=True))


def test_counts_and_onsets_follow_the_truths_order_and_the_emitters_numbers():
    assert event_counts(TRUTH, SESSIONS).tolist() == [12, 4, 9, 6]
    assert onset_ranks(TRUTH, SESSIONS)[[0, 2]].tolist() == [2, 6]
    assert np.isnan(onset_ranks(TRUTH, SESSIONS)[[1, 3]]).all()


def test_a_number_between_two_events_is_reached_at_the_later_and_one_past_the_end_never():
    gaps = sessions_of(*(use(k, session="a", sequence=10 * k) for k in range(5)))
    assert ranks_of(gaps, {"a": 25, "unknown": 1}) == {"a": 3}
    assert ranks_of(gaps, {"a": 41}) == {}


def test_equal_length_keeps_as_many_events_of_each_and_leaves_out_who_has_fewer_or_no_onset_by_then():
    cut = equal_cut(TRUTH, event_counts(TRUTH, SESSIONS), onset_ranks(TRUTH, SESSIONS), 5)
    assert cut.chosen.tolist() == [True, False, False, True]
    table = cut_events(SESSIONS, TRUTH, cut)
    assert lengths_of(table) == {"c": 5, "d": 5}
    assert sorted(table.values("sequence")) == sorted([0, 1, 2, 3, 4] * 2)


def test_common_length_is_one_that_nine_sessions_in_ten_reach():
    truth = truth_of(*((f"s{k}", False, k, None) for k in range(20)))
    counts = np.array([3, 4, 7, *range(8, 25)])
    cut = equal_cut(truth, counts, np.full(20, np.nan))
    assert set(cut.lengths) == {4}
    assert cut.chosen.sum() == 19


def test_onset_cut_shows_so_many_events_past_the_first_bad_one():
    counts, onsets = event_counts(TRUTH, SESSIONS), onset_ranks(TRUTH, SESSIONS)
    cut = onset_cut(TRUTH, counts, onsets, 1, np.random.default_rng(0))
    lengths = lengths_of(cut_events(SESSIONS, TRUTH, cut))
    assert lengths["c"] == 4
    assert lengths["b"] == 8
    # Good sessions are cut where bad ones are, and never beyond their end.
    assert lengths["a"] == 4
    assert lengths["d"] in (4, 6)
